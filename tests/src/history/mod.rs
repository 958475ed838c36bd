//! What callers and subscribers saw, judged against what the store holds at the end. Pure: it knows
//! no node, and every rule of it is tested on histories with planted faults.
//!
//! [`judge_writes`] holds the writes to their promise: what was acknowledged is there, once, as it
//! was told; what was refused is not; what is in doubt is there at most once. [`judge_events`] holds
//! subscriptions to theirs: everything, in order, nothing twice.

mod events;
#[cfg(test)]
mod planted;
#[cfg(test)]
mod properties;
mod violation;
mod writes;

pub use events::{Subscriber, Told, judge_events};
pub use violation::Violation;
pub use writes::judge_writes;

use std::fmt;
use std::time::Duration;

/// One request to write, as its caller saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// What was to be written. Several with the same text are one write, repeated under one key.
    pub what: String,
    /// When it was asked for, since the history's beginning.
    pub began: Duration,
    /// When its caller was told how it ended.
    pub ended: Duration,
    pub outcome: Outcome,
}

/// What a caller was told of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is there, under this id and with this revision.
    Acknowledged(Stored),
    /// It surely did not act, and why.
    Refused(String),
    /// It may have acted, and why that is not known.
    InDoubt(String),
}

/// Where a write stands in the store.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stored {
    pub revision: u64,
    pub id: String,
}

/// What the store holds at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    pub what: String,
    pub stored: Stored,
}

impl fmt::Display for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at revision {}", self.id, self.revision)
    }
}

impl Write {
    /// Where the write stands, if its caller was told.
    pub fn acknowledged(&self) -> Option<&Stored> {
        match &self.outcome {
            Outcome::Acknowledged(stored) => Some(stored),
            Outcome::Refused(_) | Outcome::InDoubt(_) => None,
        }
    }
}
