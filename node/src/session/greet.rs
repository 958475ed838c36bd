//! The hello: both sides say who they are, and hold it against the certificate.
//!
//! With mutual TLS the dialer's handshake completes before the listener has judged the dialer's
//! certificate. So nobody lists a session before the welcome.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bothways_certs::{CertificateError, PeerIdentity};
use bothways_protocol::{
    CloseCode, Control, Greeting, LANES, MessageError, NetworkName, NodeName, Outgoing, VERSION,
};
use quinn::{Connection, ConnectionError};
use rustls::pki_types::CertificateDer;
use thiserror::Error;
use tokio::time::timeout;

use super::rule::Dialed;
use super::{Facts, Table, close};
use crate::transport::{Assembly, AssemblyBudget, MessageReader, MessageWriter, ReadError};

/// The largest message on the control stream, in bytes.
pub(super) const CONTROL_MAX_BYTES: usize = 4096;

/// What this node says of itself, and holds its peers to.
#[derive(Debug)]
pub(crate) struct Us {
    pub(crate) greeting: Greeting,
    pub(crate) network: NetworkName,
    pub(crate) greeting_timeout: Duration,
    /// The largest request that goes on a lane, in bytes; `None` where this node has no lanes.
    pub(crate) lane_message_bytes: Option<usize>,
    pub(crate) assembly: AssemblyBudget,
}

/// A connection on which both sides have said who they are.
#[derive(Debug)]
pub(crate) struct Greeted {
    pub(super) connection: Connection,
    pub(super) facts: Facts,
    pub(super) assembly: Assembly,
    pub(super) writer: MessageWriter,
    pub(super) reader: MessageReader,
}

/// A connection that became no session.
#[derive(Debug, Error)]
pub(crate) enum GreetError {
    /// The greeting did not come in time.
    #[error("no greeting within {} s", .0.as_secs())]
    Timeout(Duration),
    /// The peer closed the connection, or it was lost.
    #[error("the connection ended before the greeting: {0}")]
    Lost(#[from] ConnectionError),
    /// What came was no greeting.
    #[error("the peer does not speak bothways/1: {0}")]
    Protocol(String),
    /// The peer's certificate names no node.
    #[error("the peer's certificate: {0}")]
    Certificate(#[from] CertificateError),
    /// The peer is not who it should be, or may not do what it does.
    #[error("{0}")]
    Refused(String),
    /// The peer has as many connections as it may.
    #[error("{peer} has {connections} connections already")]
    TooMany {
        /// The peer.
        peer: NodeName,
        /// How many it has.
        connections: usize,
    },
}

impl GreetError {
    /// The number with which the connection is closed.
    fn close_code(&self) -> CloseCode {
        match self {
            Self::Timeout(_) => CloseCode::HelloTimeout,
            Self::Protocol(_) => CloseCode::ProtocolError,
            Self::TooMany { .. } => CloseCode::TooManyConnections,
            Self::Lost(_) | Self::Certificate(_) | Self::Refused(_) => CloseCode::Refused,
        }
    }
}

impl From<ReadError> for GreetError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Lost(error) => Self::Lost(error),
            error => Self::Protocol(error.to_string()),
        }
    }
}

impl From<MessageError> for GreetError {
    fn from(error: MessageError) -> Self {
        Self::Protocol(error.to_string())
    }
}

impl Us {
    /// The dialer's side: says hello, waits for the welcome.
    pub(crate) async fn greet(
        &self,
        connection: Connection,
        expected: &NodeName,
    ) -> Result<Greeted, GreetError> {
        let hello = async {
            let identity = identity_of(&connection)?;
            let (send, recv) = connection.open_bi().await?;
            let (mut writer, mut reader, assembly) = self.streams(&identity.name, send, recv);
            let hello = Control::Hello(self.greeting.clone());
            writer.send(hello.encode()).await.map_err(|error| lost(&connection, &error))?;
            let Control::Welcome(theirs) = next_control(&mut reader).await? else {
                return Err(GreetError::Protocol("a welcome was due".to_owned()));
            };
            self.judge(&theirs, &identity)?;
            if theirs.name != *expected {
                let problem = format!("{} answered where {expected} was dialed", theirs.name);
                return Err(GreetError::Refused(problem));
            }
            if !theirs.role.listens() {
                return Err(GreetError::Refused("a client has no listener".to_owned()));
            }
            let facts = facts(self, theirs, &identity, Dialed::ByUs);
            Ok(Greeted { connection: connection.clone(), facts, assembly, writer, reader })
        };
        self.in_time(&connection, hello).await
    }

