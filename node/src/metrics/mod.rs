//! What a node counts: requests at both ends, dials and handshakes that failed; and how that is told
//! to Prometheus. Counting costs a few atomic additions; what they come to is put together when
//! somebody looks. This layer knows the words of records; no session, no method and no store.
//!
//! The names of what is measured of requests follow the OpenTelemetry semantic conventions for RPC
//! 1.45 (`rpc.server.call.duration`, `rpc.client.call.duration`), as Prometheus writes names.

mod durations;
mod gauges;
mod methods;
mod process;
mod requests;

use std::sync::{Mutex, PoisonError};

use prometheus::core::Collector;
use prometheus::{IntCounterVec, Opts, Registry, TextEncoder};

use durations::{Durations, Names};
use gauges::Gauges;
pub(crate) use gauges::{Now, SessionNow, StoreNow};
pub(crate) use requests::{Counts, Ended, Requests};

/// The most methods that the asking end tells apart; the answering end knows its own.
const ASKED_MAX: usize = 256;

/// What one node counts.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// Each attempt at a request that this node issues.
    pub(crate) out: Requests,
    /// Each request that this node answers.
    pub(crate) inward: Requests,
    dial_failures: IntCounterVec,
    refusals: IntCounterVec,
    registry: Registry,
    /// What is only looked at, set for one text after the other.
    gauges: Mutex<Gauges>,
}

/// Why somebody who knocked is no session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// There were too many, or its address had failed too often.
    Gate,
    /// Its handshake or its greeting failed.
    Failed,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let registry = Registry::new();
        let client = Durations::new(
            "rpc_client_call_duration_seconds",
            "How long requests took that this node issued, each attempt by itself.",
            Names::Learned(ASKED_MAX),
        );
        let server = Durations::new(
            "rpc_server_call_duration_seconds",
            "How long requests took that this node answered.",
            Names::Known,
        );
        let dial_failures = counters(
            "bothways_dial_failures_total",
            "Dials that led to no session, by why.",
            "reason",
        );
        let refusals = counters(
            "bothways_handshakes_refused_total",
            "Connections of others that became no session: refused at the gate, or failed.",
            "reason",
        );
        register(&registry, Box::new(client.clone()));
        register(&registry, Box::new(server.clone()));
        register(&registry, Box::new(dial_failures.clone()));
        register(&registry, Box::new(refusals.clone()));
        let gauges = Mutex::new(Gauges::in_registry(&registry));
        let (out, inward) = (Requests::new(client), Requests::new(server));
        Self { out, inward, dial_failures, refusals, registry, gauges }
    }

    /// A dial has failed; the reason is one of a few words.
    pub(crate) fn note_dial_failure(&self, reason: &'static str) {
        self.dial_failures.with_label_values(&[reason]).inc();
    }

    /// Somebody who knocked was refused.
    pub(crate) fn note_refusal(&self, refusal: Refusal) {
        let reason = match refusal {
            Refusal::Gate => "gate",
            Refusal::Failed => "failed",
        };
        self.refusals.with_label_values(&[reason]).inc();
    }

    /// All of it in Prometheus' text format 0.0.4, with what is only looked at as it is now.
    pub(crate) fn text(&self, now: &Now) -> String {
        let mut gauges = self.gauges.lock().unwrap_or_else(PoisonError::into_inner);
        gauges.set(now);
        let text = TextEncoder::new().encode_to_string(&self.registry.gather());
        text.expect("what is registered has names and kinds that the format takes")
    }
}

fn counters(name: &str, help: &str, label: &str) -> IntCounterVec {
    IntCounterVec::new(Opts::new(name, help), &[label]).expect("the names are the format's")
}

fn register(registry: &Registry, collector: Box<dyn Collector>) {
    registry.register(collector).expect("no two metrics have one name");
}

#[cfg(test)]
mod tests;
