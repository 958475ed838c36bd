//! How a message stands in the store.

use bothways_protocol::NodeName;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::state::MessageState;
use super::text::MessageText;
use super::words::{Message, MessageId};
use crate::domain::stored;
use crate::store::{Key, Record, StoreError};

/// A message without what the record says anyway (id and when it was sent, revision).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredMessage {
    pub(super) from: NodeName,
    pub(super) to: NodeName,
    pub(super) text: MessageText,
    pub(super) state: MessageState,
}

impl StoredMessage {
    pub(super) fn to_bytes(&self) -> Result<Bytes, StoreError> {
        stored::to_bytes(&MessageId::folder(), self)
    }

    /// The other keys under which the message is found: in the recipient's box and the sender's,
    /// and among those of either that wait to be read, where it does.
    pub(super) fn index(&self, id: MessageId) -> Vec<Key> {
        let boxes = [inbox(&self.to), sent(&self.from)];
        let waiting = self.waits_in().into_iter().filter(|_| self.state.waits());
        boxes.into_iter().chain(waiting).map(|folder| below(&folder, id)).collect()
    }

    /// Those under which it is found no more, where it does not wait any longer.
    pub(super) fn unindex(&self, id: MessageId) -> Vec<Key> {
        let waiting = self.waits_in().into_iter().filter(|_| !self.state.waits());
        waiting.map(|folder| below(&folder, id)).collect()
    }

    /// What it is found below while it waits to be read.
    pub(super) fn waits_in(&self) -> [Key; 2] {
        [unread(&self.to), unread_of(&self.from)]
    }
}

impl Message {
    pub(super) fn of_record(record: &Record) -> Result<Self, StoreError> {
        let id = MessageId::of_key(&record.key)?;
        let StoredMessage { from, to, text, state } = stored::read(record)?;
        Ok(Self { id, from, to, text, state, sent_ms: id.sent_ms(), revision: record.revision.0 })
    }

    /// The message as it is stored.
    pub(super) fn stored(self) -> StoredMessage {
        let Self { from, to, text, state, .. } = self;
        StoredMessage { from, to, text, state }
    }
}

/// What the messages to a peer are found below.
pub(super) fn inbox(peer: &NodeName) -> Key {
    format!("inbox.{peer}").parse().expect("a node name is a word of a key")
}

/// What the messages from a peer are found below.
pub(super) fn sent(peer: &NodeName) -> Key {
    format!("sent.{peer}").parse().expect("a node name is a word of a key")
}

/// What the messages to a peer are found below that it has not read.
pub(super) fn unread(peer: &NodeName) -> Key {
    format!("unread.{peer}").parse().expect("a node name is a word of a key")
}

/// What the messages from a peer are found below that their recipients have not read.
pub(super) fn unread_of(peer: &NodeName) -> Key {
    format!("unread-of.{peer}").parse().expect("a node name is a word of a key")
}

/// Where a message is found in a box.
pub(super) fn below(folder: &Key, id: MessageId) -> Key {
    format!("{folder}.{id}").parse().expect("a UUID is a word of a key")
}
