//! UDP sockets with QUIC on them: those that listen, and the one that dials.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{
    ClientConfig, Endpoint, EndpointConfig, IdleTimeout, Runtime, ServerConfig, TokioRuntime,
    TransportConfig, VarInt,
};
use thiserror::Error;

use super::deaf::{Awaited, Awaiting, Deaf};
use super::restart::RestartKeys;
use crate::config::Limits;

/// Streams that a peer may open beyond its requests in flight: the control stream, a lane, its
/// subscriptions, and some to be refused with a clear answer.
const SPARE_STREAMS: usize = 64 + 16;

/// A socket on which no QUIC endpoint could be made.
#[derive(Debug, Error)]
pub enum EndpointError {
    /// The address is taken, not ours, or not allowed to us.
    #[error("cannot listen on {address} (UDP): {source}{}", advice(source))]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// No socket to dial from could be opened.
    #[error("cannot open a UDP socket to dial from: {0}")]
    Dialing(io::Error),
    /// The TLS settings do not suit QUIC.
    #[error("these TLS settings do not suit QUIC: {0}")]
    Tls(String),
}

/// Streams that a peer may open on a session that is not busy: each one that is allowed costs memory
/// at once, about 85 bytes.
const IDLE_STREAMS: u32 = 24;

/// Streams that a peer may open on a busy session.
pub(crate) fn streams(limits: &Limits) -> VarInt {
    let streams = limits.requests_in_flight + SPARE_STREAMS;
    VarInt::from_u32(u32::try_from(streams).unwrap_or(u32::MAX))
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "; another program listens there: stop it, or choose another port (0 takes a free one)"
        }
        io::ErrorKind::AddrNotAvailable => "; this machine has no such address",
        io::ErrorKind::PermissionDenied => "; ports below 1024 need a privilege",
        _ => "",
    }
}

/// A socket that answers.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) endpoint: Endpoint,
    pub(crate) address: SocketAddr,
}

impl Listener {
    /// Binds an address; port 0 takes a free one.
    pub(crate) fn bind(
        address: SocketAddr,
        tls: rustls::ServerConfig,
        transport: Arc<TransportConfig>,
        keys: &RestartKeys,
    ) -> Result<Self, EndpointError> {
        let bind = |source| EndpointError::Bind { address, source };
        let crypto = QuicServerConfig::try_from(tls)
            .map_err(|error| EndpointError::Tls(error.to_string()))?;
        let mut config = ServerConfig::with_crypto(Arc::new(crypto));
        config.transport_config(transport);
        let socket = UdpSocket::bind(address).map_err(bind)?;
        let (settings, runtime) = (keys.endpoint_settings(), Arc::new(TokioRuntime));
        let endpoint = Endpoint::new(settings, Some(config), socket, runtime).map_err(bind)?;
        let address = endpoint.local_addr().map_err(bind)?;
        Ok(Self { endpoint, address })
    }
}

/// The socket that asks for connections: it never answers an Initial.
#[derive(Debug)]
pub(crate) struct Dialing {
    pub(crate) endpoint: Endpoint,
    awaited: Awaited,
    transport: Arc<TransportConfig>,
}

impl Dialing {
    /// Opens a socket for both address families, or for IPv4 where the machine has no other.
    pub(crate) fn open(transport: Arc<TransportConfig>) -> Result<Self, EndpointError> {
        let socket = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0))
            .or_else(|_| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)))
            .map_err(EndpointError::Dialing)?;
        let awaited = Awaited::default();
        let endpoint = deaf_endpoint(socket, &awaited).map_err(EndpointError::Dialing)?;
        Ok(Self { endpoint, awaited, transport })
    }

    /// Begins a connection. The address is heard until what comes with it is dropped.
    pub(crate) fn connect(
        &self,
        address: SocketAddr,
        name: &str,
        tls: rustls::ClientConfig,
    ) -> Result<(quinn::Connecting, Awaiting), String> {
        let crypto = QuicClientConfig::try_from(tls).map_err(|error| error.to_string())?;
        let mut config = ClientConfig::new(Arc::new(crypto));
        config.transport_config(self.transport.clone());
        let awaiting = self.awaited.listen_to(address);
        let connecting = self.endpoint.connect_with(config, address, name);
        connecting.map(|connecting| (connecting, awaiting)).map_err(|error| error.to_string())
    }
}

fn deaf_endpoint(socket: UdpSocket, awaited: &Awaited) -> io::Result<Endpoint> {
    let socket = TokioRuntime.wrap_udp_socket(socket)?;
    let socket = Arc::new(Deaf { socket, awaited: awaited.clone() });
    let (config, runtime) = (EndpointConfig::default(), Arc::new(TokioRuntime));
    Endpoint::new_with_abstract_socket(config, None, socket, runtime)
}

/// What both sides of a connection are held to, besides which the dialer keeps it alive.
pub(crate) fn quic_settings(limits: &Limits, keep_alive: Option<Duration>) -> TransportConfig {
    let mut transport = TransportConfig::default();
    let whole = |value: usize| VarInt::from_u32(u32::try_from(value).unwrap_or(u32::MAX));
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
        .max_idle_timeout(Some(idle))
        .keep_alive_interval(keep_alive);
    transport
}
