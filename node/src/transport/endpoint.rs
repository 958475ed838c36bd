//! UDP sockets with QUIC on them: those that listen, and the one that dials.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;

use bothways_protocol::NodeName;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{ClientConfig, Endpoint, EndpointConfig, Runtime, TokioRuntime};
use thiserror::Error;

use super::deaf::{Awaited, Awaiting, Deaf};
use super::restart::RestartKeys;
use super::settings::{self, Accepting, QuicSettings, Traces};

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
    /// The folder for what happens to packets cannot be had.
    #[error("cannot use {} for qlog (debug.qlog): {source}", .path.display())]
    Qlog {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file for the keys of connections cannot be had.
    #[error("cannot write TLS keys to {} (debug.tls_key_log): {source}", .path.display())]
    KeyLog {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The TLS settings do not suit QUIC.
    #[error("these TLS settings do not suit QUIC: {0}")]
    Tls(String),
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
    pub(crate) accepting: Accepting,
}

impl Listener {
    /// Binds an address; port 0 takes a free one.
    pub(crate) fn bind(
        address: SocketAddr,
        mut tls: rustls::ServerConfig,
        settings: &QuicSettings,
        traces: &Traces,
        keys: &RestartKeys,
    ) -> Result<Self, EndpointError> {
        let bind = |source| EndpointError::Bind { address, source };
        tls.key_log = traces.keys().unwrap_or(tls.key_log);
        let crypto = QuicServerConfig::try_from(tls)
            .map_err(|error| EndpointError::Tls(error.to_string()))?;
        let accepting = Accepting::new(crypto, settings.clone());
        let socket = UdpSocket::bind(address).map_err(bind)?;
        let (settings, runtime) =
            (settings::socket(keys.endpoint_settings()), Arc::new(TokioRuntime));
        let endpoint =
            Endpoint::new(settings, Some(accepting.of_socket()), socket, runtime).map_err(bind)?;
        let address = endpoint.local_addr().map_err(bind)?;
        Ok(Self { endpoint, address, accepting })
    }
}

/// The socket that asks for connections: it never answers an Initial.
#[derive(Debug)]
pub(crate) struct Dialing {
    pub(crate) endpoint: Endpoint,
    awaited: Awaited,
    settings: QuicSettings,
    traces: Traces,
}

impl Dialing {
    /// Opens a socket for both address families, or for IPv4 where the machine has no other.
    pub(crate) fn open(settings: QuicSettings, traces: Traces) -> Result<Self, EndpointError> {
        let socket = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0))
            .or_else(|_| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)))
            .map_err(EndpointError::Dialing)?;
        let awaited = Awaited::default();
        let endpoint = deaf_endpoint(socket, &awaited).map_err(EndpointError::Dialing)?;
        Ok(Self { endpoint, awaited, settings, traces })
    }

    /// Begins a connection. The address is heard until what comes with it is dropped.
    pub(crate) fn connect(
        &self,
        address: SocketAddr,
        name: &NodeName,
        mut tls: rustls::ClientConfig,
    ) -> Result<(quinn::Connecting, Awaiting), String> {
        tls.key_log = self.traces.keys().unwrap_or(tls.key_log);
        let crypto = QuicClientConfig::try_from(tls).map_err(|error| error.to_string())?;
        let mut config = ClientConfig::new(Arc::new(crypto));
        config.transport_config(self.settings.to(name, self.endpoint.open_connections()));
        let awaiting = self.awaited.listen_to(address);
        let connecting = self.endpoint.connect_with(config, address, name.as_str());
        connecting.map(|connecting| (connecting, awaiting)).map_err(|error| error.to_string())
    }
}

fn deaf_endpoint(socket: UdpSocket, awaited: &Awaited) -> io::Result<Endpoint> {
    let socket = TokioRuntime.wrap_udp_socket(socket)?;
    let socket = Arc::new(Deaf { socket, awaited: awaited.clone() });
    let (config, runtime) = (EndpointConfig::default(), Arc::new(TokioRuntime));
    Endpoint::new_with_abstract_socket(settings::socket(config), None, socket, runtime)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bothways_certs::{
        Authority, DEFAULT_AUTHORITY_LIFE, DEFAULT_IDENTITY_LIFE, DialerTls, listener_tls,
    };
    use bothways_protocol::ALPN;
    use tokio::time::{sleep, timeout};

    use super::*;
    use crate::config::Limits;

    #[tokio::test]
    async fn the_first_sixteen_connections_of_a_socket_have_datagrams_as_large_as_loopback_carries()
    {
        let authority =
            Authority::create(&"test".parse().unwrap(), DEFAULT_AUTHORITY_LIFE).unwrap();
        let issued = |name: &NodeName| authority.issue(name, DEFAULT_IDENTITY_LIFE).unwrap();
        let (hub, desk): (NodeName, NodeName) = ("hub".parse().unwrap(), "desk".parse().unwrap());
        let (listens, dials, trust) = (issued(&hub), issued(&desk), authority.trust());
        let (limits, traces) = (Limits::default(), Traces::default());
        let settings = QuicSettings::new(&limits, None, &traces);
        let listener = Listener::bind(
            SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            listener_tls(&listens, &trust, &[ALPN]).unwrap(),
            &settings,
            &traces,
            &RestartKeys::of(&listens),
        )
        .unwrap();
        let dialing = Dialing::open(settings, traces).unwrap();
        let tls = DialerTls::new(&dials, &trust, &[ALPN]).unwrap();
        let mut connections = Vec::new();
        for nth in 0..17 {
            let tls = tls.to(&hub).0;
            let (connecting, _awaiting) = dialing.connect(listener.address, &hub, tls).unwrap();
            let incoming = listener.endpoint.accept().await.unwrap();
            let accepted = listener.accepting.accept(incoming, nth).unwrap();
            let (out, back) = tokio::join!(connecting, accepted);
            connections.push([out.unwrap(), back.unwrap()]);
        }
        let mtu = |connection: &quinn::Connection| connection.stats().path.current_mtu;

        let (others, large) = connections.split_last().unwrap();
        let grown = async {
            while large.as_flattened().iter().any(|end| mtu(end) < 4_000)
                || others.iter().any(|end| mtu(end) < 1_440)
            {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(Duration::from_secs(20), grown).await.unwrap();
        assert!(others.iter().all(|end| mtu(end) < 1_500));
    }
}
