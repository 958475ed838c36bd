//! What a recipient has acknowledged is delivered.

use bothways_protocol::{Code, Failure, NodeName};
use futures_util::future::join_all;

use super::state::{Event, MessageState};
use super::words::{Message, MessageId};
use super::{Messages, not_found};
use crate::store::{Change, ChangeKind, Prefix, Record, Revision, StoreError};

/// How many changes are looked through at a time.
const CHANGES_AT_A_TIME: usize = 256;

impl Messages {
    /// Marks as delivered what was sent to a peer in this range of the store's changes: it has
    /// acknowledged them. Doing it twice is doing it once; what is gone is passed over.
    ///
    /// # Errors
    /// Where the store cannot be read, or takes no writes.
    pub async fn delivered(
        &self,
        to: &NodeName,
        after: Revision,
        through: Revision,
    ) -> Result<(), Failure> {
        let prefix = Prefix::below(&MessageId::folder());
        let mut read = after;
        while read < through {
            let changes = match self.store.changes_after(read, &prefix, CHANGES_AT_A_TIME).await {
                // What was trimmed is older than any message is kept.
                Err(StoreError::OutOfRange { oldest, .. }) if oldest > read => {
                    read = oldest;
                    continue;
                }
                changes => changes?,
            };
            let within = changes.changes.iter().filter(|change| change.revision <= through);
            let ids = within.filter_map(|change| sent_to(to, change));
            let marked = join_all(ids.map(|id| self.mark_delivered(id, to))).await;
            marked.into_iter().collect::<Result<(), Failure>>()?;
            if changes.through <= read {
                break;
            }
            read = changes.through;
        }
        Ok(())
    }

    async fn mark_delivered(&self, id: MessageId, to: &NodeName) -> Result<(), Failure> {
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
