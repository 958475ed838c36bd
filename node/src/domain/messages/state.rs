//! What becomes of a message: it waits, is delivered, is read. It never goes back.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a message is on its way.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum MessageState {
    /// It waits for its recipient.
    Queued,
    /// The recipient has acknowledged that it has it.
    Delivered,
    /// The recipient has read it.
    Read,
    /// Its time to live is over and it is gone. No record is in this state: it is what a send that
    /// is repeated so late answers.
    Expired,
}

/// What happens to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    /// The recipient acknowledges what it was told.
    Acknowledged,
    /// The recipient reads it.
    Read,
}

impl MessageState {
    /// The state after an event, where that is another one.
    pub(super) fn after(self, event: Event) -> Option<Self> {
        match (self, event) {
            (Self::Queued, Event::Acknowledged) => Some(Self::Delivered),
            (Self::Queued | Self::Delivered, Event::Read) => Some(Self::Read),
            (Self::Delivered | Self::Read | Self::Expired, Event::Acknowledged)
            | (Self::Read | Self::Expired, Event::Read) => None,
        }
    }

    /// Whether the recipient has still to read it.
    pub(super) fn waits(self) -> bool {
        matches!(self, Self::Queued | Self::Delivered)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_event_leads_where_the_table_says() {
        use MessageState::{Delivered, Expired, Queued, Read};
        let table = [
            (Queued, Event::Acknowledged, Some(Delivered)),
            (Queued, Event::Read, Some(Read)),
            (Delivered, Event::Acknowledged, None),
            (Delivered, Event::Read, Some(Read)),
            (Read, Event::Acknowledged, None),
            (Read, Event::Read, None),
            (Expired, Event::Acknowledged, None),
            (Expired, Event::Read, None),
        ];
        for (state, event, after) in table {
            assert_eq!(state.after(event), after, "{state:?} {event:?}");
        }
        let waiting = [Queued, Delivered, Read, Expired].map(MessageState::waits);
        assert_eq!(waiting, [true, true, false, false]);
    }

    proptest! {
        #[test]
        fn a_message_never_goes_back(reads in proptest::collection::vec(any::<bool>(), 0..20)) {
            let mut state = MessageState::Queued;
            for read in reads {
                let event = if read { Event::Read } else { Event::Acknowledged };
                let next = state.after(event).unwrap_or(state);
                prop_assert!(next >= state);
                state = next;
            }
        }
    }
}
