//! The record of one attempt at the end that asks.

use std::time::Instant;

use bothways_protocol::{Code, NodeName};

use super::ask::Ask;
use super::outbound::Outbound;
use crate::clock::{micros, unix_us_at};
use crate::exchange::{Direction, MethodText, Outcome, Record, Recorder, Telling};
use crate::metrics::Ended;

/// One attempt as this end sees it. However it ends, dropped halfway included, it leaves one
/// record.
pub(super) struct Leg<'a> {
    outbound: &'a Outbound,
    peer: NodeName,
    ask: &'a Ask,
    began: Instant,
    pub(super) code: Outcome,
    pub(super) sent_bytes: u64,
    pub(super) received_bytes: u64,
    /// Of a subscription that has begun.
    telling: Option<Box<Telling>>,
}

impl<'a> Leg<'a> {
    pub(super) fn new(
        outbound: &'a Outbound,
        peer: &NodeName,
        ask: &'a Ask,
        began: Instant,
    ) -> Self {
        let (peer, code) = (peer.clone(), Outcome::Failed(Code::Cancelled));
        outbound.metrics.out.begin();
        Self { outbound, peer, ask, began, code, sent_bytes: 0, received_bytes: 0, telling: None }
    }

    /// It is a subscription that has begun: events follow.
    pub(super) fn begin_events(&mut self) {
        let now = Instant::now();
        self.telling = Some(Box::new(Telling::begun(unix_us_at(self.began, now), now)));
        self.outbound.metrics.out.note_watching();
        self.leave(now, Recorder::take_progress);
    }

    /// So many events have come. Says when [`record_events`](Self::record_events) is due, where it
    /// was not before.
    pub(super) fn note_events(&mut self, count: u64) -> Option<Instant> {
        self.telling.as_mut()?.note(count, Instant::now)
    }

    /// Leaves a record of what has come until now.
    pub(super) fn record_events(&mut self) {
        let now = Instant::now();
        self.leave(now, Recorder::take_progress);
        self.telling.iter_mut().for_each(|telling| telling.note_recorded(now));
    }

    /// Leaves a record of all until now.
    fn leave(&self, now: Instant, with: fn(&Recorder, Record)) {
        if !self.outbound.recorder.wants_records() {
            return;
        }
        let telling = self.telling.as_ref();
        let Ask { request, parent, .. } = self.ask;
        let record = Record {
            node: self.outbound.name.clone(),
            dir: Direction::Out,
            peer: self.peer.clone(),
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
            parent_id: *parent,
            key: request.key,
            attempt: request.attempt,
            events: telling.map(|telling| telling.events),
        };
        with(&self.outbound.recorder, record);
    }
}

impl Drop for Leg<'_> {
    fn drop(&mut self) {
        let (method, outcome) = (&self.ask.request.method, self.code);
        let now = Instant::now();
        let (took, watched) = (now - self.began, self.telling.is_some());
        self.outbound.metrics.out.end(Ended { method, took, outcome, watched });
        self.leave(now, Recorder::take);
    }
}
