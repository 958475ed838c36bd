//! A request that is about to be made: what it is given by its cause, and anew for each attempt.

use std::time::{Duration, Instant};

use bothways_protocol::{IdempotencyKey, Request, SpanId, Trace, TraceId};

use crate::session::Cause;

/// What a request was caused by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin {
    pub(crate) trace: Trace,
    pub(crate) deadline: Instant,
}

/// A request, ready to be sent as often as it takes.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    /// As it is sent with the attempt that is being made.
    pub(super) request: Request,
    pub(super) within: Duration,
    pub(super) deadline: Instant,
    pub(super) origin: Option<Origin>,
    /// The span that it was issued under, if that is known.
    pub(super) parent: Option<SpanId>,
    pub(super) result_bytes: usize,
}

impl Ask {
    /// Readies the request for an attempt that is made now.
    pub(super) fn ready(&mut self, attempt: u32, now: Instant) {
        self.request.trace = next_span(Some(self.request.trace));
        self.request.attempt = attempt;
        self.request.deadline = self.deadline.saturating_duration_since(now);
    }

    pub(super) fn cause(&self) -> Cause {
        self.origin.map_or(Cause::Own, |_| Cause::Handler)
    }
}

/// A span of its own in the trace of what caused it, or in a new trace.
pub(super) fn next_span(origin: Option<Trace>) -> Trace {
    loop {
        let span_id = rand::random::<u64>().to_ne_bytes();
        let next = match origin {
            Some(origin) => origin.with_span(span_id),
            None => Trace::new(rand::random::<u128>().to_ne_bytes(), span_id),
        };
        // Only an id of nothing but zeros is none.
        if let Some(trace) = next {
            return trace;
        }
    }
}

/// A span in a trace that somebody else has begun.
pub(super) fn first_span(trace: TraceId) -> Trace {
    Trace::new(trace.0, [1; 8]).map_or_else(|| next_span(None), |trace| next_span(Some(trace)))
}

/// A key for a write: 128 random bits.
pub(super) fn new_key() -> IdempotencyKey {
    IdempotencyKey(rand::random())
}
