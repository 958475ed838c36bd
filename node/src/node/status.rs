//! What a running node says of itself.

use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use super::{Node, SessionInfo};
use crate::metrics::Counts;
use crate::session::{DialStage, DialUnderWay};
use crate::store::StoreState;

/// What a running node says of itself.
///
/// What a node of an earlier version does not say is empty, or zero.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The node's name.
    pub name: String,
    /// Its role.
    pub role: String,
    /// The network that it belongs to.
    #[serde(default)]
    pub network: String,
    /// The version of the program.
    #[serde(default)]
    pub version: String,
    /// The process that it runs in.
    pub pid: u32,
    /// When it started, in milliseconds since 1970 UTC, by its own clock.
    #[serde(default)]
    pub started_ms: u64,
    /// The addresses that it listens on.
    pub listening: Vec<String>,
    /// Where its page is, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<String>,
    /// Its sessions, in the order of the peers' names.
    pub sessions: Vec<SessionStatus>,
    /// The peers that it dials and has no session with, in the order of their names.
    #[serde(default)]
    pub dials: Vec<DialStatus>,
    /// The requests that it has issued, and those that it has answered.
    #[serde(default)]
    pub requests: RequestsStatus,
    /// Handlers that write and are at work, those that nobody waits for any more included.
    #[serde(default)]
    pub writes: u64,
    /// What its methods stand on, if they stand on something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<StoreStatus>,
    /// Subscriptions of its peers that are live.
    #[serde(default)]
    pub subscriptions: u64,
    /// Subscriptions of its own, at its peers, that are live.
    #[serde(default)]
    pub watching: u64,
    /// What has become of its log.
    #[serde(default)]
    pub log: LogStatus,
}

/// What a running node says of one session.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SessionStatus {
    /// The peer's name.
    pub peer: String,
    /// Its role.
    pub role: String,
    /// Who dialed: `us` or `them`.
    pub dialed: String,
    /// Where the peer is.
    pub address: String,
    /// Whether the session takes no more requests.
    pub draining: bool,
    /// How long it has been there, in seconds.
    pub age_s: u64,
    /// The smoothed round-trip time, in microseconds.
    pub round_trip_us: u64,
    /// Packets of this node that were lost on the way.
    #[serde(default)]
    pub lost_packets: u64,
    /// Packets that this node has sent.
    #[serde(default)]
    pub sent_packets: u64,
    /// Streams that are open: the control stream, lanes, and one for each request and each
    /// subscription that is not on a lane.
    #[serde(default)]
    pub streams: u64,
    /// Requests that this node sent on it.
    pub requests_out: u64,
    /// Requests that the peer sent on it.
    pub requests_in: u64,
    /// What program the peer runs.
    pub agent: String,
    /// The fingerprint of the peer's key.
    pub fingerprint: String,
    /// When the peer's certificate ends, in seconds since 1970 UTC.
    pub certificate_ends_unix_s: u64,
}

/// A peer that a node dials and has no session with.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct DialStatus {
    /// The peer's name.
    pub peer: String,
    /// The address that is dialed, as it was given.
    pub address: String,
    /// `dialing`, or `waiting` before it is dialed again.
    pub state: String,
    /// How many dials have failed since the last session.
    #[serde(default)]
    pub failures: u32,
    /// Why the last one failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// Requests in both directions.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RequestsStatus {
    /// Those that the node issued, each attempt counted.
    pub out: RequestCounts,
    /// Those that it was asked, by itself as well.
    #[serde(rename = "in")]
    pub inward: RequestCounts,
}

/// Requests in one direction, since the node started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestCounts {
    /// All of them, subscriptions included.
    pub total: u64,
    /// Those that ended otherwise than with a result.
    pub failed: u64,
    /// Those that wait for their answer.
    pub in_flight: u64,
}

/// What a node's methods stand on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreStatus {
    /// The newest durable revision.
    pub revision: u64,
    /// How large it is, in bytes.
    pub bytes: u64,
    /// Whether it takes no writes, because one could not be made durable.
    pub read_only: bool,
}

