//! The messages: each is a map with one pair, its kind and its body; on a lane an array, whose
//! first item is its kind.
//!
//! Keys are text. A key that a reader knows and that stands twice is refused; keys that it does
//! not know are skipped, so later versions may add some. What each message is for stands in
//! `SPEC.md`.

mod control;
mod fields;
mod lane;
mod request;
mod response;

use bytes::Bytes;
use thiserror::Error;

pub use control::{Bye, Control, Farewell, GoingAway, Greeting, PeerLimits};
pub use lane::{LaneAnswer, LaneAsk, LaneEnd, LaneError, LaneId};
pub use request::{Opening, Request};
pub use response::{Event, EventTail, Reply};

use crate::MalformedError;

/// A message that breaks the grammar of `bothways.cddl`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MessageError {
    /// It is no CBOR item within the bounds.
    #[error(transparent)]
    Malformed(#[from] MalformedError),
    /// It is not the message that was due here.
    #[error("a message {found:?} where {expected} was due")]
    Kind {
        /// The kind found.
        found: String,
        /// The kinds that may stand here.
        expected: &'static str,
    },
    /// A field that must be there is not.
    #[error("{field} is missing")]
    Missing {
        /// The field.
        field: &'static str,
    },
    /// A field stands twice.
    #[error("{field} stands twice")]
    Twice {
        /// The field.
        field: &'static str,
    },
    /// A field holds what it may not.
    #[error("{field}: {problem}")]
    Field {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
}

impl MessageError {
    /// The field at fault, where there is one.
    #[must_use]
    pub fn field(&self) -> Option<&'static str> {
        match self {
            Self::Missing { field } | Self::Twice { field } | Self::Field { field, .. } => {
                Some(field)
            }
            Self::Malformed(_) | Self::Kind { .. } => None,
        }
    }
}

/// A message as it goes out: its length, then its body.
pub trait Outgoing {
    /// Encodes the message, its length in front.
    fn encode(&self) -> Bytes;
}
