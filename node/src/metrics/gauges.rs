//! What is only looked at, in the moment when somebody asks for the text.

use prometheus::core::Collector;
use prometheus::{Gauge, GaugeVec, IntCounter, IntGauge, IntGaugeVec, Opts, Registry};

use super::process::started;
use super::{Counts, register};

/// The most peers that have metrics of their own; those whose names come first.
const PEERS_MAX: usize = 128;

/// A node as it is now.
#[derive(Debug)]
pub(crate) struct Now {
    pub(crate) node: String,
    pub(crate) role: String,
    pub(crate) network: String,
    pub(crate) version: String,
    /// In the order of the peers' names.
    pub(crate) sessions: Vec<SessionNow>,
    /// Peers that are dialed, and those that will be when a wait is over.
    pub(crate) dialing: usize,
    pub(crate) waiting: usize,
    pub(crate) out: Counts,
    pub(crate) inward: Counts,
    pub(crate) writes: u64,
    pub(crate) store: Option<StoreNow>,
    pub(crate) log_dropped: u64,
}

/// A session as it is now.
#[derive(Debug)]
pub(crate) struct SessionNow {
    pub(crate) peer: String,
    pub(crate) role: String,
    /// `us` or `them`.
    pub(crate) dialed: String,
    pub(crate) round_trip_s: f64,
    pub(crate) sent_packets: u64,
    pub(crate) lost_packets: u64,
    pub(crate) streams: u64,
    pub(crate) certificate_ends_unix_s: u64,
}

/// A store as it is now.
#[derive(Debug)]
pub(crate) struct StoreNow {
    pub(crate) revision: u64,
    pub(crate) bytes: u64,
    pub(crate) read_only: bool,
}

/// The metrics that are set from it.
#[derive(Debug)]
pub(super) struct Gauges {
    registry: Registry,
    node: IntGaugeVec,
    build: IntGaugeVec,
    sessions: IntGaugeVec,
    round_trip: GaugeVec,
    sent: IntGaugeVec,
    lost: IntGaugeVec,
    streams: IntGaugeVec,
    certificate: IntGaugeVec,
    dials: IntGaugeVec,
    in_flight: IntGaugeVec,
    subscriptions: IntGaugeVec,
    writes: IntGauge,
    log_dropped: IntCounter,
    /// Made when there first is a store.
    store: Option<StoreGauges>,
}

#[derive(Debug)]
struct StoreGauges {
    revision: IntGauge,
    bytes: IntGauge,
    read_only: IntGauge,
}

impl Gauges {
    pub(super) fn in_registry(registry: &Registry) -> Self {
        let of = |name, help, labels: &[&str]| {
            in_it(registry, IntGaugeVec::new(Opts::new(name, help), labels))
        };
        let round_trip = GaugeVec::new(
            Opts::new("bothways_session_round_trip_seconds", "Smoothed round trip to a peer."),
            &["peer"],
        );
        let log_dropped = IntCounter::new(
            "bothways_log_lines_dropped_total",
            "Log lines and kept records that this process has lost.",
        );
        if let Some(started) = started() {
            let name = "process_start_time_seconds";
            let help = "When this process started, in seconds since 1970 UTC.";
            in_it(registry, Gauge::new(name, help)).set(started);
        }
        Self {
            registry: registry.clone(),
            node: of("bothways_node_info", "Which node this is.", &["node", "role", "network"]),
            build: of("bothways_build_info", "Which program this is.", &["version"]),
            sessions: of("bothways_sessions", "Sessions.", &["peer_role", "dialed"]),
            round_trip: in_it(registry, round_trip),
            sent: of("bothways_session_packets_sent", "Packets sent on a session.", &["peer"]),
            lost: of("bothways_session_packets_lost", "Packets lost on a session.", &["peer"]),
            streams: of("bothways_session_streams", "Open streams of a session.", &["peer"]),
            certificate: of(
                "bothways_session_certificate_end_seconds",
                "When a peer's certificate ends, in seconds since 1970 UTC.",
                &["peer"],
            ),
            dials: of("bothways_dials", "Peers dialed without a session.", &["state"]),
            in_flight: of(
                "bothways_requests_in_flight",
                "Requests that wait for their answer.",
                &["direction"],
            ),
            subscriptions: of(
                "bothways_subscriptions",
                "Live subscriptions: of peers (in), at peers (out).",
                &["direction"],
            ),
            writes: in_it(
                registry,
                IntGauge::new("bothways_writes_at_work", "Handlers at work that write."),
            ),
            log_dropped: in_it(registry, log_dropped),
            store: None,
        }
    }

    pub(super) fn set(&mut self, now: &Now) {
        self.node.with_label_values(&[&now.node, &now.role, &now.network]).set(1);
        self.build.with_label_values(&[&now.version]).set(1);
        self.set_sessions(&now.sessions);
        self.dials.with_label_values(&["dialing"]).set(whole(now.dialing as u64));
        self.dials.with_label_values(&["waiting"]).set(whole(now.waiting as u64));
        for (direction, counts) in [("out", now.out), ("in", now.inward)] {
            self.in_flight.with_label_values(&[direction]).set(whole(counts.in_flight));
            self.subscriptions.with_label_values(&[direction]).set(whole(counts.watching));
        }
        self.writes.set(whole(now.writes));
        self.log_dropped.inc_by(now.log_dropped.saturating_sub(self.log_dropped.get()));
        if let Some(store) = &now.store {
            self.set_store(store);
        }
    }

    /// Of several sessions with one peer, the newest is told of.
    fn set_sessions(&self, sessions: &[SessionNow]) {
        let by_peer = [&self.sent, &self.lost, &self.streams, &self.certificate];
        by_peer.iter().for_each(|gauge| gauge.reset());
        self.round_trip.reset();
        self.sessions.reset();
        for session in sessions {
            self.sessions.with_label_values(&[&session.role, &session.dialed]).inc();
        }
        let of_one = sessions.chunk_by(|one, next| one.peer == next.peer);
        for session in of_one.filter_map(<[_]>::last).take(PEERS_MAX) {
            let peer = [&session.peer];
            self.round_trip.with_label_values(&peer).set(session.round_trip_s);
            self.sent.with_label_values(&peer).set(whole(session.sent_packets));
            self.lost.with_label_values(&peer).set(whole(session.lost_packets));
            self.streams.with_label_values(&peer).set(whole(session.streams));
            let ends = whole(session.certificate_ends_unix_s);
            self.certificate.with_label_values(&peer).set(ends);
        }
    }

    fn set_store(&mut self, now: &StoreNow) {
        let registry = &self.registry;
        let store = self.store.get_or_insert_with(|| StoreGauges::in_registry(registry));
        store.revision.set(whole(now.revision));
        store.bytes.set(whole(now.bytes));
        store.read_only.set(now.read_only.into());
    }
}

impl StoreGauges {
    fn in_registry(registry: &Registry) -> Self {
        let of = |name, help| in_it(registry, IntGauge::new(name, help));
        Self {
            revision: of("bothways_store_revision", "The newest durable revision."),
            bytes: of("bothways_store_bytes", "How large the store is."),
            read_only: of("bothways_store_read_only", "1 where the store takes no writes."),
        }
    }
}

/// A metric, made and registered.
fn in_it<M: Collector + Clone + 'static>(registry: &Registry, made: prometheus::Result<M>) -> M {
    let metric = made.expect("the names are the format's");
    register(registry, Box::new(metric.clone()));
    metric
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
