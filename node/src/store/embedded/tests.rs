//! What the embedded store holds beyond the conformance suite: files, restarts, bounds.

mod failing_disk;
mod mending;
mod tail;
mod trimming;
mod upgrading;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use bytes::Bytes;
use tempfile::TempDir;

use super::*;
use crate::store::conformance::{conformance_tests, key, once, value};
use crate::store::{Expect, StoreError};

async fn empty_in_memory() -> Arc<dyn Store> {
    Arc::new(Embedded::in_memory(&StoreBounds::default()).unwrap())
}

mod in_memory {
    super::conformance_tests!(super::empty_in_memory);
}

fn open(folder: &Path) -> Result<Embedded, OpenError> {
    Embedded::open(folder, &StoreBounds::default())
}

async fn put(store: &Embedded, name: &str, text: &str) -> Result<Change, StoreError> {
    store.put(key(name), Expect::Any, value(text), None).await
}

async fn put_once(store: &Embedded, name: &str, number: u128) -> Result<Change, StoreError> {
    store.put(key(name), Expect::Any, value(name), Some(once(number))).await
}

#[tokio::test]
async fn what_was_written_is_there_after_a_restart_and_revisions_go_on() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).unwrap();
    let first = put_once(&store, "a.1", 1).await.unwrap();
    put(&store, "a.2", "gone").await.unwrap();
    store.delete(key("a.2"), Expect::Any, None).await.unwrap();
    store.close().await.unwrap();

    let store = open(folder.path()).unwrap();
    assert_eq!(*store.newest().borrow(), Revision(3));
    assert_eq!(store.get(&key("a.1")).await.unwrap().unwrap().value, value("a.1"));
    assert_eq!(store.get(&key("a.2")).await.unwrap(), None);
    assert_eq!(put_once(&store, "a.1", 1).await.unwrap(), first);
    assert_eq!(put(&store, "a.3", "x").await.unwrap().revision, Revision(4));
    let log = store.changes_after(Revision(0), &Prefix::all(), 10).await.unwrap();
    let revisions: Vec<_> = log.changes.iter().map(|change| change.revision.0).collect();
    assert_eq!(revisions, [1, 2, 3, 4]);
}

#[tokio::test]
async fn a_store_that_is_dropped_keeps_what_it_acknowledged_and_lets_go_of_its_folder() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).unwrap();
    for n in 0..20 {
        put(&store, &format!("a.{n}"), "x").await.unwrap();
    }
    drop(store);

    let store = loop {
        match open(folder.path()) {
            Ok(store) => break store,
            Err(OpenError::InUse { .. }) => tokio::task::yield_now().await,
            Err(other) => panic!("{other}"),
        }
    };
    let page = store.list(&Prefix::all(), None, 100).await.unwrap();
    assert_eq!(page.records.len(), 20);
}

#[tokio::test]
async fn closing_finishes_what_was_handed_over() {
    let folder = TempDir::new().unwrap();
    let store = Arc::new(open(folder.path()).unwrap());
    let writes: Vec<_> = (0..500)
        .map(|n| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { put(&store, &format!("a.{n}"), "x").await })
        })
        .collect();
    tokio::task::yield_now().await;
    store.close().await.unwrap();

    let mut acknowledged = 0;
    for write in writes {
        match write.await.unwrap() {
            Ok(_) => acknowledged += 1,
            Err(StoreError::Closed) => {}
            Err(other) => panic!("{other}"),
        }
    }
    assert!(acknowledged > 0, "nothing was handed over before the close");
    let store = open(folder.path()).unwrap();
    assert_eq!(*store.newest().borrow(), Revision(acknowledged));
}

#[tokio::test]
async fn a_write_whose_asker_has_gone_is_still_done() {
    let store = Embedded::in_memory(&StoreBounds::default()).unwrap();
    let mut newest = store.newest();
    {
        let mut write = Box::pin(put_once(&store, "a.1", 1));
        // Polled once, it has handed over the write; dropped, nobody waits for the answer (which
        // a fast writer has given by now).
        let _ = futures_util::poll!(&mut write);
    }
    newest.changed().await.unwrap();
    assert!(store.get(&key("a.1")).await.unwrap().is_some());
    assert_eq!(put_once(&store, "a.1", 1).await.unwrap().revision, Revision(1));
}

#[tokio::test]
async fn a_folder_in_use_is_refused_with_what_to_do() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).unwrap();
    let refused = open(folder.path()).unwrap_err();
    let expected = format!(
        "data folder {} is in use by another node: stop it or choose another --data",
        folder.path().display()
    );
    assert_eq!(refused.to_string(), expected);
    // The refusal does not harm who has it.
    put(&store, "a.1", "x").await.unwrap();
    store.close().await.unwrap();
    assert!(open(folder.path()).is_ok());
}

