//! What those who watch are told of messages.

use std::sync::Arc;

use bothways_protocol::{Encoded, Failure, NodeName, ParamsError};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::Messages;
use super::state::MessageState;
use super::words::{Message, MessageId};
use crate::domain::stored::{damaged, record_of};
use crate::service::{Audience, Feed, Told};
use crate::store::{Change, ChangeKind, Prefix, Store, StoreError};

const SENT: &str = "messages.sent";
const DELIVERED: &str = "messages.delivered";
const READ: &str = "messages.read";

impl Feed for Messages {
    const SERVICE: &'static str = "messages";
    const TOPICS: &'static [&'static str] = &[SENT, DELIVERED, READ];
    const ABOUT: &'static str = "Tells a peer of messages to it, and of what becomes of its own.";
    const ACKNOWLEDGE_EACH: bool = true;

    fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    fn prefix(&self) -> Prefix {
        Prefix::below(&MessageId::folder())
    }

    /// A message that is over is told no more; that it is removed, nobody is told.
    fn tell(&self, change: &Change) -> Result<Option<Told>, StoreError> {
        if change.kind == ChangeKind::Delete {
            return Ok(None);
        }
        let message = Message::of_record(&record_of(change.clone())?)?;
        if self.expiry.is_over(message.id) {
            return Ok(None);
        }
        let unfit = |error: ParamsError| damaged(&change.key, &error);
        let body = Encoded::of(&message).map_err(unfit)?;
        let (from, to) = (message.from, message.to);
        let (topic, audience) = match message.state {
            MessageState::Queued => (SENT, vec![to]),
            MessageState::Delivered => (DELIVERED, vec![from, to]),
            MessageState::Read => (READ, vec![from, to]),
            MessageState::Expired => return Ok(None),
        };
        Ok(Some(Told { topic, body, audience: Audience::Only(audience) }))
    }

    fn acknowledged<'a>(
        &'a self,
        by: &'a NodeName,
        change: &'a Change,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        self.delivered(by, change).boxed()
    }
}
