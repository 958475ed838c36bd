//! QUIC endpoints and connections with the settings of a bothways node: what bare contenders stand
//! on.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use bothways::config::Limits;
use bothways_certs::{DialerTls, Identity, Trust, listener_tls};
use bothways_protocol::ALPN;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{
    ClientConfig, Connection, Endpoint, EndpointConfig, MtuDiscoveryConfig, ServerConfig,
    TokioRuntime, TransportConfig, VarInt,
};

use crate::end::{LISTENER, Setting};

/// What bothways allows a peer beyond its requests in flight.
const SPARE_STREAMS: usize = 16;

/// The largest datagram that bothways tries while it has few connections.
const LARGE_DATAGRAM_BYTES: u16 = 4096;

/// How many connections an endpoint is to have: beside many, bothways tries no large datagrams.
#[derive(Debug, Clone, Copy)]
pub(super) enum Connections {
    Few,
    Many,
}

/// An endpoint that listens.
pub(super) fn listening(setting: &Setting, connections: Connections) -> Result<Endpoint> {
    let (identity, trust) = (setting.folder.identity(LISTENER)?, setting.folder.trust()?);
    let tls = QuicServerConfig::try_from(listener_tls(&identity, &trust, &[ALPN])?)?;
    let mut config = ServerConfig::with_crypto(Arc::new(tls));
    config.transport_config(Arc::new(settings(None, connections)?));
    endpoint(Some(config))
}

/// An endpoint that dials.
pub(super) fn dialing() -> Result<Endpoint> {
    endpoint(None)
}

/// A connection to the listener.
pub(super) async fn dial(
    endpoint: &Endpoint,
    identity: &Identity,
    trust: &Trust,
    address: SocketAddr,
) -> Result<Connection> {
    let (tls, _) = DialerTls::new(identity, trust, &[ALPN])?.to(&LISTENER.parse()?);
    let mut config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls)?));
    config.transport_config(Arc::new(settings(
        Some(Limits::default().keep_alive),
        Connections::Few,
    )?));
    Ok(endpoint.connect_with(config, address, LISTENER)?.await?)
}

/// A socket as a bothways node opens it.
fn endpoint(config: Option<ServerConfig>) -> Result<Endpoint> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let runtime = Arc::new(TokioRuntime);
    let mut settings = EndpointConfig::default();
    settings.max_udp_payload_size(LARGE_DATAGRAM_BYTES)?;
    Endpoint::new(settings, config, socket, runtime).context("no endpoint")
}

/// The transport settings of a bothways node with default limits: what `transport` does in
/// `node/src/transport/settings.rs`.
fn settings(keep_alive: Option<Duration>, connections: Connections) -> Result<TransportConfig> {
    let limits = Limits::default();
    let whole = |value: usize| VarInt::try_from(value as u64);
    let mut mtu = MtuDiscoveryConfig::default();
    if let Connections::Few = connections {
        mtu.upper_bound(LARGE_DATAGRAM_BYTES);
    }
    let mut settings = TransportConfig::default();
    settings
        .max_concurrent_bidi_streams(whole(limits.requests_in_flight + SPARE_STREAMS)?)
        .send_fairness(false)
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .datagram_receive_buffer_size(None)
        .stream_receive_window(whole(limits.stream_window_bytes)?)
        .receive_window(whole(limits.connection_window_bytes)?)
        .send_window(limits.connection_window_bytes as u64)
        .mtu_discovery_config(Some(mtu))
        .max_idle_timeout(Some(limits.idle.try_into()?))
        .keep_alive_interval(keep_alive);
    Ok(settings)
}
