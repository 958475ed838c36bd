//! Messages from peer to peer: they wait for whoever is away, and the sender can see how far they
//! have come.
//!
//! A message is durable before its send is answered. It stays, read or not, until its time to live
//! is over; then it is listed no more, and removed by a sweep. A message that has been read counts
//! no longer among those that wait.

mod acknowledge;
mod awaited;
mod expiry;
mod feed;
mod state;
mod stored;
mod text;
mod waiting;
mod words;

use std::sync::Arc;
use std::time::Duration;

use bothways_protocol::{Code, Failure, NodeName, Retry};

use super::page::{PageSize, Source};
use super::revise::{Outcome, Revised, Target};
use super::stored::record_of;
use crate::config::MessagesPlan;
use crate::service::{Context, Feed};
use crate::store::{
    Change, ChangeKind, Expect, Key, Once, Prefix, Record, Revision, Store, StoreError, Write,
};

use awaited::{Awaited, Wait};
use expiry::Expiry;
use state::Event;
pub use state::MessageState;
use stored::{StoredMessage, below, inbox, sent, unread, unread_of};
pub use text::{MessageText, MessageTextError, TEXT_MAX_CHARS};
use waiting::{Room, Waiting};
pub use words::{
    ListMessages, Message, MessageBox, MessageId, MessageIdError, MessagesPage, PAGE_DEFAULT,
    PAGE_MAX, ReadMessage, SendMessage, SentMessage,
};

/// The longest that a send waits for the recipient to acknowledge.
const ACKNOWLEDGE_WITHIN: Duration = Duration::from_secs(2);

/// What a send leaves of its deadline for the way back.
const WAY_BACK: Duration = Duration::from_millis(250);

/// How many messages are read at a time where those that wait in a box are counted.
const COUNTED_AT_A_TIME: usize = 500;

const PAGE: PageSize = PageSize { default: PAGE_DEFAULT, max: PAGE_MAX, of: "messages" };

/// The service `messages`: its records stand in the store below `messages`, and are found by
/// recipient below `inbox` and by sender below `sent`; those that wait to be read also below `unread`
/// and `unread-of`.
#[derive(Debug)]
pub struct Messages {
    store: Arc<dyn Store>,
    plan: MessagesPlan,
    expiry: Expiry,
    waiting: Waiting,
    awaited: Awaited,
}

