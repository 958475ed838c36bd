//! What a disk has failed at, and whether that can be mended.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What failed, with what the system says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failed {
    /// A write, or the room for it: it can be done again.
    Write(String),
    /// An fsync. The system may have dropped what it could not make durable, and says so only
    /// once: whatever a later fsync says, nothing can be acknowledged any more.
    Sync(String),
}

impl Failed {
    pub(super) fn write(error: &io::Error) -> Self {
        Self::Write(format!("writing the store failed: {error}"))
    }

    pub(super) fn sync(error: &io::Error) -> Self {
        Self::Sync(format!("fsync of the store failed: {error}"))
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Write(what) | Self::Sync(what)) = self;
        f.pad(what)
    }
}

/// The failure that a disk has now, if it has one.
#[derive(Debug, Default)]
pub(super) struct Fault {
    /// Whether there is one: looked at with each read of the file.
    come: AtomicBool,
    failed: Mutex<Option<Failed>>,
}

impl Fault {
    pub(super) fn check(&self) -> Result<(), Failed> {
        self.failed().clone().map_or(Ok(()), Err)
    }

    pub(super) fn has_come(&self) -> bool {
        self.come.load(Ordering::SeqCst)
    }

    /// Notes a failure. The first is the cause of those that follow; but a failed fsync lasts.
    pub(super) fn note(&self, failed: Failed) {
        let mut known = self.failed();
        if known.is_none() || matches!(failed, Failed::Sync(_)) {
            *known = Some(failed);
        }
        self.come.store(true, Ordering::SeqCst);
    }

    /// Forgets a failure whose consequences are made good.
    pub(super) fn mended(&self) {
        *self.failed() = None;
        self.come.store(false, Ordering::SeqCst);
    }

    fn failed(&self) -> MutexGuard<'_, Option<Failed>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