    /// The listener's side: waits for the hello, judges it, says welcome.
    pub(crate) async fn welcome(
        &self,
        connection: Connection,
        table: &Arc<Table>,
    ) -> Result<Greeted, GreetError> {
        let welcome = async {
            let identity = identity_of(&connection)?;
            let (send, recv) = connection.accept_bi().await?;
            let (mut writer, mut reader, assembly) = self.streams(&identity.name, send, recv);
            let Control::Hello(theirs) = next_control(&mut reader).await? else {
                return Err(GreetError::Protocol("a hello was due".to_owned()));
            };
            self.judge(&theirs, &identity)?;
            if !theirs.role.dials() {
                return Err(GreetError::Refused("a server never dials".to_owned()));
            }
            table.room_for(&theirs).map_err(|connections| GreetError::TooMany {
                peer: theirs.name.clone(),
                connections,
            })?;
            let welcome = Control::Welcome(self.greeting.clone());
            writer.send(welcome.encode()).await.map_err(|error| lost(&connection, &error))?;
            let facts = facts(self, theirs, &identity, Dialed::ByThem);
            Ok(Greeted { connection: connection.clone(), facts, assembly, writer, reader })
        };
        self.in_time(&connection, welcome).await
    }

    /// Holds what the peer says against what its certificate says.
    fn judge(&self, theirs: &Greeting, identity: &PeerIdentity) -> Result<(), GreetError> {
        let refuse = |problem: String| Err(GreetError::Refused(problem));
        if theirs.version != VERSION {
            return refuse(format!("version {} is spoken, {VERSION} is needed", theirs.version));
        }
        if identity.network != self.network {
            let (theirs, ours) = (&identity.network, &self.network);
            return refuse(format!("the certificate is of network {theirs}, this one is {ours}"));
        }
        if theirs.name != identity.name {
            let (said, is) = (&theirs.name, &identity.name);
            return refuse(format!("the peer says that it is {said}, its certificate says {is}"));
        }
        if theirs.name == self.greeting.name {
            return refuse(format!(
                "this node is {} itself: each node needs its own identity",
                theirs.name
            ));
        }
        Ok(())
    }

    fn streams(
        &self,
        peer: &NodeName,
        send: quinn::SendStream,
        recv: quinn::RecvStream,
    ) -> (MessageWriter, MessageReader, Assembly) {
        let assembly = self.assembly.of(peer);
        let reader = MessageReader::new(recv, CONTROL_MAX_BYTES, &assembly);
        (MessageWriter::new(send), reader, assembly)
    }

    /// Bounds the greeting, and closes the connection where it fails.
    async fn in_time(
        &self,
        connection: &Connection,
        greeting: impl Future<Output = Result<Greeted, GreetError>>,
    ) -> Result<Greeted, GreetError> {
        let greeted = timeout(self.greeting_timeout, greeting)
            .await
            .unwrap_or(Err(GreetError::Timeout(self.greeting_timeout)));
        greeted.inspect_err(|error| {
            close(connection, error.close_code(), &error.to_string());
        })
    }
}

fn facts(us: &Us, theirs: Greeting, identity: &PeerIdentity, dialed: Dialed) -> Facts {
    let agreed = |greeting: &Greeting| greeting.features.iter().any(|feature| feature == LANES);
    let lanes = agreed(&theirs) && agreed(&us.greeting);
    Facts {
        peer: theirs.name,
        role: theirs.role,
        boot_ms: theirs.boot_ms,
        agent: theirs.agent,
        limits: theirs.limits,
        fingerprint: identity.fingerprint,
        certificate_ends: identity.not_after,
        lanes,
        lane_message_bytes: us.lane_message_bytes.filter(|_| lanes),
        dialed,
        since: Instant::now(),
    }
}

fn identity_of(connection: &Connection) -> Result<PeerIdentity, GreetError> {
    let chain = connection.peer_identity();
    let chain = chain.and_then(|chain| chain.downcast::<Vec<CertificateDer<'static>>>().ok());
    let leaf = chain.as_ref().and_then(|chain| chain.first());
    let leaf = leaf.ok_or_else(|| GreetError::Refused("the peer has no certificate".to_owned()))?;
    Ok(PeerIdentity::of(leaf)?)
}

async fn next_control(reader: &mut MessageReader) -> Result<Control, GreetError> {
    match reader.next().await? {
        Some(message) => Ok(Control::decode(&message)?),
        None => Err(GreetError::Protocol("the control stream ended".to_owned())),
    }
}

fn lost(connection: &Connection, error: &quinn::WriteError) -> GreetError {
    match connection.close_reason() {
        Some(reason) => GreetError::Lost(reason),
        None => GreetError::Protocol(error.to_string()),
    }
}