impl Messages {
    /// The messages in a store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, plan: MessagesPlan) -> Self {
        let expiry = Expiry::of(plan.keep_for);
        Self { store, plan, expiry, waiting: Waiting::default(), awaited: Awaited::default() }
    }

    /// Sends a message, and waits a while for its recipient to acknowledge it, where the recipient
    /// is watching. `messages.send`
    ///
    /// The same send, repeated, is the same message: id, recipient and time are those of the
    /// first. How far the message has come is answered as it is then, which is never less far than
    /// the first answer said; `expired` where the message is gone.
    ///
    /// # Errors
    /// `resource_exhausted` where too many wait for the recipient (reason `inbox_full`), or of the
    /// sender's, whoever they are for (`outbox_full`);
    /// `already_exists` (reason `key_reused`); `unavailable` where the store takes no writes.
    pub async fn send(
        &self,
        context: Context,
        params: SendMessage,
    ) -> Result<SentMessage, Failure> {
        let before = match context.once() {
            Some(once) => self.store.done(once).await?,
            None => None,
        };
        let written = match before {
            Some(before) => before,
            None => self.write_new(&context, params).await?,
        };
        let message = Message::of_record(&record_of(written)?)?;
        let mut wait = self.awaited.begin(message.id);
        let mut state = self.state_of(message.id).await?;
        if state == MessageState::Queued && context.is_watching(Self::SERVICE, &message.to) {
            state = moved_on(&mut wait, &context).await;
        }
        let Message { id, to, sent_ms, .. } = message;
        Ok(SentMessage { id, to, state, sent_ms })
    }

    /// Messages to the caller or from it, in the order in which they were sent. `messages.list`
    ///
    /// # Errors
    /// `invalid_argument` (field `limit`) where the limit is not 1 to [`PAGE_MAX`].
    pub async fn list(
        &self,
        context: Context,
        params: ListMessages,
    ) -> Result<MessagesPage, Failure> {
        let limit = PAGE.limit(params.limit)?;
        self.sweep().await;
        let folder = match params.side.unwrap_or_default() {
            MessageBox::In => inbox(context.peer()),
            MessageBox::Out => sent(context.peer()),
        };
        let living = self.expiry.living_behind();
        let after = below(&folder, params.after.map_or(living, |after| after.max(living)));
        let pick = |record: &Record| {
            let message = Message::of_record(record)?;
            let wanted = params.unread.is_none_or(|unread| unread == message.state.waits());
            Ok(wanted.then_some(message))
        };
        let listed = Source::Index(folder).list(&*self.store, Some(after), limit, pick).await?;
        Ok(MessagesPage {
            messages: listed.items,
            next: listed.next.as_ref().map(MessageId::of_key).transpose()?,
            revision: listed.revision,
            cursor: self.cursor(context.peer(), Revision(listed.revision)),
        })
    }

    /// Marks a message to the caller as read, and gives it; one that is read already is given as it
    /// is. `messages.read`
    ///
    /// # Errors
    /// `not_found` where there is no such message, or it is between others; `permission_denied`
    /// (reason `recipient`) where the caller sent it; `already_exists` (reason `key_reused`);
    /// `unavailable` where the store takes no writes.
    pub async fn read(&self, context: Context, params: ReadMessage) -> Result<Message, Failure> {
        let ReadMessage { id } = params;
        let (reader, once) = (context.peer(), context.once());
        self.advance(id, once, Event::Read, |message| may_read(message, reader)).await
    }

    async fn write_new(&self, context: &Context, params: SendMessage) -> Result<Change, Failure> {
        self.sweep().await;
        self.check_room(context.peer(), &params.to).await?;
        let (id, state) = (MessageId::draw(), MessageState::Queued);
        let SendMessage { to, text } = params;
        let message = StoredMessage { from: context.peer().clone(), to, text, state };
        let written = self.store.write(Write {
            key: id.key(),
            expect: Expect::Absent,
            kind: ChangeKind::Put(message.to_bytes()?),
            index: message.index(id),
            unindex: message.unindex(id),
            once: context.once().cloned(),
        });
        let written = written.await?;
        if written.key == id.key() {
            message.waits_in().iter().for_each(|of| self.waiting.came(of));
        }
        Ok(written)
    }

    async fn check_room(&self, from: &NodeName, to: &NodeName) -> Result<(), Failure> {
        let full = |message: String, reason| {
            let failure = Failure::new(Code::ResourceExhausted, message).reason(reason);
            Err(failure.retry(Retry::After))
        };
        let max = self.plan.waiting_per_peer;
        if self.is_full(unread(to), max).await? {
            return full(
                format!("{max} messages wait for {to}: it has to read some first"),
                "inbox_full",
            );
        }
        let max = self.plan.waiting_per_sender;
        if self.is_full(unread_of(from), max).await? {
            let message =
                format!("{max} messages of {from} wait to be read: some have to be first");
            return full(message, "outbox_full");
        }
        Ok(())
    }

    async fn is_full(&self, folder: Key, max: usize) -> Result<bool, StoreError> {
        Ok(match self.waiting.room(&folder, max) {
            Room::Yes => false,
            Room::No => true,
            Room::Unknown => self.count_waiting(folder, max).await? >= max,
        })
    }

    /// Counts the messages that wait in a box, and stops at the most that it may have.
    async fn count_waiting(&self, folder: Key, max: usize) -> Result<usize, StoreError> {
        let (mut waiting, prefix) = (0, Prefix::below(&folder));
        let mut after = Some(below(&folder, self.expiry.living_behind()));
        while let Some(behind) = after.filter(|_| waiting < max) {
            let page = self.store.list_index(&prefix, Some(&behind), COUNTED_AT_A_TIME).await?;
            waiting += page.records.len();
            after = page.next;
        }
        self.waiting.counted(&folder, waiting);
        Ok(waiting)
    }

    async fn state_of(&self, id: MessageId) -> Result<MessageState, StoreError> {
        match self.store.get(&id.key()).await? {
            Some(record) if !self.expiry.is_over(id) => Ok(Message::of_record(&record)?.state),
            _ => Ok(MessageState::Expired),
        }
    }

    /// Takes a message further on its way, if it is not as far already; `allowed` says whether the
    /// caller may.
    async fn advance(
        &self,
        id: MessageId,
        once: Option<&Once>,
        event: Event,
        allowed: impl Fn(&Message) -> Result<(), Failure>,
    ) -> Result<Message, Failure> {
        let target = Target { store: &*self.store, key: id.key(), expect: None, once };
        let rule = |found: Option<&Record>| {
            let living = found.filter(|_| !self.expiry.is_over(id));
            let message = Message::of_record(living.ok_or_else(|| not_found(id))?)?;
            allowed(&message)?;
            let Some(state) = message.state.after(event) else { return Ok(Revised::Unchanged) };
            let message = StoredMessage { state, ..message.stored() };
            let (index, unindex) = (message.index(id), message.unindex(id));
            Ok(Revised::To { value: message.to_bytes()?, index, unindex })
        };
        let Outcome { record, changed } = target.revise(rule).await?;
        let message = Message::of_record(&record)?;
        self.awaited.tell(id, message.state);
        if changed && !message.state.waits() {
            message.clone().stored().waits_in().iter().for_each(|of| self.waiting.left(of));
        }
        Ok(message)
    }
}

/// How far a message comes within the time that its sender has.
async fn moved_on(wait: &mut Wait<'_>, context: &Context) -> MessageState {
    let within = ACKNOWLEDGE_WITHIN.min(context.deadline_left().saturating_sub(WAY_BACK));
    tokio::select! {
        state = wait.moved_on() => state,
        () = tokio::time::sleep(within) => MessageState::Queued,
        () = context.cancelled() => MessageState::Queued,
    }
}

/// Whether somebody may mark a message as read.
fn may_read(message: &Message, reader: &NodeName) -> Result<(), Failure> {
    if *reader == message.to {
        Ok(())
    } else if *reader == message.from {
        let told = format!("message {} is for {} to read", message.id, message.to);
        Err(Failure::new(Code::PermissionDenied, told).reason("recipient"))
    } else {
        Err(not_found(message.id))
    }
}

fn not_found(id: MessageId) -> Failure {
    Failure::new(Code::NotFound, format!("there is no message {id}"))
}

#[cfg(test)]
mod tests;
