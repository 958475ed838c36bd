//! A node's metrics.

use super::{Node, SessionStatus};
use crate::metrics::{Now, SessionNow, StoreNow};

impl Node {
    /// What the node has counted, and how it is at the moment, in Prometheus' text format
    /// (`text/plain; version=0.0.4`).
    ///
    /// How long requests took is in the histograms `rpc_server_call_duration_seconds` and
    /// `rpc_client_call_duration_seconds`, by method, code and error; a subscription is counted
    /// when it ends. The other names begin with `bothways_`.
    #[must_use]
    pub fn metrics(&self) -> String {
        let status = self.status();
        let metrics = &self.outbound().metrics;
        let dials = |state: &str| status.dials.iter().filter(|dial| dial.state == state).count();
        let now = Now {
            dialing: dials("dialing"),
            waiting: dials("waiting"),
            out: metrics.out.counts(),
            inward: metrics.inward.counts(),
            store: status.store.map(|store| StoreNow {
                revision: store.revision,
                bytes: store.bytes,
                read_only: store.read_only,
            }),
            node: status.name,
            role: status.role,
            network: status.network,
            version: status.version,
            sessions: status.sessions.into_iter().map(session).collect(),
            writes: status.writes,
            log_dropped: status.log.dropped,
        };
        metrics.text(&now)
    }
}

fn session(session: SessionStatus) -> SessionNow {
    SessionNow {
        peer: session.peer,
        role: session.role,
        dialed: session.dialed,
        round_trip_s: std::time::Duration::from_micros(session.round_trip_us).as_secs_f64(),
        sent_packets: session.sent_packets,
        lost_packets: session.lost_packets,
        streams: session.streams,
        certificate_ends_unix_s: session.certificate_ends_unix_s,
    }
}
