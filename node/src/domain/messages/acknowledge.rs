//! What a recipient has acknowledged is delivered.

use bothways_protocol::{Code, Failure, NodeName};

use super::state::{Event, MessageState};
use super::words::{Message, MessageId};
use super::{Messages, not_found};
use crate::store::{Change, ChangeKind, Record};

impl Messages {
    /// Marks as delivered what a change has sent to a peer, which has acknowledged it. Doing it twice
    /// is doing it once; what is gone is passed over.
    ///
    /// # Errors
    /// Where the store cannot be read, or takes no writes.
    pub async fn delivered(&self, to: &NodeName, change: &Change) -> Result<(), Failure> {
        let Some(id) = sent_to(to, change) else { return Ok(()) };
        let for_them = |message: &Message| match message.to == *to {
            true => Ok(()),
            false => Err(not_found(id)),
        };
        match self.advance(id, None, Event::Acknowledged, for_them).await {
            Err(gone) if gone.code == Code::NotFound => Ok(()),
            other => other.map(|_| ()),
        }
    }
}

/// The message that a change has sent to this peer. What cannot be read was not told, either.
fn sent_to(to: &NodeName, change: &Change) -> Option<MessageId> {
    let ChangeKind::Put(value) = &change.kind else { return None };
    let (key, revision, value) = (change.key.clone(), change.revision, value.clone());
    let message = Message::of_record(&Record { key, revision, value }).ok()?;
    (message.state == MessageState::Queued && message.to == *to).then_some(message.id)
}
