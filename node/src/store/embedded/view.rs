//! Where readers and the writer meet: the last snapshot, and the last changes in memory.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};

use tokio::sync::watch;

use super::snapshot::Snapshot;
use super::tail::Tail;
use crate::store::{Change, Changes, Prefix, Revision, StoreError};

/// Where the writer leaves for the readers what is durable.
#[derive(Debug)]
pub(super) struct View {
    /// `None` once the store is closed.
    seen: RwLock<Option<Seen>>,
    newest: watch::Sender<Revision>,
    /// No write is taken, for those who only look.
    read_only: AtomicBool,
}

/// The store at one revision.
#[derive(Debug)]
struct Seen {
    snapshot: Arc<Snapshot>,
    /// The last changes up to the snapshot's newest.
    tail: Tail,
}

impl View {
    pub(super) fn of(snapshot: Snapshot) -> Self {
        let (newest, snapshot) = (snapshot.newest(), Arc::new(snapshot));
        let seen = Seen { snapshot, tail: Tail::behind(newest) };
        let (seen, newest) = (RwLock::new(Some(seen)), watch::Sender::new(newest));
        Self { seen, newest, read_only: AtomicBool::new(false) }
    }

    /// The newest snapshot.
    pub(super) fn snapshot(&self) -> Result<Arc<Snapshot>, StoreError> {
        self.look(|seen| Ok(Arc::clone(&seen.snapshot)))
    }

    /// Changes behind a revision: from memory where it has them all, else from the file.
    pub(super) fn changes_after(
        &self,
        after: Revision,
        prefix: &Prefix,
        limit: usize,
    ) -> Result<Changes, StoreError> {
        let recent = self.look(|seen| {
            seen.snapshot.check_kept(after)?;
            let recent = seen.tail.read(after, prefix, limit)?;
            Ok(recent.ok_or_else(|| Arc::clone(&seen.snapshot)))
        })?;
        match recent {
            Ok(changes) => Ok(changes),
            Err(snapshot) => snapshot.changes_after(after, prefix, limit),
        }
    }

    /// The newest revision that readers see, and a way to wait for the next.
    pub(super) fn newest(&self) -> watch::Receiver<Revision> {
        self.newest.subscribe()
    }

    /// Whether no write is taken at the moment.
    pub(super) fn is_read_only(&self) -> bool {
        self.read_only.load(Ordering::Relaxed)
    }

    /// Notes whether writes are taken.
    pub(super) fn note_read_only(&self, read_only: bool) {
        self.read_only.store(read_only, Ordering::Relaxed);
    }

    /// Lets readers see a snapshot and the changes that led to it, and wakes those who wait.
    /// What is not the next change is passed over: a repeated write's.
    pub(super) fn publish<'a>(
        &self,
        snapshot: Snapshot,
        changes: impl Iterator<Item = &'a Change>,
    ) {
        let (newest, snapshot) = (snapshot.newest(), Arc::new(snapshot));
        let mut guard = self.seen_mut();
        let Some(seen) = guard.as_mut() else { return };
        changes.for_each(|change| seen.tail.push(change));
        if seen.tail.newest() != newest {
            seen.tail = Tail::behind(newest);
        }
        let last = std::mem::replace(&mut seen.snapshot, snapshot);
        // Letting go of a read transaction takes redb's locks: not while readers wait for ours.
        drop(guard);
        drop(last);
        self.newest.send_replace(newest);
    }

    /// Lets go of the last snapshot: readers find the store closed.
    pub(super) fn close(&self) {
        let last = self.seen_mut().take();
        drop(last);
    }

    fn look<T>(&self, at: impl FnOnce(&Seen) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let seen = self.seen.read().unwrap_or_else(PoisonError::into_inner);
        at(seen.as_ref().ok_or(StoreError::Closed)?)
    }

    fn seen_mut(&self) -> RwLockWriteGuard<'_, Option<Seen>> {
        self.seen.write().unwrap_or_else(PoisonError::into_inner)
    }
}
