//! The QUIC settings of connections, and what of them is left behind for those who look for faults.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bothways_protocol::NodeName;
use quinn::crypto::rustls::QuicServerConfig;
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
const IDLE_STREAMS: u32 = 20;

/// Streams that a peer may open on a busy session.
pub(crate) fn streams(limits: &Limits) -> VarInt {
    let streams = limits.requests_in_flight + SPARE_STREAMS;
    VarInt::from_u32(u32::try_from(streams).unwrap_or(u32::MAX))
}

/// The largest datagram that is tried on a way while there are few connections, in bytes of UDP
/// payload: QUIC finds out what the way carries (RFC 9000 §14.3). Ethernet ends it near 1,472;
/// loopback and jumbo frames carry all of it, at half the CPU time for large messages. Ten of them fit
/// into one system call of 64 KiB, as quinn sends them; with larger ones than 6,500 it stalls.
const LARGE_DATAGRAM_BYTES: u16 = 4096;

/// How many connections of a socket have large datagrams. Where many are told something at once, a
/// socket's receive buffer holds fewer large ones, and each connection keeps one as a buffer.
const LARGE_CONNECTIONS: usize = 16;

/// Which datagrams a connection tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Datagrams {
    /// Up to [`LARGE_DATAGRAM_BYTES`].
    Large,
    /// Up to what quinn tries by itself, which fits Ethernet.
    Usual,
}

impl Datagrams {
    /// Those of a connection that comes beside so many on its socket.
    fn beside(others: usize) -> Self {
        if others < LARGE_CONNECTIONS { Self::Large } else { Self::Usual }
    }
}

/// The settings of a socket: it takes datagrams as large as are tried.
pub(super) fn socket(mut config: EndpointConfig) -> EndpointConfig {
    config.max_udp_payload_size(LARGE_DATAGRAM_BYTES).expect("more than the 1,200 that QUIC needs");
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

/// The QUIC settings of the connections of one socket: the same for all that try the same datagrams,
/// or, where each leaves a file, one's own.
#[derive(Debug, Clone)]
pub(crate) struct QuicSettings {
    limits: Limits,
    keep_alive: Option<Duration>,
    large: Arc<TransportConfig>,
    usual: Arc<TransportConfig>,
    qlog: Option<Arc<Qlog>>,
}

impl QuicSettings {
    /// What both sides of a connection are held to, besides which the dialer keeps it alive.
    pub(crate) fn new(limits: &Limits, keep_alive: Option<Duration>, traces: &Traces) -> Self {
        let of = |datagrams| Arc::new(transport(limits, keep_alive, datagrams));
        let (large, usual) = (of(Datagrams::Large), of(Datagrams::Usual));
        Self { limits: limits.clone(), keep_alive, large, usual, qlog: traces.qlog.clone() }
    }

    /// Those of a dial of this peer, beside so many connections.
    pub(super) fn to(&self, peer: &NodeName, others: usize) -> Arc<TransportConfig> {
        let datagrams = Datagrams::beside(others);
        let own = self.of_one(datagrams, || format!("to {peer}"));
        own.unwrap_or_else(|| match datagrams {
            Datagrams::Large => self.large.clone(),
            Datagrams::Usual => self.usual.clone(),
        })
    }

    /// Those of one connection, which is named only where it leaves a file.
    fn of_one(
        &self,
        datagrams: Datagrams,
        name: impl FnOnce() -> String,
    ) -> Option<Arc<TransportConfig>> {
        let stream = self.qlog.as_ref()?.of_one_more(&name())?;
        let mut transport = transport(&self.limits, self.keep_alive, datagrams);
        transport.qlog_stream(Some(stream));
        Some(Arc::new(transport))
    }
}

/// How a listener's connections are accepted: as [`QuicSettings`] says, each with all of it made
/// beforehand.
#[derive(Debug, Clone)]
pub(crate) struct Accepting {
    large: Arc<ServerConfig>,
    usual: Arc<ServerConfig>,
    settings: QuicSettings,
}

impl Accepting {
    pub(super) fn new(crypto: QuicServerConfig, settings: QuicSettings) -> Self {
        let mut config = ServerConfig::with_crypto(Arc::new(crypto));
        let large = Arc::new(config.transport_config(settings.large.clone()).clone());
        let usual = Arc::new(config.transport_config(settings.usual.clone()).clone());
        Self { large, usual, settings }
    }

    /// The settings of a socket that listens.
    pub(super) fn of_socket(&self) -> ServerConfig {
        (*self.usual).clone()
    }

    /// Accepts a connection, beside so many on its socket.
    pub(crate) fn accept(
        &self,
        incoming: Incoming,
        others: usize,
    ) -> Result<Connecting, ConnectionError> {
        let from = |address: SocketAddr| format!("from {address}");
        let (address, datagrams) = (incoming.remote_address(), Datagrams::beside(others));
        let config = match datagrams {
            Datagrams::Large => &self.large,
            Datagrams::Usual => &self.usual,
        };
        match self.settings.of_one(datagrams, || from(address)) {
            None => incoming.accept_with(config.clone()),
            Some(transport) => {
                let mut config = (**config).clone();
                config.transport_config(transport);
                incoming.accept_with(Arc::new(config))
            }
        }
    }
}

fn transport(
    limits: &Limits,
    keep_alive: Option<Duration>,
    datagrams: Datagrams,
) -> TransportConfig {
    let mut transport = TransportConfig::default();
    let whole = |value: usize| VarInt::from_u32(u32::try_from(value).unwrap_or(u32::MAX));
    let mut mtu = MtuDiscoveryConfig::default();
    if datagrams == Datagrams::Large {
        mtu.upper_bound(LARGE_DATAGRAM_BYTES);
    }
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
