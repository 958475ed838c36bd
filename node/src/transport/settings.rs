//! The QUIC settings of connections, and what of them is left behind for those who look for faults.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bothways_protocol::NodeName;
use quinn::{
    Connecting, ConnectionError, EndpointConfig, IdleTimeout, Incoming, MtuDiscoveryConfig,
    ServerConfig, TransportConfig, VarInt,
};
use rustls::KeyLog;

use super::EndpointError;
use super::key_log::KeyFile;
use super::qlog::Qlog;
use crate::config::{DebugPlan, Limits};

/// Streams that a peer may open beyond its requests in flight: the control stream, a lane, its
/// subscriptions, and some to be refused with a clear answer.
const SPARE_STREAMS: usize = 64 + 16;

/// Streams that a peer may open on a session that is not busy: each one that is allowed costs memory
/// at once, about 85 bytes.
const IDLE_STREAMS: u32 = 24;

/// Streams that a peer may open on a busy session.
pub(crate) fn streams(limits: &Limits) -> VarInt {
    let streams = limits.requests_in_flight + SPARE_STREAMS;
    VarInt::from_u32(u32::try_from(streams).unwrap_or(u32::MAX))
}

/// The largest datagram that is tried on a way, in bytes of UDP payload: QUIC finds out what the way
/// carries (RFC 9000 §14.3). Ethernet ends it near 1,472; loopback and jumbo frames carry all of it,
/// at half the CPU time for large messages. Ten of them fit into one system call of 64 KiB, as quinn
/// sends them; with larger ones than 6,500 it stalls.
const DATAGRAM_BYTES: u16 = 4096;

/// The settings of a socket: it takes datagrams as large as are tried.
pub(super) fn socket(mut config: EndpointConfig) -> EndpointConfig {
    config.max_udp_payload_size(DATAGRAM_BYTES).expect("more than the 1,200 that QUIC needs");
    config
}

/// What a node's connections leave behind; mostly nothing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Traces {
    qlog: Option<Arc<Qlog>>,
    keys: Option<Arc<KeyFile>>,
}

impl Traces {
    /// Opens what the plan names.
    pub(crate) fn open(plan: &DebugPlan) -> Result<Self, EndpointError> {
        let qlog = plan.qlog.as_ref().map(|path| {
            Qlog::in_folder(path)
                .map_err(|source| EndpointError::Qlog { path: path.clone(), source })
        });
        let keys = plan.tls_key_log.as_ref().map(|path| {
            KeyFile::open(path)
                .map_err(|source| EndpointError::KeyLog { path: path.clone(), source })
        });
        let (qlog, keys) = (qlog.transpose()?.map(Arc::new), keys.transpose()?.map(Arc::new));
        Ok(Self { qlog, keys })
    }

    /// Where TLS is to leave its keys, if somewhere.
    pub(super) fn keys(&self) -> Option<Arc<dyn KeyLog>> {
        self.keys.clone().map(|keys| keys as Arc<dyn KeyLog>)
    }
}

/// The QUIC settings of the connections of one socket: the same for all of them, or, where each
/// leaves a file, one's own.
#[derive(Debug, Clone)]
pub(crate) struct QuicSettings {
    limits: Limits,
    keep_alive: Option<Duration>,
    shared: Arc<TransportConfig>,
    qlog: Option<Arc<Qlog>>,
}

impl QuicSettings {
    /// What both sides of a connection are held to, besides which the dialer keeps it alive.
    pub(crate) fn new(limits: &Limits, keep_alive: Option<Duration>, traces: &Traces) -> Self {
        let shared = Arc::new(transport(limits, keep_alive));
        Self { limits: limits.clone(), keep_alive, shared, qlog: traces.qlog.clone() }
    }

    /// Those of connections that leave nothing behind.
    pub(super) fn shared(&self) -> Arc<TransportConfig> {
        self.shared.clone()
    }

    /// Those of a dial of this peer.
    pub(super) fn to(&self, peer: &NodeName) -> Arc<TransportConfig> {
        self.of_one(|| format!("to {peer}")).unwrap_or_else(|| self.shared())
    }

    /// Those of one connection, which is named only where it leaves a file.
    fn of_one(&self, name: impl FnOnce() -> String) -> Option<Arc<TransportConfig>> {
        let stream = self.qlog.as_ref()?.of_one_more(&name())?;
        let mut transport = transport(&self.limits, self.keep_alive);
        transport.qlog_stream(Some(stream));
        Some(Arc::new(transport))
    }
}

/// How a listener's connections are accepted.
#[derive(Debug, Clone)]
pub(crate) struct Accepting {
    pub(super) config: ServerConfig,
    pub(super) settings: QuicSettings,
}

impl Accepting {
    pub(crate) fn accept(&self, incoming: Incoming) -> Result<Connecting, ConnectionError> {
        let from = |address: SocketAddr| format!("from {address}");
        let address = incoming.remote_address();
        match self.settings.of_one(|| from(address)) {
            None => incoming.accept(),
            Some(transport) => {
                let mut config = self.config.clone();
                config.transport_config(transport);
                incoming.accept_with(Arc::new(config))
            }
        }
    }
}

fn transport(limits: &Limits, keep_alive: Option<Duration>) -> TransportConfig {
    let mut transport = TransportConfig::default();
    let whole = |value: usize| VarInt::from_u32(u32::try_from(value).unwrap_or(u32::MAX));
    let mut mtu = MtuDiscoveryConfig::default();
    mtu.upper_bound(DATAGRAM_BYTES);
    let idle = IdleTimeout::try_from(limits.idle).expect("the Plan bounds it to ten minutes");
    transport
        .max_concurrent_bidi_streams(streams(limits).min(VarInt::from_u32(IDLE_STREAMS)))
        // One message after the other, not a piece of each: large ones are whole sooner.
        .send_fairness(false)
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .datagram_receive_buffer_size(None)
        .stream_receive_window(whole(limits.stream_window_bytes))
        .receive_window(whole(limits.connection_window_bytes))
        .send_window(limits.connection_window_bytes as u64)
        .mtu_discovery_config(Some(mtu))
        .max_idle_timeout(Some(idle))
        .keep_alive_interval(keep_alive);
    transport
}
