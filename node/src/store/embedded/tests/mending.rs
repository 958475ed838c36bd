//! A store whose disk could not be written for a while mends itself; one whose fsync has failed
//! does not.

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};

use tempfile::TempDir;

use super::super::*;
use super::failing_disk::{Fails, NEVER, open_failing};
use super::{open, put, put_once};
use crate::store::conformance::{key, once, value};
use crate::store::{Expect, ReadOnlyUntil, StoreError};

const OFTEN: Duration = Duration::from_millis(2);

/// Writes until the disk fails; how many were acknowledged.
async fn write_until_it_fails(store: &Embedded, left: &AtomicU64, after: u64) -> u64 {
    for n in 0..50 {
        put(store, &format!("a.{n:02}"), &"x".repeat(2000)).await.unwrap();
    }
    left.store(after, Ordering::SeqCst);
    for n in 50.. {
        match put_once(store, &format!("b.{n}"), n).await {
            Ok(_) => {}
            Err(StoreError::InDoubt { .. }) => return u64::try_from(n).unwrap(),
            Err(other) => panic!("{other}"),
        }
    }
    unreachable!("the disk has to fail")
}

async fn until_it_writes(store: &Embedded, name: &str) -> Change {
    loop {
        match put(store, name, "z").await {
            Ok(change) => return change,
            Err(StoreError::ReadOnly { until: ReadOnlyUntil::Mended, .. }) => {
                tokio::time::sleep(OFTEN).await;
            }
            Err(other) => panic!("{other}"),
        }
    }
}

/// How many records a file has, as a start after a kill at this moment would find it.
async fn after_a_kill(folder: &Path) -> u64 {
    let copy = TempDir::new().unwrap();
    fs::copy(folder.join("store.redb"), copy.path().join("store.redb")).unwrap();
    let store = open(copy.path()).unwrap();
    let newest = store.newest().borrow().0;
    let log = store.changes_after(Revision(0), &Prefix::all(), 1000).await.unwrap();
    let page = store.list(&Prefix::all(), None, 1000).await.unwrap();
    assert_eq!((log.changes.len() as u64, page.records.len() as u64), (newest, newest));
    store.close().await.unwrap();
    newest
}

