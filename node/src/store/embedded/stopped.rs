//! What a writer knows of a store that takes no writes, and what it answers.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::disk::Health;
use super::fault::Failed;
use super::room::Room;
use crate::store::{Once, ReadOnlyUntil, StoreError};

/// Why no write is taken, and until when.
pub(super) struct Stopped {
    why: Arc<str>,
    /// The keys of the group that failed: what is sent again with one of them may have been
    /// stored.
    in_doubt: Vec<Once>,
    /// When to try again; `None` where only a restart helps.
    next_try: Option<Instant>,
}

impl Stopped {
    /// A group of writes with these keys could not be made durable.
    pub(super) fn by(stop: &Stop, in_doubt: Vec<Once>, mend_every: Duration) -> Self {
        let next_try = match stop {
            Stop::Disk(Failed::Write(_)) => Some(Instant::now() + mend_every),
            Stop::Disk(Failed::Sync(_)) | Stop::Database(_) => None,
        };
        let stopped = Self { why: stop.to_string().into(), in_doubt, next_try };
        tracing::error!(error = %stopped.why, until = %stopped.until(), "store read-only");
        stopped
    }

    /// When to try again to write.
    pub(super) fn next_try(&self) -> Option<Instant> {
        self.next_try
    }

    /// Tries to write what could not be written; true where all of it is durable now. A failed
    /// fsync in it leaves nothing but a restart.
    pub(super) fn try_again(
        &mut self,
        disk: &dyn Health,
        room: &Room,
        mend_every: Duration,
    ) -> bool {
        let room = room.check().map_err(|error| Failed::write(&error));
        match room.and_then(|()| disk.mend()) {
            Ok(()) => return true,
            Err(Failed::Write(why)) => {
                tracing::debug!(error = why, "store still read-only");
                self.next_try = Some(Instant::now() + mend_every);
            }
            Err(Failed::Sync(why)) => self.give_up(why),
        }
        false
    }

    /// From now on only a restart helps.
    pub(super) fn give_up(&mut self, why: String) {
        self.next_try = None;
        self.why = why.into();
        tracing::error!(error = %self.why, until = %self.until(), "store read-only");
    }

    /// What a write is told that surely changed nothing.
    pub(super) fn refusal(&self) -> StoreError {
        StoreError::ReadOnly { why: Arc::clone(&self.why), until: self.until() }
    }

    /// What a write of the failed group is told.
    pub(super) fn doubt(&self) -> StoreError {
        StoreError::InDoubt { why: Arc::clone(&self.why) }
    }

    /// What a write is told that was not done before.
    pub(super) fn answer(&self, once: &Once) -> StoreError {
        if self.in_doubt.contains(once) { self.doubt() } else { self.refusal() }
    }

    fn until(&self) -> ReadOnlyUntil {
        match self.next_try {
            Some(_) => ReadOnlyUntil::Mended,
            None => ReadOnlyUntil::Restarted,
        }
    }
}

/// What stops a writer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Stop {
    /// The disk has failed.
    #[error("{0}")]
    Disk(Failed),
    /// redb fails, and the disk has not.
    #[error(transparent)]
    Database(#[from] redb::Error),
}
