//! What a disk that fails leads to: nothing acknowledged that is not there, and reads that go on.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use redb::backends::FileBackend;
use tempfile::TempDir;

use super::super::*;
use super::{open, put, put_once};
use crate::store::conformance::key;
use crate::store::{ReadOnlyUntil, StoreError};

/// A store that does not try to mend itself while a test looks.
pub(super) const NEVER: Duration = Duration::from_secs(3600);

/// A file whose n-th write or fsync fails, and all that follow it.
#[derive(Debug)]
struct Failing {
    file: FileBackend,
    left: Arc<AtomicU64>,
    fails: Fails,
    failed: AtomicU64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Fails {
    Writes,
    Syncs,
    /// One write, and then every fsync.
    WriteThenSyncs,
}

impl Failing {
    fn count(&self, act: Fails) -> io::Result<()> {
        let spend = |left: u64| left.checked_sub(1);
        let failed = self.failed.load(Ordering::SeqCst);
        let fails = match (self.fails, failed) {
            (Fails::WriteThenSyncs, 0) => Fails::Writes,
            (Fails::WriteThenSyncs, _) => Fails::Syncs,
            (fails, _) => fails,
        };
        if act == fails
            && self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, spend).is_err()
        {
            self.failed.fetch_add(1, Ordering::SeqCst);
            return Err(io::Error::from_raw_os_error(28));
        }
        Ok(())
    }
}

impl StorageBackend for Failing {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.count(Fails::Writes)?;
        self.file.set_len(len)
    }
    fn sync_data(&self) -> io::Result<()> {
        self.count(Fails::Syncs)?;
        self.file.sync_data()
    }
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.count(Fails::Writes)?;
        self.file.write(offset, data)
    }
    fn close(&self) -> io::Result<()> {
        self.file.close()
    }
}

/// A store whose disk can be made to fail, and what it has left until then.
///
/// It tries again after a failed write, and so soon.
pub(super) fn open_failing(
    folder: &Path,
    fails: Fails,
    mend_every: Duration,
) -> (Embedded, Arc<AtomicU64>) {
    // A small cache, so that reads do go to the file.
    let bounds = StoreBounds { cache_bytes: 16 * 4096, mend_every, ..StoreBounds::default() };
    start(folder, fails, &bounds)
}

/// A store within bounds whose writes can be made to fail.
pub(super) fn open_failing_within(
    folder: &Path,
    bounds: &StoreBounds,
) -> (Embedded, Arc<AtomicU64>) {
    start(folder, Fails::Writes, bounds)
}

fn start(folder: &Path, fails: Fails, bounds: &StoreBounds) -> (Embedded, Arc<AtomicU64>) {
    let folder = DataFolder::make(folder).unwrap();
    let left = Arc::new(AtomicU64::new(u64::MAX));
    let file = folder.backend().unwrap();
    let backend = Failing { file, left: Arc::clone(&left), fails, failed: AtomicU64::new(0) };
    (Embedded::start(&folder, backend, bounds).unwrap(), left)
}

