//! The sends that wait for their recipient to acknowledge.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

use super::state::MessageState;
use super::words::MessageId;

/// Where those who deliver a message find those who wait for it. There are as many entries as
/// sends are at work.
#[derive(Debug, Default)]
pub(super) struct Awaited {
    states: Mutex<HashMap<MessageId, watch::Sender<MessageState>>>,
}

/// One wait; dropped, it is forgotten.
pub(super) struct Wait<'a> {
    awaited: &'a Awaited,
    id: MessageId,
    state: Option<watch::Receiver<MessageState>>,
}

impl Awaited {
    /// Begins to wait. What is told from now on is not missed.
    pub(super) fn begin(&self, id: MessageId) -> Wait<'_> {
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        let told = states.entry(id).or_insert_with(|| watch::Sender::new(MessageState::Queued));
        Wait { awaited: self, id, state: Some(told.subscribe()) }
    }

    /// Tells those who wait how far a message has come.
    pub(super) fn tell(&self, id: MessageId, state: MessageState) {
        let states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(told) = states.get(&id) {
            told.send_replace(state);
        }
    }
}

impl Wait<'_> {
    /// Waits until the message is no longer queued.
    pub(super) async fn moved_on(&mut self) -> MessageState {
        let Some(state) = &mut self.state else { return MessageState::Queued };
        match state.wait_for(|state| *state != MessageState::Queued).await {
            Ok(state) => *state,
            // Its entry stands for as long as this wait does.
            Err(_) => MessageState::Queued,
        }
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        let mut states = self.awaited.states.lock().unwrap_or_else(PoisonError::into_inner);
        self.state = None;
        if states.get(&self.id).is_some_and(|told| told.receiver_count() == 0) {
            states.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_who_wait_are_told_and_then_forgotten() {
        let (awaited, id) = (Awaited::default(), MessageId::draw());
        let (mut one, mut two) = (awaited.begin(id), awaited.begin(id));
        awaited.tell(id, MessageState::Delivered);
        assert_eq!(one.moved_on().await, MessageState::Delivered);
        drop(one);
        assert_eq!(two.moved_on().await, MessageState::Delivered);
        drop(two);
        awaited.tell(id, MessageState::Read);
        assert!(awaited.states.lock().unwrap().is_empty());
    }
}
