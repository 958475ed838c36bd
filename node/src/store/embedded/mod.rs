//! The store within the process: redb, in one file of the data folder or in memory.
//!
//! One thread writes, in groups: whatever waits becomes one transaction and one fsync, and is
//! answered after it. Readers never meet that thread: they read the snapshot of the last group
//! that was made durable, and the last changes from memory.

mod clock;
mod disk;
mod fault;
mod file;
mod founding;
mod kept;
mod layout;
mod room;
mod snapshot;
mod stopped;
mod tables;
mod tail;
mod view;
mod writer;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use futures_util::future::BoxFuture;
use redb::StorageBackend;
use redb::backends::InMemoryBackend;
use tokio::sync::{mpsc, oneshot, watch};

use super::{
    Change, ChangeKind, Changes, Key, Once, OpenError, Page, Prefix, Record, Revision, Store,
    StoreError, StoreId, StoreState, VALUE_MAX_BYTES, Write,
};
use disk::Disk;
use file::DataFolder;
use view::View;
use writer::{Ask, Writer};

/// How much an embedded store holds at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreBounds {
    /// How many writes wait for the writer before the next one has to wait for its place; 256.
    pub queue: usize,
    /// How many idempotency keys are remembered; a million.
    pub keys: u64,
    /// How long an idempotency key is remembered, counted while the node runs; 24 hours. Time
    /// that passes while it does not run, and whatever the wall clock does, forgets no key.
    pub keys_for: Duration,
    /// How long changes can be followed, counted as for [`keys_for`](Self::keys_for); 7 days.
    pub changes_for: Duration,
    /// How many bytes of values the changes that can be followed have; 1 GiB. The oldest are
    /// trimmed with the next writes, some with each.
    pub changes_bytes: u64,
    /// How long a store that is read-only, because a write to the disk has failed, waits before
    /// it tries to write again; 2 s.
    pub mend_every: Duration,
    /// How much of the file is kept in memory, in bytes; 64 MiB.
    pub cache_bytes: usize,
}

impl Default for StoreBounds {
    fn default() -> Self {
        Self {
            queue: 256,
            keys: 1_000_000,
            keys_for: Duration::from_secs(24 * 60 * 60),
            changes_for: Duration::from_secs(7 * 24 * 60 * 60),
            changes_bytes: 1024 * 1024 * 1024,
            mend_every: Duration::from_secs(2),
            cache_bytes: 64 * 1024 * 1024,
        }
    }
}

/// A store in this process, on disk or in memory.
///
/// Dropped without [`Store::close`], it loses nothing that was acknowledged: its thread finishes
/// what was handed over and lets go of the data a moment later.
#[derive(Debug)]
pub struct Embedded {
    id: StoreId,
    /// The way to the writer's thread, which ends once all of these are gone.
    asks: mpsc::Sender<Ask>,
    /// What readers see; the writer publishes to it.
    view: Arc<View>,
    /// To see how large it is; the writer lets go of it.
    file: Weak<dyn StorageBackend>,
    /// The writer's thread; taken by the first `close`, which waits for it.
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Embedded {
    /// Opens the store in a data folder, making both where they are missing (folder 0700, file
    /// 0600). Checks the whole file, and repairs it after a crash.
    ///
    /// # Errors
    /// - [`OpenError::InUse`]: another node has it open.
    /// - [`OpenError::Io`]: the folder or file cannot be made, opened, read or written.
    /// - [`OpenError::Foreign`]: there is a file in its place that is no store, or a newer one.
    /// - [`OpenError::Corrupt`]: the file is damaged.
    pub fn open(folder: &Path, bounds: &StoreBounds) -> Result<Self, OpenError> {
        let folder = DataFolder::make(folder)?;
        Self::start(&folder, folder.backend()?, bounds)
    }

    /// A store in memory, for a node without a data folder: it ends with the process.
    ///
    /// # Errors
    /// As [`Embedded::open`], where the system gives no thread.
    pub fn in_memory(bounds: &StoreBounds) -> Result<Self, OpenError> {
        Self::start(&DataFolder::none(), InMemoryBackend::new(), bounds)
    }

    fn start(
        folder: &DataFolder,
        backend: impl StorageBackend,
        bounds: &StoreBounds,
    ) -> Result<Self, OpenError> {
        let disk = Disk::over(backend);
        let file = disk.file();
        let database = folder.database(disk.clone(), bounds.cache_bytes)?;
        let (asks, waiting) = mpsc::channel(bounds.queue.max(1));
        let writer = Writer::begin(database, Box::new(disk), folder.room(), waiting, bounds)
            .map_err(|error| folder.explain(error))?;
        let (id, view) = (writer.id(), writer.view());
        let thread = std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || writer.run())
            .map_err(|source| folder.unusable(source))?;
        Ok(Self { id, asks, view, file, thread: Mutex::new(Some(thread)) })
    }