/// Fails at each of the first acts of a write in turn, and looks at what is left.
async fn fail_at_each_act(fails: Fails, acts: u64) -> u64 {
    let mut in_doubt = 0;
    for left_until_failure in 0..acts {
        let folder = TempDir::new().unwrap();
        let (store, left) = open_failing(folder.path(), fails, NEVER);
        for n in 0..50 {
            put(&store, &format!("a.{n:02}"), &"x".repeat(2000)).await.unwrap();
        }
        left.store(left_until_failure, Ordering::SeqCst);
        let mut acknowledged = 50;
        let first = loop {
            match put(&store, &format!("b.{acknowledged}"), "y").await {
                Ok(_) => acknowledged += 1,
                Err(error) => break error,
            }
        };
        assert!(matches!(first, StoreError::InDoubt { .. }), "{first}");
        in_doubt += 1;

        // The disk works again, and still nothing is acknowledged.
        left.store(u64::MAX, Ordering::SeqCst);
        let later = put(&store, "c.1", "z").await;
        let until = match fails {
            Fails::Writes => ReadOnlyUntil::Mended,
            Fails::Syncs | Fails::WriteThenSyncs => ReadOnlyUntil::Restarted,
        };
        assert!(
            matches!(later, Err(StoreError::ReadOnly { until: told, .. }) if told == until),
            "{later:?}"
        );
        // Reads see what was acknowledged, and nothing else.
        assert_eq!(*store.newest().borrow(), Revision(acknowledged));
        let page = store.list(&Prefix::all(), None, 1000).await.unwrap();
        assert_eq!(page.records.len() as u64, acknowledged);
        let log = store.changes_after(Revision(0), &Prefix::all(), 1000).await.unwrap();
        assert_eq!(log.changes.len() as u64, acknowledged);
        let ended = store.close().await;
        assert!(matches!(ended, Err(StoreError::ReadOnly { .. })), "{ended:?}");

        // After the restart: all that was acknowledged, the one in doubt or not, nothing of later.
        let store = open(folder.path()).unwrap();
        let newest = store.newest().borrow().0;
        assert!(newest == acknowledged || newest == acknowledged + 1, "{newest}, {acknowledged}");
        assert_eq!(store.get(&key("c.1")).await.unwrap(), None);
        let page = store.list(&Prefix::all(), None, 1000).await.unwrap();
        assert_eq!(page.records.len() as u64, newest);
        assert_eq!(put(&store, "d.1", "z").await.unwrap().revision, Revision(newest + 1));
        store.close().await.unwrap();
    }
    in_doubt
}

#[tokio::test]
async fn after_a_failed_write_nothing_is_acknowledged_and_reads_go_on() {
    assert_eq!(fail_at_each_act(Fails::Writes, 12).await, 12);
}

#[tokio::test]
async fn after_a_failed_fsync_nothing_is_acknowledged_and_reads_go_on() {
    assert_eq!(fail_at_each_act(Fails::Syncs, 4).await, 4);
}

#[tokio::test]
async fn a_repeat_of_what_was_acknowledged_is_answered_after_the_disk_has_failed() {
    let folder = TempDir::new().unwrap();
    let (store, left) = open_failing(folder.path(), Fails::Syncs, NEVER);
    let first = put_once(&store, "a.1", 1).await.unwrap();
    left.store(0, Ordering::SeqCst);
    let failed = put_once(&store, "a.2", 2).await;
    assert!(matches!(failed, Err(StoreError::InDoubt { .. })), "{failed:?}");

    assert_eq!(put_once(&store, "a.1", 1).await.unwrap(), first);
    let still = put_once(&store, "a.2", 2).await;
    assert!(matches!(still, Err(StoreError::InDoubt { .. })), "{still:?}");
    let new = put_once(&store, "a.3", 3).await;
    assert!(matches!(new, Err(StoreError::ReadOnly { .. })), "{new:?}");
}

#[tokio::test]
async fn a_failed_group_acknowledges_none_of_its_writes() {
    let folder = TempDir::new().unwrap();
    let (store, left) = open_failing(folder.path(), Fails::Syncs, NEVER);
    let store = Arc::new(store);
    left.store(0, Ordering::SeqCst);
    let writes: Vec<_> = (0..300)
        .map(|n| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { put(&store, &format!("a.{n}"), "x").await })
        })
        .collect();
    for write in writes {
        let outcome = write.await.unwrap();
        let refused =
            matches!(outcome, Err(StoreError::InDoubt { .. } | StoreError::ReadOnly { .. }));
        assert!(refused, "{outcome:?}");
    }
    assert_eq!(*store.newest().borrow(), Revision(0));
}

#[test]
fn a_disk_that_fails_at_the_start_is_an_error_of_the_start() {
    let above = TempDir::new().unwrap();
    let folder = DataFolder::make(above.path()).unwrap();
    let file = folder.backend().unwrap();
    let backend =
        Failing { file, left: Arc::default(), fails: Fails::Writes, failed: AtomicU64::new(0) };
    let refused = Embedded::start(&folder, backend, &StoreBounds::default()).unwrap_err();
    assert!(matches!(refused, OpenError::Io { .. }), "{refused}");
}
