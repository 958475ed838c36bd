//! One subscription: reads on in the store's changes at its subscriber's pace.

use std::sync::Arc;

use bothways_protocol::NodeName;
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::watch;

use super::shared::Shared;
use super::stamp::Stamp;
use super::topics::Topics;
use super::{Feed, WatchPlace};
use crate::session::{Events, More};
use crate::store::{Changes, Prefix, Revision, StoreError};

/// The most changes that are looked at in one go.
const CHANGES_MAX: usize = 64;
/// How much is written in one go, in bytes; the last event of it may go beyond.
const WRITE_BYTES: usize = 16 * 1024;

/// Who is told, what and from where.
pub(super) struct Subscriber {
    pub(super) name: NodeName,
    pub(super) topics: Topics,
    pub(super) stamp: Stamp,
    pub(super) from: Revision,
    pub(super) place: WatchPlace,
}

/// Follows the changes for one subscriber. It holds what is written in one go, and no queue.
pub(super) struct Follower<F: Feed> {
    feed: Arc<F>,
    shared: Arc<Shared>,
    prefix: Prefix,
    subscriber: Subscriber,
    /// Everything up to here has been told.
    at: Revision,
    newest: watch::Receiver<Revision>,
    /// What was read before the response, to be told first.
    first: Vec<u8>,
    events: u64,
}

impl<F: Feed> Follower<F> {
    /// Begins to follow, and reads what is there already: what cannot be read is known before the
    /// subscription is answered.
    pub(super) async fn begin(
        feed: Arc<F>,
        shared: Arc<Shared>,
        subscriber: Subscriber,
    ) -> Result<Self, StoreError> {
        let (newest, prefix) = (feed.store().newest(), feed.prefix());
        let (at, first, events) = (subscriber.from, Vec::new(), 0);
        let mut begun = Self { feed, shared, prefix, subscriber, at, newest, first, events };
        tracing::info!(
            peer = %begun.subscriber.name, service = F::SERVICE, from = at.0, "subscribed"
        );
        begun.first = begun.read().await?;
        Ok(begun)
    }

    async fn next(&mut self) -> More {
        loop {
            if !self.first.is_empty() {
                return More::Events(std::mem::take(&mut self.first).into());
            }
            let at = self.at;
            if self.newest.wait_for(|newest| *newest > at).await.is_err() {
                return More::End;
            }
            match self.read().await {
                Ok(events) if events.is_empty() => tokio::task::yield_now().await,
                Ok(events) => return More::Events(Bytes::from(events)),
                Err(StoreError::Closed) => return More::End,
                Err(error) => {
                    let peer = &self.subscriber.name;
                    tracing::warn!(%peer, service = F::SERVICE, %error, "subscription breaks off");
                    return More::Failed;
                }
            }
        }
    }

    /// The next events, as many as are written in one go; none where what changed is not for this
    /// subscriber.
    async fn read(&mut self) -> Result<Vec<u8>, StoreError> {
        let store = self.feed.store();
        let found = store.changes_after(self.at, &self.prefix, CHANGES_MAX).await?;
        let Changes { changes, through } = found;
        let mut events = Vec::new();
        for change in &changes {
            if events.len() >= WRITE_BYTES {
                return Ok(events);
            }
            let Subscriber { name, topics, stamp, .. } = &self.subscriber;
            if let Some(shown) = self.shared.show(&*self.feed, change)?
                && topics.hold(shown.topic)
                && shown.audience.holds(name)
            {
                shown.tail.append_to(&stamp.bytes(change.revision), &mut events);
                self.events += 1;
            }
            self.at = change.revision;
        }
        self.at = through;
        Ok(events)
    }
}

impl<F: Feed> Events for Follower<F> {
    fn next(&mut self) -> BoxFuture<'_, More> {
        self.next().boxed()
    }
}

impl<F: Feed> Drop for Follower<F> {
    fn drop(&mut self) {
        let (peer, events, at) = (&self.subscriber.name, self.events, self.at.0);
        let _free = &self.subscriber.place;
        tracing::info!(%peer, service = F::SERVICE, events, at, "subscription ended");
    }
}
