//! The log lets go of its oldest changes, and says so.

use tempfile::TempDir;

use super::super::*;
use super::{put, put_once};
use crate::store::conformance::{key, once, value};
use crate::store::{Expect, StoreError};

async fn oldest(store: &Embedded) -> u64 {
    match store.changes_after(Revision(u64::MAX), &Prefix::all(), 1).await {
        Err(StoreError::OutOfRange { oldest, .. }) => oldest.0,
        other => panic!("{other:?}"),
    }
}

/// The log from its oldest change on is whole; in front of that it is refused. How many it has.
async fn check_log(store: &Embedded) -> u64 {
    let (oldest, newest) = (oldest(store).await, store.newest().borrow().0);
    for after in 0..oldest {
        let refused = store.changes_after(Revision(after), &Prefix::all(), 1).await;
        assert!(
            matches!(refused, Err(StoreError::OutOfRange { oldest: told, .. }) if told.0 == oldest),
            "{refused:?}"
        );
    }
    // From the file, whatever is in memory.
    let file = store.view.snapshot().unwrap();
    let read = file.changes_after(Revision(oldest), &Prefix::all(), usize::MAX).unwrap();
    let revisions: Vec<_> = read.changes.iter().map(|change| change.revision.0).collect();
    assert_eq!(revisions, (oldest + 1..=newest).collect::<Vec<_>>());
    newest - oldest
}

#[tokio::test]
async fn changes_whose_values_are_too_much_are_trimmed_and_records_stay() {
    let bounds = StoreBounds { changes_bytes: 1000, ..StoreBounds::default() };
    let store = Embedded::in_memory(&bounds).unwrap();
    for n in 0..50 {
        put(&store, &format!("a.{n:02}"), &"x".repeat(100)).await.unwrap();
    }
    // The bound is held to before a write is added.
    assert_eq!(check_log(&store).await, 11);
    assert_eq!(store.list(&Prefix::all(), None, 100).await.unwrap().records.len(), 50);
}

#[tokio::test]
async fn changes_are_trimmed_when_their_time_is_over_and_not_before() {
    let over = StoreBounds { changes_for: Duration::ZERO, ..StoreBounds::default() };
    for (bounds, kept) in [(over, 1), (StoreBounds::default(), 3)] {
        let store = Embedded::in_memory(&bounds).unwrap();
        for name in ["a.1", "a.2", "a.3"] {
            put(&store, name, "x").await.unwrap();
        }
        assert_eq!(check_log(&store).await, kept);
    }
}

#[tokio::test]
async fn what_a_key_refers_to_outlives_its_place_in_the_log_and_goes_with_the_key() {
    let bounds = StoreBounds { changes_for: Duration::ZERO, keys: 2, ..StoreBounds::default() };
    let store = Embedded::in_memory(&bounds).unwrap();
    let first = put_once(&store, "a.1", 1).await.unwrap();
    put(&store, "a.2", "x").await.unwrap();
    assert_eq!(check_log(&store).await, 1);
    assert_eq!(store.done(&once(1)).await.unwrap().as_ref(), Some(&first));
    assert_eq!(put_once(&store, "a.1", 1).await.unwrap(), first);

    put_once(&store, "a.3", 2).await.unwrap();
    put_once(&store, "a.4", 3).await.unwrap();
    assert_eq!(store.done(&once(1)).await.unwrap(), None);
    assert!(store.done(&once(2)).await.unwrap().is_some());
    assert_eq!(check_log(&store).await, 1);
    let file = store.view.snapshot().unwrap();
    // What the key 2 refers to, and the newest.
    assert_eq!(file.logged().unwrap(), [3, 4]);
}

#[tokio::test]
async fn a_long_log_is_trimmed_in_steps_by_the_writes_that_come() {
    let folder = TempDir::new().unwrap();
    let store = Arc::new(Embedded::open(folder.path(), &StoreBounds::default()).unwrap());
    let writes: Vec<_> = (0..1500)
        .map(|n| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { put(&store, &format!("a.{n}"), "x").await })
        })
        .collect();
    for write in writes {
        write.await.unwrap().unwrap();
    }
    store.close().await.unwrap();

    let bounds = StoreBounds { changes_bytes: 10, ..StoreBounds::default() };
    let store = Embedded::open(folder.path(), &bounds).unwrap();
    let mut left = check_log(&store).await;
    assert_eq!(left, 1500);
    while left > 11 {
        put(&store, "b.1", "x").await.unwrap();
        let now = check_log(&store).await;
        assert!(now < left && left - now <= 512, "from {left} to {now}");
        left = now;
    }
    store.close().await.unwrap();

    // The count goes on where it stood.
    let store = Embedded::open(folder.path(), &bounds).unwrap();
    put(&store, "b.1", "x").await.unwrap();
    assert_eq!(check_log(&store).await, 11);
    assert_eq!(store.get(&key("a.7")).await.unwrap().unwrap().value, value("x"));
    let put = store.put(key("b.2"), Expect::Absent, value("y"), None).await.unwrap();
    assert_eq!(put.revision, *store.newest().borrow());
}
