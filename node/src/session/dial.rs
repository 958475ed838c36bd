//! One dial: from an address and a name to a session, or to an error that tells a wrong address,
//! a wrong certificate and a wrong name apart.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use bothways_certs::{Verdict, explain_alert};
use bothways_protocol::{CloseCode, NodeName};
use quinn::{ConnectionError, TransportErrorCode};
use thiserror::Error;
use tokio::net::{UdpSocket, lookup_host};
use tokio::time::timeout;

use super::ended::ended;
use super::greet::{GreetError, Greeted, Us};
use crate::transport::Dialing;

/// The transport error that carries a TLS alert: its low byte is the alert (RFC 9001 §4.8).
const CRYPTO_ERROR: u64 = 0x100;

/// A dial that led to no session.
#[derive(Debug, Clone, Error)]
pub enum DialError {
    /// The address names no host that could be found.
    #[error("cannot resolve {address}: {problem}; check the address")]
    Resolve {
        /// The address, as it was given.
        address: String,
        /// What the resolver says.
        problem: String,
    },
    /// Nothing answers at the address.
    #[error(
        "no node answers at {address} (UDP): {problem}; check the address, that the node runs, and that UDP gets through"
    )]
    Unreachable {
        /// The address, resolved.
        address: SocketAddr,
        /// How that was seen.
        problem: String,
    },
    /// What answers speaks another protocol.
    #[error("{address} answers, but speaks no bothways/1: {problem}")]
    Protocol {
        /// The address, resolved.
        address: SocketAddr,
        /// What is wrong.
        problem: String,
    },
    /// The node that answers shows a certificate that is not the one of the peer dialed.
    #[error("the node at {address} is not {peer} as this network knows it: {verdict}")]
    Certificate {
        /// The address, resolved.
        address: SocketAddr,
        /// The peer dialed.
        peer: NodeName,
        /// What is wrong with the certificate.
        verdict: Verdict,
    },
    /// The node that answers does not accept this node's certificate.
    #[error("{peer} at {address} refuses this node's certificate: {problem}")]
    OurCertificate {
        /// The address, resolved.
        address: SocketAddr,
        /// The peer dialed.
        peer: NodeName,
        /// What the peer's alert means.
        problem: String,
    },
    /// The peer takes no session with this node.
    #[error("{peer} at {address} takes no session with this node: {problem}")]
    Refused {
        /// The address, resolved.
        address: SocketAddr,
        /// The peer dialed.
        peer: NodeName,
        /// What the peer says.
        problem: String,
    },
    /// The dial failed in this node.
    #[error("cannot dial {address}: {problem}")]
    Here {
        /// The address, resolved.
        address: SocketAddr,
        /// What failed.
        problem: String,
    },
}

impl DialError {
    /// A word for what failed.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::Resolve { .. } => "resolve",
            Self::Unreachable { .. } => "unreachable",
            Self::Protocol { .. } => "protocol",
            Self::Certificate { .. } => "certificate",
            Self::OurCertificate { .. } => "our_certificate",
            Self::Refused { .. } => "refused",
            Self::Here { .. } => "here",
        }
    }
}

/// What one dial needs.
pub(super) struct Dial<'a> {
    pub(super) us: &'a Us,
    pub(super) tls: &'a bothways_certs::DialerTls,
    pub(super) dialing: &'a Dialing,
    pub(super) handshake_timeout: Duration,
    pub(super) peer: &'a NodeName,
    pub(super) address: &'a str,
}

