//! A file of the format before ours opens, and has afterwards what a new one has.

use tempfile::TempDir;

use super::super::layout::{AGE_MS, CHANGES_BYTES, FORMAT, ID, INDEX, META};
use super::super::*;
use super::{open, put_once};
use crate::store::conformance::{key, once, value};
use crate::store::{Expect, Write};

/// Takes away what format 1 did not have.
fn downgrade(folder: &Path) {
    let database = redb::Database::open(folder.join("store.redb")).unwrap();
    let transaction = database.begin_write().unwrap();
    assert!(transaction.delete_table(INDEX).unwrap());
    let mut meta = transaction.open_table(META).unwrap();
    for name in [ID, CHANGES_BYTES] {
        meta.remove(name).unwrap();
    }
    meta.insert(FORMAT, 1).unwrap();
    meta.insert(AGE_MS, 5_000_000).unwrap();
    drop(meta);
    transaction.commit().unwrap();
}

fn number(folder: &Path, name: &str) -> Option<u64> {
    let database = redb::Database::open(folder.join("store.redb")).unwrap();
    let meta = redb::ReadableDatabase::begin_read(&database).unwrap().open_table(META).unwrap();
    meta.get(name).unwrap().map(|found| found.value())
}

#[tokio::test]
async fn a_store_of_the_format_before_keeps_all_and_gains_an_index_and_an_id() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).unwrap();
    let first = put_once(&store, "a.1", 1).await.unwrap();
    store.put(key("a.2"), Expect::Any, value("12345"), None).await.unwrap();
    store.delete(key("a.2"), Expect::Any, None).await.unwrap();
    store.close().await.unwrap();
    downgrade(folder.path());

    let store = open(folder.path()).unwrap();
    assert_eq!(*store.newest().borrow(), Revision(3));
    assert_eq!(store.get(&key("a.1")).await.unwrap().unwrap().value, value("a.1"));
    assert_eq!(store.done(&once(1)).await.unwrap(), Some(first));
    let log = store.changes_after(Revision(0), &Prefix::all(), 10).await.unwrap();
    assert_eq!(log.changes.len(), 3);
    let (kind, index) = (ChangeKind::Put(value("z")), vec![key("by.1")]);
    let write = Write {
        key: key("a.3"),
        expect: Expect::Any,
        kind,
        index,
        unindex: Vec::new(),
        once: None,
    };
    store.write(write).await.unwrap();
    let page = store.list_index(&Prefix::below(&key("by")), None, 10).await.unwrap();
    assert_eq!(page.records.len(), 1);
    let id = store.id();
    store.close().await.unwrap();
    assert_eq!(number(folder.path(), FORMAT), Some(2));
    assert_eq!(number(folder.path(), CHANGES_BYTES), Some(3 + 5 + 1));
    assert!(number(folder.path(), AGE_MS).unwrap() >= 5_000_000);

    let store = open(folder.path()).unwrap();
    assert_eq!(store.id(), id);
    store.close().await.unwrap();
}

#[tokio::test]
async fn two_stores_have_two_ids() {
    let store = || Embedded::in_memory(&StoreBounds::default()).unwrap();
    assert_ne!(store().id(), store().id());
}
