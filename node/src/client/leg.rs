//! The record of one attempt at the end that asks.

use std::time::Instant;

use bothways_protocol::{Code, NodeName, Trace};

use super::outbound::Outbound;
use super::peer::Ask;
use crate::exchange::{Direction, MethodText, Outcome, Record, emit, is_wanted};

/// One attempt as this end sees it. However it ends, dropped halfway included, it leaves one
/// record.
pub(super) struct Leg<'a> {
    outbound: &'a Outbound,
    peer: &'a NodeName,
    ask: &'a Ask,
    began: Instant,
    pub(super) attempt: u32,
    pub(super) trace: Trace,
    pub(super) code: Outcome,
    pub(super) sent_bytes: u64,
    pub(super) received_bytes: u64,
}

impl<'a> Leg<'a> {
    pub(super) fn new(
        outbound: &'a Outbound,
        peer: &'a NodeName,
        ask: &'a Ask,
        attempt: u32,
    ) -> Self {
        Self {
            outbound,
            peer,
            ask,
            began: Instant::now(),
            attempt,
            trace: next_span(ask.origin.map(|origin| origin.trace)),
            code: Outcome::Failed(Code::Cancelled),
            sent_bytes: 0,
            received_bytes: 0,
        }
    }
}

impl Drop for Leg<'_> {
    fn drop(&mut self) {
        if !is_wanted() {
            return;
        }
        let duration_us = self.began.elapsed().as_micros().try_into().unwrap_or(u64::MAX);
        let deadline = self.ask.deadline.saturating_duration_since(self.began);
        emit(&Record {
            node: self.outbound.name.clone(),
            dir: Direction::Out,
            peer: self.peer.clone(),
            method: MethodText::from(self.ask.method.clone()),
            code: self.code,
            started_us: crate::clock::unix_us().saturating_sub_unsigned(duration_us),
            duration_us,
            deadline_ms: deadline.as_millis().try_into().unwrap_or(u64::MAX),
            sent_bytes: self.sent_bytes,
            received_bytes: self.received_bytes,
            trace_id: self.trace.trace_id(),
            span_id: self.trace.span_id(),
            parent_id: self.ask.origin.map(|origin| origin.trace.span_id()),
            key: self.ask.key,
            attempt: self.attempt,
        });
    }
}

/// A span of its own in the trace of what caused it, or in a new trace.
fn next_span(origin: Option<Trace>) -> Trace {
    loop {
        let span_id = rand::random();
        let next = match origin {
            Some(origin) => origin.with_span(span_id),
            None => Trace::new(rand::random(), span_id),
        };
        // Only an id of nothing but zeros is none.
        if let Some(trace) = next {
            return trace;
        }
    }
}