impl Dial<'_> {
    /// Tries each address that the name resolves to, in turn.
    pub(super) async fn run(&self) -> Result<Greeted, DialError> {
        let unresolved =
            |problem: String| DialError::Resolve { address: self.address.to_owned(), problem };
        let found =
            lookup_host(self.address).await.map_err(|error| unresolved(error.to_string()))?;
        let mut failed = unresolved("the name has no address".to_owned());
        for address in found {
            match self.try_address(address).await {
                Ok(greeted) => return Ok(greeted),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    async fn try_address(&self, address: SocketAddr) -> Result<Greeted, DialError> {
        let here = |problem: String| DialError::Here { address, problem };
        let (tls, judgement) = self.tls.to(self.peer);
        let (connecting, _awaiting) =
            self.dialing.connect(address, self.peer, tls).map_err(here)?;
        let connected = tokio::select! {
            connected = timeout(self.handshake_timeout, connecting) => connected,
            problem = refused_by_the_machine(address) => {
                return Err(DialError::Unreachable { address, problem });
            }
        };
        let connection = match connected {
            Ok(Ok(connection)) => connection,
            Ok(Err(error)) => return Err(self.explain(address, &error, judgement.verdict())),
            Err(_) => {
                let problem = format!("no answer within {} s", self.handshake_timeout.as_secs());
                return Err(DialError::Unreachable { address, problem });
            }
        };
        let greeted = self.us.greet(connection, self.peer).await;
        greeted.map_err(|error| self.explain_greeting(address, error, judgement.verdict()))
    }

    fn explain(&self, address: SocketAddr, error: &ConnectionError, verdict: Verdict) -> DialError {
        let peer = self.peer.clone();
        if !matches!(verdict, Verdict::NotSeen | Verdict::Accepted(_)) {
            return DialError::Certificate { address, peer, verdict };
        }
        match error {
            ConnectionError::ConnectionClosed(close)
                if close.error_code == TransportErrorCode::CONNECTION_REFUSED =>
            {
                let problem = "it takes no connections now: it stops, or is too busy".to_owned();
                DialError::Unreachable { address, problem }
            }
            ConnectionError::ConnectionClosed(close) => match alert_of(close.error_code) {
                Some(alert) if alert == NO_APPLICATION_PROTOCOL => {
                    DialError::Protocol { address, problem: explain_alert(alert).to_owned() }
                }
                Some(alert) => {
                    let problem = explain_alert(alert).to_owned();
                    DialError::OurCertificate { address, peer, problem }
                }
                None => DialError::Refused { address, peer, problem: ended(error) },
            },
            ConnectionError::ApplicationClosed(close) => {
                let code = CloseCode::of(close.error_code.into_inner());
                tracing::debug!(peer = %peer, ?code, "dial refused");
                DialError::Refused { address, peer, problem: ended(error) }
            }
            ConnectionError::VersionMismatch => {
                DialError::Protocol { address, problem: "another version of QUIC".to_owned() }
            }
            ConnectionError::TimedOut => DialError::Unreachable { address, problem: ended(error) },
            _ => DialError::Protocol { address, problem: ended(error) },
        }
    }

    fn explain_greeting(
        &self,
        address: SocketAddr,
        error: GreetError,
        verdict: Verdict,
    ) -> DialError {
        let peer = self.peer.clone();
        match error {
            GreetError::Lost(error) => self.explain(address, &error, verdict),
            GreetError::Timeout(_) | GreetError::Protocol(_) => {
                DialError::Protocol { address, problem: error.to_string() }
            }
            GreetError::Certificate(_) | GreetError::Refused(_) | GreetError::TooMany { .. } => {
                DialError::Refused { address, peer, problem: error.to_string() }
            }
        }
    }
}

/// The TLS alert of a listener that does not speak what the dialer offers (RFC 7301 §3.2).
const NO_APPLICATION_PROTOCOL: u8 = 120;

fn alert_of(code: TransportErrorCode) -> Option<u8> {
    let code = u64::from(code);
    u8::try_from(code.checked_sub(CRYPTO_ERROR)?).ok()
}

/// Resolves when the machine at the address says that nothing listens on the port (ICMP port
/// unreachable); stays pending where it does not. QUIC itself must not believe such a message,
/// since anybody could forge one, and would wait in vain; so this only ever *shortens* a dial.
async fn refused_by_the_machine(address: SocketAddr) -> String {
    let asked: io::Result<()> = async {
        let any: IpAddr = match address {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind((any, 0)).await?;
        socket.connect(address).await?;
        // No QUIC packet: a node drops it without a thought.
        socket.send(&[0]).await?;
        socket.recv(&mut [0; 1]).await.map(|_| ())
    }
    .await;
    match asked {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            "nothing listens on this port".to_owned()
        }
        _ => std::future::pending().await,
    }
}
