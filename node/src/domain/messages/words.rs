//! What is asked of the service, and what it answers.

use bothways_protocol::{Cursor, Effect, Method, NodeName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::state::MessageState;
use super::text::MessageText;
use crate::domain::id::{given_ms, id, least_of};

/// How many messages a page has where no limit is given.
pub const PAGE_DEFAULT: u16 = 20;

/// The most messages that a page has.
pub const PAGE_MAX: u16 = 50;

/// What a page of [`PAGE_MAX`] messages takes, where all their texts are as long as they may be:
/// 50 messages of up to 17,000 bytes.
const PAGE_BYTES: usize = 1024 * 1024;

id! {
    /// The id of a message.
    MessageId, MessageIdError, "messages", "The id of a message",
    "this is no message's id: use one that messages.send or messages.list gave"
}

impl MessageId {
    /// When the message was sent, in milliseconds since 1970 UTC, by the clock of the node that
    /// keeps it.
    #[must_use]
    pub fn sent_ms(self) -> u64 {
        given_ms(self.0)
    }

    /// An id behind which all stand that were given at this time or later.
    pub(super) fn before(unix_ms: u64) -> Self {
        Self(least_of(unix_ms))
    }
}

/// Sends a message to a peer. Who sends it is who the certificate says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SendMessage {
    /// Whom it is for.
    pub to: NodeName,
    /// What it says.
    pub text: MessageText,
}

impl Method for SendMessage {
    const NAME: &'static str = "messages.send";
    const EFFECT: Effect = Effect::Writes;
    const ABOUT: &'static str = "Sends a message to a peer; it waits where the peer is away.";
    type Result = SentMessage;

    fn example() -> Self {
        let to = "desk".parse().expect("a node's name");
        Self { to, text: MessageText::example() }
    }
}

/// Reads the messages to the caller, or those from it, in the order in which they were sent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListMessages {
    /// Those to the caller (`in`, where nothing is said), or those from it (`out`).
    #[serde(default, rename = "box", skip_serializing_if = "Option::is_none")]
    pub side: Option<MessageBox>,
    /// Only those that their recipient has read (`false`), or has not read (`true`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unread: Option<bool>,
    /// Where to read on: the last page's `next`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<MessageId>,
    /// How many messages at the most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = PAGE_MAX), extend("default" = PAGE_DEFAULT))]
    pub limit: Option<u16>,
}

impl Method for ListMessages {
    const NAME: &'static str = "messages.list";
    const EFFECT: Effect = Effect::Reads;
    const ABOUT: &'static str =
        "Lists the messages to the caller, or those from it, a page at a time.";
    const MESSAGE_BYTES: usize = PAGE_BYTES;
    type Result = MessagesPage;

    fn example() -> Self {
        Self { side: Some(MessageBox::In), unread: Some(true), ..Self::default() }
    }
}

/// Marks a message to the caller as read, and gives it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadMessage {
    /// Which message.
    pub id: MessageId,
}

impl Method for ReadMessage {
    const NAME: &'static str = "messages.read";
    const EFFECT: Effect = Effect::Writes;
    const ABOUT: &'static str = "Marks a message to the caller as read, and gives it.";
    type Result = Message;

    fn example() -> Self {
        Self { id: MessageId::example() }
    }
}

/// Which messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MessageBox {
    /// Those to the caller.
    #[default]
    In,
    /// Those from the caller.
    Out,
}

/// What a send answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SentMessage {
    /// The message's id.
    pub id: MessageId,
    /// Whom it is for.
    pub to: NodeName,
    /// How far it has come: `delivered` where the recipient has acknowledged it, else `queued`.
    /// The same send, repeated, may find it further on its way.
    pub state: MessageState,
    /// When it was sent, in milliseconds since 1970 UTC.
    pub sent_ms: u64,
}

/// One message, as it is at a revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Message {
    /// The id, given when it was sent.
    pub id: MessageId,
    /// Who sent it, as the certificate says.
    pub from: NodeName,
    /// Whom it is for.
    pub to: NodeName,
    /// What it says.
    pub text: MessageText,
    /// How far it has come.
    pub state: MessageState,
    /// When it was sent, in milliseconds since 1970 UTC.
    pub sent_ms: u64,
    /// The change that made it so.
    pub revision: u64,
}

/// Some messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MessagesPage {
    /// The messages.
    pub messages: Vec<Message>,
    /// What to give as `after` for the next page; absent on the last. A page that leaves some out
    /// (`unread`) may have fewer messages than asked for, and more behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<MessageId>,
    /// The store's revision when this page was read.
    pub revision: u64,
    /// Where to begin to watch: behind the cursor of the first page stands all that has changed
    /// since.
    pub cursor: Cursor,
}
