//! Telling a peer what changes: a subscription follows the store's changes at its own pace.
//!
//! Nothing waits in a queue for a subscriber: it reads on in the store where it stands, and QUIC's
//! flow control says when. So it costs the same whether it is fast or slow, delays nobody, and
//! resumes from a cursor, which is a place in the store's one order of changes.

mod acknowledge;
mod durable;
mod follow;
mod handler;
mod passing;
mod relay;
mod shared;
mod stamp;
mod topics;
mod watching;

use std::sync::Arc;

use bothways_protocol::{Cursor, Encoded, Failure, NodeName};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::store::{Change, Prefix, Revision, Store, StoreError};

pub(super) use acknowledge::acknowledge;
pub(super) use handler::{Begin, Watched, durables, forget, watched};
use stamp::Stamp;
pub(super) use watching::{WatchPlace, Watching};

/// What a service tells of its changes to those who watch it.
///
/// [`Router::watch`](super::Router::watch) adds `<service>.watch`, `<service>.acknowledge`,
/// `<service>.durables` and `<service>.forget`.
pub trait Feed: Send + Sync + 'static {
    /// The service's name: `people` enables `people.watch` and its like.
    const SERVICE: &'static str;
    /// All that it tells: `people.created` and its like, at most 64.
    const TOPICS: &'static [&'static str];
    /// What it tells, in one sentence for people.
    const ABOUT: &'static str;
    /// Whether a subscriber is asked to acknowledge each event, durable subscription or not.
    const ACKNOWLEDGE_EACH: bool = false;

    /// Where the changes are.
    fn store(&self) -> &Arc<dyn Store>;

    /// What the keys begin with whose changes are looked at.
    fn prefix(&self) -> Prefix;

    /// What one change is to those who watch; the same for all of them, so it is asked once.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] where the record is damaged: no subscription gets past it.
    fn tell(&self, change: &Change) -> Result<Option<Told>, StoreError>;

    /// A subscriber has dealt with what it was told of one change; asked only where
    /// [`Self::ACKNOWLEDGE_EACH`]. It may be called again with the same change.
    ///
    /// # Errors
    /// What the subscriber is answered; its place does not move then.
    fn acknowledged<'a>(
        &'a self,
        by: &'a NodeName,
        change: &'a Change,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        let _ = (by, change);
        std::future::ready(Ok(())).boxed()
    }

    /// The cursor that a listing gives a caller, so that it can watch on from there: `revision` is
    /// the store's when the listing was read.
    fn cursor(&self, caller: &NodeName, revision: Revision) -> Cursor {
        Stamp::of(self.store().as_ref(), Self::SERVICE, caller).cursor(revision)
    }
}

/// One event, before it has a cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// One of the feed's topics.
    pub topic: &'static str,
    /// What happened: at most 60 KiB, encoded.
    pub body: Encoded,
    /// Whom it is told.
    pub audience: Audience,
}

/// Whom an event is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Audience {
    /// All who watch the service.
    All,
    /// These nodes alone.
    Only(Vec<NodeName>),
}

impl Audience {
    /// Whether this node is told.
    #[must_use]
    pub fn holds(&self, node: &NodeName) -> bool {
        match self {
            Self::All => true,
            Self::Only(nodes) => nodes.contains(node),
        }
    }
}

#[cfg(test)]
mod tests;
