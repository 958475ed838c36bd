//! How far a dialer is, for those who only look.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bothways_protocol::NodeName;

use super::dial::DialError;

/// A peer that this node dials and has no session with.
#[derive(Debug, Clone)]
pub(crate) struct DialUnderWay {
    pub(crate) peer: NodeName,
    /// As it was given.
    pub(crate) address: String,
    pub(crate) stage: DialStage,
    /// How many dials have failed since the last session.
    pub(crate) failures: u32,
    /// Why the last one failed, if one has.
    pub(crate) failed: Option<Arc<DialError>>,
}

/// What a dialer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum DialStage {
    /// It dials.
    #[default]
    Dialing,
    /// It waits before it dials again.
    Waiting,
    /// Nothing: there is a session, whoever dialed it.
    Connected,
}

/// What a dialer notes of itself.
#[derive(Debug, Default)]
pub(super) struct Progress(Mutex<(DialStage, u32)>);

impl Progress {
    pub(super) fn note(&self, stage: DialStage) {
        let mut noted = self.lock();
        noted.0 = stage;
        if stage == DialStage::Connected {
            noted.1 = 0;
        }
    }

    pub(super) fn note_failure(&self) {
        let mut noted = self.lock();
        noted.1 = noted.1.saturating_add(1);
    }

    /// What it does, and how many dials have failed since the last session.
    pub(super) fn now(&self) -> (DialStage, u32) {
        *self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, (DialStage, u32)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
