//! A request of a peer: answered by the rules, and recorded.

use std::sync::Arc;
use std::time::Instant;

use bothways_protocol::{Code, Encoded, Failure, Request};
use futures_util::FutureExt;

use super::Context;
use super::rules::{Call, Caller, Inbound};
use crate::clock::{micros, unix_us_at};
use crate::exchange::{Direction, MethodText, Outcome, Record, Recorder, Telling};
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
    /// How it ended; it was given up, where nothing else is noted.
    code: Outcome,
    sent_bytes: u64,
    received_bytes: u64,
    /// Of a subscription that has begun.
    telling: Option<Box<Telling>>,
}

impl Recorded {
    fn new(context: Context, began: Instant, received_bytes: u64) -> Self {
        let code = Outcome::Failed(Code::Cancelled);
        Self { context, began, code, sent_bytes: 0, received_bytes, telling: None }
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
    fn telling(self, begun: Result<(Encoded, Box<dyn Events>), Failure>) -> Answered<Self> {
        match begun {
            Ok((result, events)) => Answered { events: Some(events), ..self.with(Ok(result)) },
            Err(failure) => self.with(Err(failure)),
        }
    }
}

impl Entry for Recorded {
    fn note_sent(&mut self, bytes: u64) {
        self.sent_bytes = bytes;
    }

    fn begin_events(&mut self) {
        let now = Instant::now();
        self.telling = Some(Box::new(Telling::begun(unix_us_at(self.began, now), now)));
        if let Some(node) = self.context.node() {
            node.outbound.metrics.inward.note_watching();
        }
        self.leave(now, Recorder::take_progress);
    }

    fn note_events(&mut self, count: u64) -> Option<Instant> {
        self.telling.as_mut()?.note(count, Instant::now)
    }

    fn record_events(&mut self) {
        let now = Instant::now();
        self.leave(now, Recorder::take_progress);
        self.telling.iter_mut().for_each(|telling| telling.note_recorded(now));
    }
}

impl Recorded {
    /// Leaves a record of all until now.
    fn leave(&self, now: Instant, with: fn(&Recorder, Record)) {
        let Some(node) = self.context.node() else { return };
        if !node.outbound.recorder.wants_records() {
            return;
        }
        let (request, telling) = (self.context.request(), self.telling.as_ref());
        let record = Record {
            node: node.outbound.name.clone(),
            dir: Direction::In,
            peer: self.context.peer().clone(),
            method: MethodText::from(request.method.clone()),
            code: self.code,
            started_us: telling
                .map_or_else(|| unix_us_at(self.began, now), |telling| telling.started_us),
            duration_us: micros(now - self.began),
            deadline_ms: request.deadline.as_millis().try_into().unwrap_or(u64::MAX),
            sent_bytes: self.sent_bytes,
            received_bytes: self.received_bytes,
            trace_id: request.trace.trace_id(),
            span_id: request.trace.span_id(),
            parent_id: None,
            key: request.key,
            attempt: request.attempt,
            events: telling.map(|telling| telling.events),
        };
        with(&node.outbound.recorder, record);
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        let Some(node) = self.context.node() else { return };
        let (method, outcome) = (&self.context.request().method, self.code);
        let now = Instant::now();
        let (took, watched) = (now - self.began, self.telling.is_some());
        node.outbound.metrics.inward.end(Ended { method, took, outcome, watched });
        self.leave(now, Recorder::take);
    }
}
