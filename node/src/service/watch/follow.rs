//! One subscription: reads on in the store's changes at its subscriber's pace.

use std::sync::Arc;
use std::time::Duration;

use bothways_protocol::{Encoded, EventTail, NodeName};
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::watch;
use tokio::task::yield_now;
use tokio::time::sleep;

use super::passing::Passing;
use super::relay::{Relay, Relays};
use super::shared::{Enough, Shared, Shown, shown};
use super::stamp::Stamp;
use super::topics::Topics;
use super::{Feed, WatchPlace};
use crate::session::{Events, More};
use crate::store::{Changes, Prefix, Revision, StoreError};

/// The most changes that are looked at in one go.
const CHANGES_MAX: usize = 64;
/// How much is written in one go, in bytes; the last event of it may go beyond.
pub(super) const WRITE_BYTES: usize = 16 * 1024;

/// What those who follow a feed have in common.
#[derive(Debug, Default)]
pub(super) struct Followed {
    pub(super) shared: Arc<Shared>,
    relays: Relays,
}

/// Who is told, what and from where.
pub(super) struct Subscriber {
    pub(super) name: NodeName,
    pub(super) topics: Topics,
    pub(super) stamp: Stamp,
    pub(super) from: Revision,
    pub(super) place: WatchPlace,
    /// Within what time its cursor moves past what is not for it.
    pub(super) cursor_moves: Duration,
}

/// Follows the changes for one subscriber. It holds what is written in one go, and no queue.
pub(super) struct Follower<F: Feed> {
    feed: Arc<F>,
    shared: Arc<Shared>,
    prefix: Prefix,
    subscriber: Subscriber,
    /// Everything up to here has been told.
    at: Revision,
    /// How far there is something to read; shown by the relay.
    newest: watch::Receiver<Revision>,
    passing: Passing,
    _relay: Arc<Relay>,
    /// There was more than is written in one go.
    is_behind: bool,
    /// What was read before the response, to be told first.
    first: Vec<u8>,
    events: u64,
}

impl<F: Feed> Follower<F> {
    /// Begins to follow, and reads what is there already: what cannot be read is known before the
    /// subscription is answered.
    pub(super) async fn begin(
        feed: Arc<F>,
        followed: &Followed,
        subscriber: Subscriber,
    ) -> Result<Self, StoreError> {
        let shared = followed.shared.clone();
        let relay = followed.relays.here(&feed, &shared);
        let mut begun = Self {
            prefix: feed.prefix(),
            feed,
            shared,
            at: subscriber.from,
            passing: Passing::behind(subscriber.from, subscriber.cursor_moves),
            subscriber,
            newest: relay.join(),
            _relay: relay,
            is_behind: false,
            first: Vec::new(),
            events: 0,
        };
        tracing::info!(
            peer = %begun.subscriber.name, service = F::SERVICE, from = begun.at.0, "subscribed"
        );
        begun.first = begun.read().await?;
        Ok(begun)
    }

    async fn next(&mut self) -> More {
        loop {
            if !self.first.is_empty() {
                let first = std::mem::take(&mut self.first);
                return More::Events(first.into(), self.events);
            }
            if self.is_behind {
                // Others on this thread have their turn, whatever else is there to tell.
                yield_now().await;
            }
            let (at, due) = (self.at, self.passing.due_in(self.at));
            if due == Some(Duration::ZERO) {
                return More::Events(self.cursor_alone(), 0);
            }
            tokio::select! {
                biased;
                moved = self.newest.wait_for(|newest| *newest > at) => match moved {
                    Ok(_) => {}
                    Err(_) => return More::End,
                },
                () = sleep(due.unwrap_or_default()), if due.is_some() => continue,
            }
            let told = self.events;
            match self.read().await {
                Ok(events) if events.is_empty() => {}
                Ok(events) => {
                    self.passing.note_sent();
                    return More::Events(Bytes::from(events), self.events - told);
                }
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
        let mut events = Vec::new();
        let Self { subscriber, passing, events: told, .. } = self;
        let kept = self.shared.tell(self.at, |revision, shown| {
            if subscriber.append(revision, shown, &mut events) {
                passing.note_told(revision);
                *told += 1;
            }
            if events.len() >= WRITE_BYTES { Enough::Yes } else { Enough::No }
        });
        match kept {
            Some(through) => self.at = through,
            None => self.read_store(&mut events).await?,
        }
        self.is_behind = *self.newest.borrow() > self.at;
        Ok(events)
    }

    /// The same, for whoever is behind what is kept for all.
    async fn read_store(&mut self, events: &mut Vec<u8>) -> Result<(), StoreError> {
        let store = self.feed.store();
        let found = store.changes_after(self.at, &self.prefix, CHANGES_MAX).await?;
        let Changes { changes, through } = found;
        for change in &changes {
            if events.len() >= WRITE_BYTES {
                return Ok(());
            }
            if let Some(shown) = shown(&*self.feed, change)?
                && self.subscriber.append(change.revision, &shown, events)
            {
                self.passing.note_told(change.revision);
                self.events += 1;
            }
            self.at = change.revision;
        }
        self.at = through;
        Ok(())
    }

    /// An event of no topic: what has changed up to here was not for this subscriber.
    fn cursor_alone(&mut self) -> Bytes {
        let mut event = Vec::new();
        let cursor = self.subscriber.stamp.bytes(self.at);
        EventTail::of("", &Encoded::null()).append_to(&cursor, &mut event);
        self.passing.note_told(self.at);
        self.passing.note_sent();
        event.into()
    }
}

impl Subscriber {
    /// Appends an event, where it is for this subscriber, and says whether it is.
    fn append(&self, revision: Revision, shown: &Shown, events: &mut Vec<u8>) -> bool {
        let is_told = self.topics.hold(shown.topic) && shown.audience.holds(&self.name);
        if is_told {
            shown.tail.append_to(&self.stamp.bytes(revision), events);
        }
        is_told
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
