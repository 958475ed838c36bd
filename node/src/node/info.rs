//! A session as people look at it.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use bothways_certs::Fingerprint;
use bothways_protocol::{NodeName, Role};

use crate::session::{Dialed, Session};

/// One session, as people look at it.
#[derive(Debug, Clone)]
pub struct SessionInfo {
    /// The peer's name.
    pub peer: NodeName,
    /// The peer's role.
    pub role: Role,
    /// Whether this node dialed.
    pub dialed_by_us: bool,
    /// Where the peer is.
    pub address: SocketAddr,
    /// Whether requests may still be begun on it.
    pub draining: bool,
    /// How long it has been there.
    pub age: Duration,
    /// The smoothed round-trip time.
    pub round_trip: Duration,
    /// Packets that this node has sent.
    pub sent_packets: u64,
    /// Packets of this node that were lost on the way.
    pub lost_packets: u64,
    /// Streams that are open: the control stream, lanes, and one for each request and each
    /// subscription that is not on a lane.
    pub streams: usize,
    /// Requests that this node sent on it.
    pub requests_out: u64,
    /// Requests that the peer sent on it.
    pub requests_in: u64,
    /// What program the peer runs.
    pub agent: String,
    /// The fingerprint of the peer's key.
    pub fingerprint: Fingerprint,
    /// When the peer's certificate ends.
    pub certificate_ends: SystemTime,
}

impl SessionInfo {
    pub(super) fn of(session: &Session) -> Self {
        let facts = session.facts();
        let (requests_out, requests_in) = session.requests();
        let (sent_packets, lost_packets) = session.packets();
        Self {
            peer: facts.peer.clone(),
            role: facts.role,
            dialed_by_us: facts.dialed == Dialed::ByUs,
            address: session.address(),
            draining: session.is_draining(),
            age: facts.since.elapsed(),
            round_trip: session.round_trip(),
            sent_packets,
            lost_packets,
            streams: session.streams(),
            requests_out,
            requests_in,
            agent: facts.agent.clone(),
            fingerprint: facts.fingerprint,
            certificate_ends: facts.certificate_ends,
        }
    }
}
