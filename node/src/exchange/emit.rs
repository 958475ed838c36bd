//! Where a record goes: by the short way to a log of this process, or else as an event to whatever
//! subscriber there is.
//!
//! An event of fifteen fields, each formatted on the thread that serves the network, costs more
//! than the request that it tells of. So a subscriber may hold a [`ShortWay`], which takes records
//! by value and formats them elsewhere. It is looked for in the subscriber at hand, and not in a
//! place of its own: a program that embeds the library and has a subscriber of its own sees events,
//! without more ado.

use std::sync::Arc;

use tracing::{Level, Subscriber, dispatcher};
use tracing_subscriber::Layer;

use super::record::{MESSAGE, Record, TARGET};

/// What takes records as they are. It is called on the network thread and does not wait.
pub(crate) trait TakeRecords: Send + Sync {
    /// Takes one record. It is copied where it is to stay, and nowhere on the way.
    fn take(&self, record: &Record);
}

/// The layer of a subscriber that takes records in place of their events: those that would have
/// been let through, for each log that would have written them.
pub(crate) struct ShortWay {
    logs: Vec<Arc<dyn TakeRecords>>,
    /// Some log wants their events all the same.
    events: bool,
}

impl ShortWay {
    /// A way to these logs; with none of them, no record is wanted.
    pub(crate) fn to(logs: Vec<Arc<dyn TakeRecords>>) -> Self {
        Self { logs, events: false }
    }

    /// The same, with an event of each record besides.
    pub(crate) fn beside_events(self) -> Self {
        Self { events: true, ..self }
    }

    fn take(&self, record: &Record) {
        self.logs.iter().for_each(|log| log.take(record));
    }
}

/// Nothing is done with events: the layer is only to be found.
impl<S: Subscriber> Layer<S> for ShortWay {}

/// Whether anybody takes records: where nobody does, none need be made.
pub(crate) fn is_wanted() -> bool {
    let taken = dispatcher::get_default(|dispatch| {
        dispatch.downcast_ref().map(|way: &ShortWay| (!way.logs.is_empty(), way.events))
    });
    let (taken, events) = taken.unwrap_or((false, true));
    taken || (events && tracing::enabled!(target: TARGET, Level::INFO))
}

/// Leaves the one line that a request leaves at this end: in the logs of this process where they
/// were started by this library, or else as an event of target [`TARGET`] at level `info`. Where
/// that level is off, no field is looked at.
pub fn emit(record: &Record) {
    let wants_event = dispatcher::get_default(|dispatch| {
        let way = dispatch.downcast_ref::<ShortWay>();
        way.iter().for_each(|way| way.take(record));
        way.is_none_or(|way| way.events)
    });
    if wants_event {
        emit_event(record);
    }
}

/// The record as an event.
pub(crate) fn emit_event(record: &Record) {
    tracing::info!(
        target: TARGET,
        node = %record.node,
        dir = %record.dir,
        peer = %record.peer,
        method = %record.method,
        code = %record.code,
        started_us = record.started_us,
        duration_us = record.duration_us,
        deadline_ms = record.deadline_ms,
        sent_bytes = record.sent_bytes,
        received_bytes = record.received_bytes,
        trace_id = %record.trace_id,
        span_id = %record.span_id,
        parent_id = record.parent_id.map(tracing::field::display),
        key = record.key.map(tracing::field::display),
        attempt = record.attempt,
        events = record.events,
        "{MESSAGE}"
    );
}
