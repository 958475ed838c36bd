//! A dialer and a listener that speak the protocol only as far as a test wants them to.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bothways::certs::{Identity, Trust, dialer_tls, listener_tls};
use bothways::protocol::{
    ALPN, CloseCode, Control, Encoded, Frames, Greeting, Outgoing, PeerLimits, Reply, Request,
    Role, Trace, VERSION,
};
use bytes::Bytes;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{
    ClientConfig, Connection, ConnectionError, Endpoint, RecvStream, SendStream, TransportConfig,
};
use serde::Serialize;
use tokio::time::timeout;

use crate::{Network, soon};

/// What a well-behaved peer says of itself.
pub fn greeting(name: &str) -> Greeting {
    Greeting {
        version: VERSION,
        name: name.parse().unwrap(),
        role: Role::Peer,
        boot_ms: 1,
        agent: "raw".to_owned(),
        features: Vec::new(),
        limits: PeerLimits { in_flight: 64, message_bytes: 65_536 },
    }
}

/// A request as a well-behaved peer sends it, without a key.
pub fn request(method: &str, params: &impl Serialize) -> Request {
    Request {
        method: method.parse().unwrap(),
        params: Encoded::of(params).unwrap(),
        deadline: Duration::from_secs(10),
        key: None,
        trace: Trace::new([1; 16], [2; 8]).unwrap(),
        attempt: 1,
        to: None,
        via: Vec::new(),
    }
}

/// Dials, and does what it is told.
#[derive(Clone)]
pub struct RawDialer {
    name: String,
    identity: Identity,
    trust: Trust,
    endpoint: Endpoint,
    tls: rustls::ClientConfig,
    transport: Arc<TransportConfig>,
}

impl RawDialer {
    pub(crate) fn new(network: &Network, name: &str) -> Self {
        let (identity, trust) = (network.identity(name), network.authority.trust());
        let (tls, _) = dialer_tls(&identity, &trust, &[ALPN], &"hub".parse().unwrap()).unwrap();
        let endpoint = Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
        let transport = Arc::default();
        Self { name: name.to_owned(), identity, trust, endpoint, tls, transport }
    }

    /// Changes the TLS settings.
    #[must_use]
    pub fn tls(self, change: impl FnOnce(rustls::ClientConfig) -> rustls::ClientConfig) -> Self {
        Self { tls: change(self.tls), ..self }
    }

    /// Takes so many bytes of a stream, and no more before they are read.
    #[must_use]
    pub fn stream_window(self, bytes: u32) -> Self {
        let mut transport = TransportConfig::default();
        transport.stream_receive_window(bytes.into());
        Self { transport: Arc::new(transport), ..self }
    }

    /// Dials from this address.
    #[must_use]
    pub fn from(self, address: &str) -> Self {
        Self { endpoint: Endpoint::client(address.parse().unwrap()).unwrap(), ..self }
    }

    /// Shakes hands with the node named hub, and says nothing.
    pub async fn connect(&self, hub: SocketAddr) -> Result<Connection, ConnectionError> {
        self.connect_to("hub", hub).await
    }

    async fn connect_to(
        &self,
        name: &str,
        address: SocketAddr,
    ) -> Result<Connection, ConnectionError> {
        let crypto = QuicClientConfig::try_from(self.tls.clone()).unwrap();
        let mut config = ClientConfig::new(Arc::new(crypto));
        config.transport_config(self.transport.clone());
        let connecting = self.endpoint.connect_with(config, address, name).unwrap();
        soon("a handshake", connecting).await
    }

    /// How the listener ends a connection that it should never have taken.
    pub async fn refusal(&self, hub: SocketAddr) -> ConnectionError {
        match self.connect(hub).await {
            Ok(connection) => soon("a refusal", connection.closed()).await,
            Err(error) => error,
        }
    }

    /// Connects and greets as a well-behaved peer does.
    pub async fn session(&self, hub: SocketAddr) -> RawSession {
        self.greet(hub, |_| {}).await.unwrap()
    }

    /// Connects and greets with a greeting of its own.
    pub async fn greet(
        &self,
        hub: SocketAddr,
        change: impl FnOnce(&mut Greeting),
    ) -> Result<RawSession, ConnectionError> {
        let mut hello = greeting(&self.name);
        change(&mut hello);
        self.say(self.connect(hub).await?, hello).await
    }

    /// Connects to a node of another name than hub, and greets.
    pub async fn session_with(
        &self,
        name: &str,
        address: SocketAddr,
        hello: Greeting,
    ) -> RawSession {
        let (config, _) =
            dialer_tls(&self.identity, &self.trust, &[ALPN], &name.parse().unwrap()).unwrap();
        let connection = Self { tls: config, ..self.clone() }.connect_to(name, address).await;
        self.say(connection.unwrap(), hello).await.unwrap()
    }

    async fn say(
        &self,
        connection: Connection,
        hello: Greeting,
    ) -> Result<RawSession, ConnectionError> {
        let mut control = RawStream::open(&connection).await;
        control.send(&Control::Hello(hello).encode()).await;
        RawSession::greeted(connection, control).await
    }
}

/// Listens, and does what it is told.
pub struct RawListener {
    name: String,
    endpoint: Endpoint,
}