    async fn hand_over(&self, write: Write) -> Result<Change, StoreError> {
        if let ChangeKind::Put(value) = &write.kind
            && value.len() > VALUE_MAX_BYTES
        {
            return Err(StoreError::TooLarge { bytes: value.len() });
        }
        let (answer, answered) = oneshot::channel();
        let ask = Ask::Write(Box::new(write), answer);
        self.asks.send(ask).await.map_err(|_| StoreError::Closed)?;
        // Without an answer the thread has died in the midst of it.
        answered.await.unwrap_or_else(|_| {
            Err(StoreError::InDoubt { why: "the store's thread has ended".into() })
        })
    }

    async fn shut(&self) -> Result<(), StoreError> {
        let (answer, answered) = oneshot::channel();
        let ended = match self.asks.send(Ask::Close(answer)).await {
            Ok(()) => answered.await.unwrap_or(Ok(())),
            Err(_closed_before) => Ok(()),
        };
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // The thread's answer was its last act: this wait is for its return alone.
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            return Err(StoreError::InDoubt { why: "the store's thread has panicked".into() });
        }
        ended
    }
}

impl Store for Embedded {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Record>, StoreError>> {
        Box::pin(async move { self.view.snapshot()?.get(key) })
    }

    fn write(&self, write: Write) -> BoxFuture<'_, Result<Change, StoreError>> {
        Box::pin(self.hand_over(write))
    }

    fn list<'a>(
        &'a self,
        prefix: &'a Prefix,
        after: Option<&'a Key>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, StoreError>> {
        Box::pin(async move { self.view.snapshot()?.list(prefix, after, limit) })
    }

    fn list_index<'a>(
        &'a self,
        prefix: &'a Prefix,
        after: Option<&'a Key>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, StoreError>> {
        Box::pin(async move { self.view.snapshot()?.list_index(prefix, after, limit) })
    }

    fn changes_after<'a>(
        &'a self,
        after: Revision,
        prefix: &'a Prefix,
        limit: usize,
    ) -> BoxFuture<'a, Result<Changes, StoreError>> {
        Box::pin(async move { self.view.changes_after(after, prefix, limit) })
    }

    fn done<'a>(&'a self, once: &'a Once) -> BoxFuture<'a, Result<Option<Change>, StoreError>> {
        Box::pin(async move { self.view.snapshot()?.done(once) })
    }

    fn id(&self) -> StoreId {
        self.id
    }

    fn newest(&self) -> watch::Receiver<Revision> {
        self.view.newest()
    }

    fn state(&self) -> StoreState {
        let bytes = self.file.upgrade().and_then(|file| file.len().ok());
        StoreState {
            revision: *self.view.newest().borrow(),
            bytes: bytes.unwrap_or_default(),
            read_only: self.view.is_read_only(),
        }
    }

    fn close(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.shut())
    }
}

#[cfg(test)]
mod tests;