#[tokio::test]
async fn a_store_writes_again_once_its_disk_does() {
    for after in 0..12 {
        let folder = TempDir::new().unwrap();
        let (store, left) = open_failing(folder.path(), Fails::Writes, OFTEN);
        let mut newest = store.newest();
        let acknowledged = write_until_it_fails(&store, &left, after).await;
        let refused = put(&store, "c.1", "z").await;
        assert!(matches!(refused, Err(StoreError::ReadOnly { .. })), "{refused:?}");
        let again = put_once(&store, "b.x", acknowledged.into()).await;
        assert!(matches!(again, Err(StoreError::InDoubt { .. })), "{again:?}");
        assert_eq!(*newest.borrow_and_update(), Revision(acknowledged));
        let StoreState { revision, bytes, read_only } = store.state();
        assert!(read_only && bytes > 0 && revision == Revision(acknowledged));
        assert!(store.get(&key("a.07")).await.unwrap().is_some());

        left.store(u64::MAX, Ordering::SeqCst);
        let next = until_it_writes(&store, "c.2").await;
        // What was in doubt was stored, and its repeat acts no second time.
        assert_eq!(next.revision, Revision(acknowledged + 2));
        assert!(!store.state().read_only);
        let repeated = put_once(&store, "b.x", acknowledged.into()).await.unwrap();
        assert_eq!(repeated.revision, Revision(acknowledged + 1));
        assert_eq!(store.done(&once(acknowledged.into())).await.unwrap(), Some(repeated));
        assert_eq!(store.get(&key("c.1")).await.unwrap(), None);
        let log = store.changes_after(Revision(0), &Prefix::all(), 1000).await.unwrap();
        let revisions: Vec<_> = log.changes.iter().map(|change| change.revision.0).collect();
        assert_eq!(revisions, (1..=acknowledged + 2).collect::<Vec<_>>());
        assert_eq!(after_a_kill(folder.path()).await, acknowledged + 2);
        store.close().await.unwrap();

        let store = open(folder.path()).unwrap();
        assert_eq!(*store.newest().borrow(), Revision(acknowledged + 2));
        store.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_kill_at_any_moment_of_the_mending_loses_nothing() {
    for written in 0..12 {
        let folder = TempDir::new().unwrap();
        let (store, left) = open_failing(folder.path(), Fails::Writes, OFTEN);
        let acknowledged = write_until_it_fails(&store, &left, 0).await;
        assert_eq!(after_a_kill(folder.path()).await, acknowledged);
        // The next try comes this far, and fails; or is done.
        left.store(written, Ordering::SeqCst);
        while left.load(Ordering::SeqCst) > 0 && put(&store, "c.1", "z").await.is_err() {
            tokio::time::sleep(OFTEN).await;
        }
        let found = after_a_kill(folder.path()).await;
        assert!(found >= acknowledged, "{found} of {acknowledged} after {written} writes");

        left.store(u64::MAX, Ordering::SeqCst);
        let next = until_it_writes(&store, "c.2").await;
        assert!(next.revision.0 >= acknowledged + 2, "{next:?}");
        assert_eq!(after_a_kill(folder.path()).await, store.newest().borrow().0);
    }
}

#[tokio::test]
async fn no_reader_sees_a_revision_that_vanishes_while_a_disk_comes_and_goes() {
    let folder = TempDir::new().unwrap();
    let (store, left) = open_failing(folder.path(), Fails::Writes, OFTEN);
    let store = Arc::new(store);
    let reading = tokio::spawn({
        let store = Arc::clone(&store);
        async move {
            let mut read: Vec<Change> = Vec::new();
            loop {
                let at = read.last().map_or(Revision(0), |change| change.revision);
                let found = store.changes_after(at, &Prefix::all(), 7).await.unwrap();
                for change in found.changes {
                    assert_eq!(change.revision.0, read.len() as u64 + 1);
                    read.push(change);
                }
                if read.last().is_some_and(|last| last.key == key("end")) {
                    return read;
                }
                tokio::task::yield_now().await;
            }
        }
    });
    for round in 0..30 {
        left.store(round, Ordering::SeqCst);
        for n in 0.. {
            if put(&store, &format!("r{round}.{n}"), &"y".repeat(300)).await.is_err() {
                break;
            }
        }
        left.store(u64::MAX, Ordering::SeqCst);
        until_it_writes(&store, &format!("r{round}.mended")).await;
    }
    put(&store, "end", "x").await.unwrap();
    let read = reading.await.unwrap();
    let file = store.view.snapshot().unwrap();
    let logged = file.changes_after(Revision(0), &Prefix::all(), usize::MAX).unwrap();
    assert_eq!(read, logged.changes);
}

#[tokio::test]
async fn after_a_failed_fsync_no_write_is_taken_again_however_long_the_disk_works() {
    let folder = TempDir::new().unwrap();
    let (store, left) = open_failing(folder.path(), Fails::Syncs, OFTEN);
    let acknowledged = write_until_it_fails(&store, &left, 0).await;
    left.store(u64::MAX, Ordering::SeqCst);
    for _ in 0..20 {
        tokio::time::sleep(OFTEN).await;
        let refused = put(&store, "c.1", "z").await;
        let Err(error @ StoreError::ReadOnly { until: ReadOnlyUntil::Restarted, .. }) = refused
        else {
            panic!("{refused:?}")
        };
        assert!(error.to_string().contains("until the node starts again"), "{error}");
    }
    assert_eq!(*store.newest().borrow(), Revision(acknowledged));
    assert!(store.get(&key("a.07")).await.unwrap().is_some());
}

#[tokio::test]
async fn an_fsync_that_fails_in_the_mending_ends_it() {
    let folder = TempDir::new().unwrap();
    let (store, left) = open_failing(folder.path(), Fails::WriteThenSyncs, OFTEN);
    let acknowledged = write_until_it_fails(&store, &left, 0).await;
    let refused = loop {
        match put(&store, "c.1", "z").await {
            Err(StoreError::ReadOnly { until: ReadOnlyUntil::Mended, .. }) => {
                tokio::time::sleep(OFTEN).await;
            }
            other => break other,
        }
    };
    let restart = ReadOnlyUntil::Restarted;
    assert!(
        matches!(refused, Err(StoreError::ReadOnly { until, .. }) if until == restart),
        "{refused:?}"
    );
    assert_eq!(*store.newest().borrow(), Revision(acknowledged));
}

#[tokio::test]
async fn a_kill_before_a_trimming_is_durable_leaves_the_log_whole() {
    for after in 0..12 {
        let folder = TempDir::new().unwrap();
        let (store, left) = open_failing(folder.path(), Fails::Writes, NEVER);
        let acknowledged = write_until_it_fails(&store, &left, 1000).await;
        left.store(u64::MAX, Ordering::SeqCst);
        store.close().await.unwrap_err();

        let bounds = StoreBounds { changes_bytes: 10_000, ..StoreBounds::default() };
        let (store, left) = super::failing_disk::open_failing_within(folder.path(), &bounds);
        left.store(after, Ordering::SeqCst);
        let _ = put(&store, "c.1", "z").await;
        store.close().await.ok();

        let store = open(folder.path()).unwrap();
        let newest = store.newest().borrow().0;
        assert!(newest >= acknowledged, "{newest} of {acknowledged}");
        let asked = store.changes_after(Revision(newest + 1), &Prefix::all(), 1).await;
        let Err(StoreError::OutOfRange { oldest, .. }) = asked else { panic!("{asked:?}") };
        let log = store.changes_after(oldest, &Prefix::all(), 1000).await.unwrap();
        assert_eq!(log.changes.len() as u64, newest - oldest.0);
        let repeated = store.put(key("x"), Expect::Any, value("x"), Some(once(50))).await.unwrap();
        assert_eq!(repeated.revision, Revision(51), "the key 50 has its change no more");
        store.close().await.unwrap();
    }
}