/// What has become of a log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogStatus {
    /// Lines and records that were lost, of all logs of the process.
    pub dropped: u64,
}

impl Node {
    /// What the node says of itself at the moment: what `bothways status` shows.
    #[must_use]
    pub fn status(&self) -> Status {
        let (outbound, inbound) = (self.outbound(), &self.shared().inbound);
        let (out, inward) = (outbound.metrics.out.counts(), outbound.metrics.inward.counts());
        let alone = |dial: &DialUnderWay| outbound.table.find(&dial.peer).is_none();
        let dials = outbound.dialers.under_way().into_iter().filter(alone);
        Status {
            name: self.name().to_string(),
            role: self.role().to_string(),
            network: self.shared().network.to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            started_ms: self.shared().started_ms,
            http: None,
            listening: self.listening().map(|address| address.to_string()).collect(),
            sessions: self.sessions().into_iter().map(SessionStatus::of).collect(),
            dials: dials.map(DialStatus::of).collect(),
            requests: RequestsStatus { out: out.into(), inward: inward.into() },
            writes: whole(inbound.writes_at_work()),
            store: inbound.store_state().map(StoreStatus::of),
            subscriptions: inward.watching,
            watching: out.watching,
            log: LogStatus { dropped: crate::logs::dropped() },
        }
    }
}

impl SessionStatus {
    fn of(session: SessionInfo) -> Self {
        let ends = session.certificate_ends.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            peer: session.peer.to_string(),
            role: session.role.to_string(),
            dialed: if session.dialed_by_us { "us" } else { "them" }.to_owned(),
            address: session.address.to_string(),
            draining: session.draining,
            age_s: session.age.as_secs(),
            round_trip_us: session.round_trip.as_micros().try_into().unwrap_or(u64::MAX),
            lost_packets: session.lost_packets,
            sent_packets: session.sent_packets,
            streams: whole(session.streams),
            requests_out: session.requests_out,
            requests_in: session.requests_in,
            agent: session.agent,
            fingerprint: session.fingerprint.to_string(),
            certificate_ends_unix_s: ends.as_secs(),
        }
    }
}

impl DialStatus {
    fn of(dial: DialUnderWay) -> Self {
        let state = match dial.stage {
            DialStage::Dialing => "dialing",
            DialStage::Waiting | DialStage::Connected => "waiting",
        };
        // What failed before the last session is of no concern any more.
        let failed = dial.failed.filter(|_| dial.failures > 0);
        Self {
            peer: dial.peer.to_string(),
            address: dial.address,
            state: state.to_owned(),
            failures: dial.failures,
            why: failed.map(|error| error.to_string()),
        }
    }
}

impl From<Counts> for RequestCounts {
    fn from(counts: Counts) -> Self {
        let Counts { total, failed, in_flight, watching: _ } = counts;
        Self { total, failed, in_flight }
    }
}

impl StoreStatus {
    fn of(state: StoreState) -> Self {
        let StoreState { revision, bytes, read_only } = state;
        Self { revision: revision.0, bytes, read_only }
    }
}

fn whole(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_node_of_an_earlier_version_says_is_read() {
        let old = r#"{"name":"hub","role":"server","pid":7,"listening":["127.0.0.1:1"],
            "sessions":[{"peer":"desk","role":"peer","dialed":"them","address":"127.0.0.1:2",
            "draining":false,"age_s":1,"round_trip_us":2,"requests_out":3,"requests_in":4,
            "agent":"bothways 0.1.0","fingerprint":"aa","certificate_ends_unix_s":5}]}"#;
        let status: Status = serde_json::from_str(old).unwrap();
        assert_eq!((status.pid, status.sessions[0].requests_in), (7, 4));
        assert_eq!((status.version.as_str(), status.store, status.log.dropped), ("", None, 0));
    }
}
