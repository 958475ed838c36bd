//! The record of one attempt at the end that asks.

use std::time::Instant;

use bothways_protocol::{Code, NodeName};

use super::outbound::Outbound;
use super::peer::Ask;
use crate::exchange::{Direction, MethodText, Outcome, Record};
use crate::metrics::Ended;

/// One attempt as this end sees it. However it ends, dropped halfway included, it leaves one
/// record.
pub(super) struct Leg<'a> {
    outbound: &'a Outbound,
    peer: NodeName,
    ask: &'a Ask,
    began: Instant,
    watched: bool,
    pub(super) code: Outcome,
    pub(super) sent_bytes: u64,
    pub(super) received_bytes: u64,
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
        let (watched, sent_bytes, received_bytes) = (false, 0, 0);
        Self { outbound, peer, ask, began, watched, code, sent_bytes, received_bytes }
    }

    /// It has become a subscription.
    pub(super) fn note_watching(&mut self) {
        self.watched = true;
        self.outbound.metrics.out.note_watching();
    }
}

impl Drop for Leg<'_> {
    fn drop(&mut self) {
        let ended = Ended { outcome: self.code, watched: self.watched };
        self.outbound.metrics.out.end(ended);
        if !self.outbound.recorder.wants_records() {
            return;
        }
        let duration_us = self.began.elapsed().as_micros().try_into().unwrap_or(u64::MAX);
        let Ask { request, origin, .. } = self.ask;
        self.outbound.recorder.take(Record {
            node: self.outbound.name.clone(),
            dir: Direction::Out,
            peer: self.peer.clone(),
            method: MethodText::from(request.method.clone()),
            code: self.code,
            started_us: crate::clock::unix_us().saturating_sub_unsigned(duration_us),
            duration_us,
            deadline_ms: request.deadline.as_millis().try_into().unwrap_or(u64::MAX),
            sent_bytes: self.sent_bytes,
            received_bytes: self.received_bytes,
            trace_id: request.trace.trace_id(),
            span_id: request.trace.span_id(),
            parent_id: origin.map(|origin| origin.trace.span_id()),
            key: request.key,
            attempt: request.attempt,
        });
    }
}