impl RawListener {
    pub(crate) fn new(network: &Network, name: &str) -> Self {
        let (identity, trust) = (network.identity(name), network.authority.trust());
        let tls = listener_tls(&identity, &trust, &[ALPN]).unwrap();
        let crypto = QuicServerConfig::try_from(tls).unwrap();
        let config = quinn::ServerConfig::with_crypto(Arc::new(crypto));
        let endpoint = Endpoint::server(config, "127.0.0.1:0".parse().unwrap()).unwrap();
        Self { name: name.to_owned(), endpoint }
    }

    pub fn address(&self) -> SocketAddr {
        self.endpoint.local_addr().unwrap()
    }

    /// Whether somebody dials whose connection was not taken in; it is refused then.
    pub async fn is_dialed(&self) -> bool {
        timeout(Duration::ZERO, self.endpoint.accept()).await.is_ok()
    }

    /// Takes the next connection in, and says nothing.
    pub async fn accept(&self) -> Connection {
        let incoming = soon("a dial", self.endpoint.accept()).await.unwrap();
        soon("a handshake", incoming.into_future()).await.unwrap()
    }

    /// Takes the next connection in and welcomes it with a greeting of its own.
    pub async fn welcome(&self, change: impl FnOnce(&mut Greeting)) -> RawSession {
        let mut welcome = greeting(&self.name);
        change(&mut welcome);
        let connection = self.accept().await;
        let mut control = RawStream::accept(&connection).await;
        let hello = control.control().await;
        let Control::Hello(theirs) = hello else { panic!("a hello was due: {hello:?}") };
        control.send(&Control::Welcome(welcome).encode()).await;
        RawSession { connection, control, theirs }
    }
}

/// A connection on which both sides have greeted.
pub struct RawSession {
    pub connection: Connection,
    pub control: RawStream,
    pub theirs: Greeting,
}

impl RawSession {
    async fn greeted(
        connection: Connection,
        mut control: RawStream,
    ) -> Result<Self, ConnectionError> {
        match soon("a welcome", control.try_message()).await {
            Some(message) => match Control::decode(&message).unwrap() {
                Control::Welcome(theirs) => Ok(Self { connection, control, theirs }),
                other => panic!("a welcome was due: {other:?}"),
            },
            None => Err(soon("a reason", connection.closed()).await),
        }
    }

    pub async fn stream(&self) -> RawStream {
        RawStream::open(&self.connection).await
    }

    /// Opens a stream and writes these bytes, and no end.
    pub async fn begin(&self, bytes: &[u8]) -> RawStream {
        let mut stream = self.stream().await;
        stream.send(bytes).await;
        stream
    }

    /// Sends these bytes as a whole request stream, and gives what comes back.
    pub async fn ask_bytes(&self, bytes: &[u8]) -> Reply {
        let mut stream = self.begin(bytes).await;
        stream.finish();
        stream.reply().await
    }

    pub async fn ask(&self, request: &Request) -> Reply {
        self.ask_bytes(&request.encode()).await
    }

    /// The code and the reason with which the node closes the connection.
    pub async fn closed(&self) -> (Option<CloseCode>, String) {
        close_of(&soon("a close", self.connection.closed()).await)
    }
}

/// The code and the reason with which a connection was closed.
pub fn close_of(error: &ConnectionError) -> (Option<CloseCode>, String) {
    match error {
        ConnectionError::ApplicationClosed(close) => {
            let reason = String::from_utf8_lossy(&close.reason).into_owned();
            (CloseCode::of(close.error_code.into_inner()), reason)
        }
        other => (None, other.to_string()),
    }
}

/// Both directions of a stream.
pub struct RawStream {
    pub send: SendStream,
    pub recv: RecvStream,
    frames: Frames,
}

impl RawStream {
    pub async fn open(connection: &Connection) -> Self {
        Self::of(soon("a stream", connection.open_bi()).await.unwrap())
    }

    pub async fn accept(connection: &Connection) -> Self {
        Self::of(soon("a stream", connection.accept_bi()).await.unwrap())
    }

    fn of((send, recv): (SendStream, RecvStream)) -> Self {
        Self { send, recv, frames: Frames::new(1 << 20) }
    }

    /// Writes; a reader that wants no more is no reason to fail.
    pub async fn send(&mut self, bytes: &[u8]) {
        let _ = soon("room to write", self.send.write_all(bytes)).await;
    }

    pub fn finish(&mut self) {
        let _ = self.send.finish();
    }

    /// The next message; `None` where the stream or the connection ends first.
    pub async fn try_message(&mut self) -> Option<Bytes> {
        loop {
            if let Some(message) = self.frames.next_message().unwrap() {
                return Some(message);
            }
            match self.recv.read_chunk(65_536, true).await {
                Ok(Some(chunk)) => self.frames.push(chunk.bytes),
                Ok(None) | Err(_) => return None,
            }
        }
    }

    pub async fn message(&mut self) -> Bytes {
        soon("a message", self.try_message()).await.expect("a message, and no end")
    }

    pub async fn reply(&mut self) -> Reply {
        Reply::decode(&self.message().await).unwrap()
    }

    pub async fn control(&mut self) -> Control {
        Control::decode(&self.message().await).unwrap()
    }

    /// How the node ended this stream, once it has been read to its end.
    pub async fn end(&mut self) -> Result<(), quinn::ReadError> {
        soon("an end", async {
            loop {
                match self.recv.read_chunk(65_536, true).await {
                    Ok(Some(_)) => {}
                    Ok(None) => return Ok(()),
                    Err(error) => return Err(error),
                }
            }
        })
        .await
    }
}
