//! A request of a peer: answered by the rules, and recorded.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bothways_protocol::{Code, Encoded, Failure, Request};
use futures_util::FutureExt;

use super::Context;
use super::rules::{Call, Caller, Inbound};
use crate::exchange::{Direction, MethodText, Outcome, Record};
use crate::metrics::Ended;
use crate::session::{Answered, AnsweringPlace, Asked, Begun, Dispatch, Entry, Events};

impl Dispatch for Inbound {
    type Entry = Recorded;

    fn answers(&self) -> bool {
        self.outbound.role.answers()
    }

    fn message_bytes(&self) -> usize {
        self.largest_message()
    }

    fn begin(self: &Arc<Self>, asked: Asked) -> Begun<Recorded> {
        let Asked { request, way, began, read, message_bytes, received_bytes, place } = asked;
        let session = place.session();
        let (peer, role) = (session.peer().clone(), session.facts().role);
        let caller = Caller { peer, role, session: Some(session.clone()), way };
        let bytes = (message_bytes, received_bytes);
        self.begin_recorded(caller, request, bytes, (began, read), Some(place))
    }
}

impl Inbound {
    /// Begins a request by the rules; whatever becomes of it, it leaves a record. `bytes` are those
    /// of its message, without and with the length in front; the times, when it began and when it
    /// was read.
    pub(super) fn begin_recorded(
        self: &Arc<Self>,
        caller: Caller,
        request: Request,
        (message_bytes, received_bytes): (usize, u64),
        (began, read): (Instant, Instant),
        place: Option<AnsweringPlace>,
    ) -> Begun<Recorded> {
        let (route, once) = match self.admit(&caller, &request, message_bytes) {
            Ok((route, once)) => (Ok(route), once),
            Err(failure) => (Err(failure), None),
        };
        let deadline = read + self.allowed(request.deadline);
        self.outbound.metrics.inward.begin();
        let context = Context::new(self.clone(), caller, request, deadline, once);
        let entry = Recorded::new(context.clone(), began, received_bytes);
        match route.map(|route| self.call(route, &context, place)) {
            Ok(Call::Answered(answer)) => Begun::Answered(entry.with(answer)),
            Ok(Call::AtWork(work)) => Begun::AtWork(work.map(|answer| entry.with(answer)).boxed()),
            Ok(Call::Watches(beginning)) => {
                Begun::AtWork(beginning.map(|begun| entry.telling(begun)).boxed())
            }
            Err(failure) => Begun::Answered(entry.with(Err(failure))),
        }
    }
}

/// Leaves the record of the end that answers when it is dropped, however the request ended.
pub(crate) struct Recorded {
    context: Context,
    began: Instant,
    watched: bool,
    /// How it ended; it was given up, where nothing else is noted.
    code: Outcome,
    sent_bytes: u64,
    received_bytes: u64,
}

impl Recorded {
    fn new(context: Context, began: Instant, received_bytes: u64) -> Self {
        let code = Outcome::Failed(Code::Cancelled);
        Self { context, began, watched: false, code, sent_bytes: 0, received_bytes }
    }

    /// The request has ended with this answer.
    fn with(mut self, answer: Result<Encoded, Failure>) -> Answered<Self> {
        self.code = match &answer {
            Ok(_) => Outcome::Ok,
            Err(failure) => Outcome::Failed(failure.code),
        };
        Answered { answer, entry: self, events: None }
    }

    /// The subscription has begun, or has been refused.
    fn telling(mut self, begun: Result<(Encoded, Box<dyn Events>), Failure>) -> Answered<Self> {
        match begun {
            Ok((result, events)) => {
                self.note_watching();
                Answered { events: Some(events), ..self.with(Ok(result)) }
            }
            Err(failure) => self.with(Err(failure)),
        }
    }

    fn note_watching(&mut self) {
        self.watched = true;
        if let Some(node) = self.context.node() {
            node.outbound.metrics.inward.note_watching();
        }
    }
}

impl Entry for Recorded {
    fn note_sent(&mut self, bytes: u64) {
        self.sent_bytes = bytes;
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        let Some(node) = self.context.node() else { return };
        let ended = Ended { outcome: self.code, watched: self.watched };
        node.outbound.metrics.inward.end(ended);
        if !node.outbound.recorder.wants_records() {
            return;
        }
        let (request, duration) = (self.context.request(), self.began.elapsed());
        node.outbound.recorder.take(Record {
            node: node.outbound.name.clone(),
            dir: Direction::In,
            peer: self.context.peer().clone(),
            method: MethodText::from(request.method.clone()),
            code: self.code,
            started_us: crate::clock::unix_us().saturating_sub_unsigned(micros(duration)),
            duration_us: micros(duration),
            deadline_ms: request.deadline.as_millis().try_into().unwrap_or(u64::MAX),
            sent_bytes: self.sent_bytes,
            received_bytes: self.received_bytes,
            trace_id: request.trace.trace_id(),
            span_id: request.trace.span_id(),
            parent_id: None,
            key: request.key,
            attempt: request.attempt,
        });
    }
}

fn micros(duration: Duration) -> u64 {
    duration.as_micros().try_into().unwrap_or(u64::MAX)
}