#[tokio::test]
async fn folder_and_file_are_the_owners_alone() {
    let above = TempDir::new().unwrap();
    let folder = above.path().join("deep/data");
    let store = open(&folder).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(mode(&folder.join("store.redb")), 0o600);
    store.close().await.unwrap();
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let above = TempDir::new().unwrap();
    let file = above.path().join("file");
    fs::write(&file, "x").unwrap();
    let refused = open(&file.join("data")).unwrap_err();
    assert!(matches!(&refused, OpenError::Io { path, .. } if *path == file.join("data")));
    assert!(refused.to_string().contains("choose another --data"), "{refused}");
}

#[test]
fn a_file_that_is_no_store_is_refused_and_left_as_it_is() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("store.redb");
    for foreign in [&b"x"[..], &[0; 10_000], &[0xff; 100], "# a letter\n".repeat(500).as_bytes()] {
        fs::write(&file, foreign).unwrap();
        let refused = open(folder.path()).unwrap_err();
        assert!(matches!(refused, OpenError::Foreign { .. }), "{refused}");
        assert_eq!(fs::read(&file).unwrap(), foreign);
    }
}

#[test]
fn a_redb_file_of_another_program_and_a_newer_store_are_refused() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("store.redb");
    let write = |table: &str, format: u64| {
        let database = redb::Database::create(&file).unwrap();
        let transaction = database.begin_write().unwrap();
        let table = redb::TableDefinition::<&str, u64>::new(table);
        transaction.open_table(table).unwrap().insert("format", format).unwrap();
        transaction.commit().unwrap();
    };
    write("theirs", 1);
    let refused = open(folder.path()).unwrap_err();
    assert!(refused.to_string().contains("another program"), "{refused}");
    write("meta", 3);
    let refused = open(folder.path()).unwrap_err();
    assert!(refused.to_string().contains("its format is 3"), "{refused}");
}

#[tokio::test]
async fn a_damaged_file_is_refused_or_reads_as_it_was() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).unwrap();
    for n in 0..200 {
        put(&store, &format!("a.{n:03}"), &"x".repeat(200)).await.unwrap();
    }
    store.close().await.unwrap();
    let file = folder.path().join("store.redb");
    let sound = fs::read(&file).unwrap();

    let mut refused = 0;
    for at in (0..sound.len()).step_by(sound.len() / 64 + 1) {
        let mut damaged = sound.clone();
        for byte in damaged.iter_mut().skip(at).take(64) {
            *byte ^= 0x5a;
        }
        fs::write(&file, &damaged).unwrap();
        match open(folder.path()) {
            Ok(store) => {
                let page = store.list(&Prefix::all(), None, 1000).await.unwrap();
                assert_eq!(page.records.len(), 200, "damaged at {at}");
                let sound = value(&"x".repeat(200));
                assert!(page.records.iter().all(|record| record.value == sound), "at {at}");
                store.close().await.unwrap();
            }
            Err(OpenError::Corrupt { .. } | OpenError::Foreign { .. }) => refused += 1,
            Err(other) => panic!("damaged at {at}: {other}"),
        }
    }
    assert!(refused > 0, "no damage was noticed");

    fs::write(&file, &sound[..sound.len() / 2]).unwrap();
    let short = open(folder.path()).unwrap_err();
    assert!(matches!(short, OpenError::Corrupt { .. }), "{short}");
}

#[tokio::test]
async fn the_oldest_keys_are_forgotten_where_there_are_too_many() {
    let bounds = StoreBounds { keys: 10, ..StoreBounds::default() };
    let store = Embedded::in_memory(&bounds).unwrap();
    for n in 0..15 {
        put_once(&store, &format!("a.{n}"), n).await.unwrap();
    }
    for n in 0..15 {
        let known = store.done(&once(n)).await.unwrap().is_some();
        assert_eq!(known, n >= 5, "key {n}");
    }
}

#[tokio::test]
async fn keys_are_forgotten_when_their_time_is_over_and_not_before() {
    let over = StoreBounds { keys_for: Duration::ZERO, ..StoreBounds::default() };
    for (bounds, kept) in [(over, false), (StoreBounds::default(), true)] {
        let store = Embedded::in_memory(&bounds).unwrap();
        put_once(&store, "a.1", 1).await.unwrap();
        put(&store, "a.2", "x").await.unwrap();
        assert_eq!(store.done(&once(1)).await.unwrap().is_some(), kept);
    }
}

#[test]
fn a_store_needs_no_runtime_to_be_opened_and_dropped() {
    drop(Embedded::in_memory(&StoreBounds::default()).unwrap());
}

#[tokio::test]
async fn one_page_holds_about_a_mebibyte() {
    let store = Embedded::in_memory(&StoreBounds::default()).unwrap();
    let large = Bytes::from(vec![7; 600_000]);
    for n in 0..4 {
        store.put(key(&format!("a.{n}")), Expect::Any, large.clone(), None).await.unwrap();
    }
    let page = store.list(&Prefix::all(), None, 100).await.unwrap();
    assert_eq!((page.records.len(), page.next), (2, Some(key("a.1"))));
    let read = store.changes_after(Revision(0), &Prefix::all(), 100).await.unwrap();
    assert_eq!((read.changes.len(), read.through), (2, Revision(2)));
}
