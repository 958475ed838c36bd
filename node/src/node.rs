//! A node: assembly, start, staged stop.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant, SystemTime};

use bothways_certs::{DialerTls, Fingerprint, TlsError, listener_tls};
use bothways_protocol::{ALPN, CloseCode, Farewell, Greeting, NodeName, PeerLimits, Role, VERSION};
use thiserror::Error;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::client::Peer;
use crate::config::{Limits, Plan};
use crate::network::{Network, StoppedError};
use crate::service::{Inbound, Router};
use crate::session::{
    Dialed, DialerParts, Dialers, Doorway, Session, Table, Us, keep_alive, welcome_all,
};
use crate::transport::{
    AssemblyBudget, Dialing, EndpointError, Gate, GateBounds, Listener, quic_settings,
};

/// What a stop waits for at each stage behind the drain.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A running node: client and server at once, or one of the two, as its role says.
///
/// A handle: clones are the same node. It runs on a thread of its own, whatever runtime its
/// callers have, until [`stop`](Self::stop) or until the last handle is dropped.
#[derive(Debug, Clone)]
pub struct Node {
    owner: Arc<Owner>,
}

/// Stops the node when the last handle is gone.
#[derive(Debug)]
struct Owner {
    shared: Arc<Shared>,
}

/// A node that others hold without keeping it alive.
#[derive(Debug, Clone, Default)]
pub(crate) struct WeakNode(Arc<OnceLock<Weak<Owner>>>);

/// What the parts of a node share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) name: NodeName,
    pub(crate) role: Role,
    pub(crate) limits: Limits,
    pub(crate) network: Network,
    pub(crate) table: Arc<Table>,
    pub(crate) dialers: Dialers,
    pub(crate) inbound: Arc<Inbound>,
    listeners: Vec<Listener>,
    dialing: Option<Arc<Dialing>>,
    stop: CancellationToken,
    /// The listeners' and the dialers' tasks, and with them the sessions'.
    tasks: Mutex<JoinSet<()>>,
}

/// A node that could not be started.
#[derive(Debug, Error)]
pub enum StartError {
    /// A socket could not be had.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// Identity and authority do not make TLS settings.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The network thread could not be started.
    #[error("cannot start the network thread: {0}")]
    Thread(#[from] io::Error),
    /// The network thread ended while the node was being assembled.
    #[error(transparent)]
    Stopped(#[from] StoppedError),
}

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

/// How a node stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// Every request in flight was answered.
    Drained,
    /// The time for that was over: so many sessions were cut.
    Cut {
        /// How many.
        sessions: usize,
    },
}

impl Node {
    /// Starts a node that does what the plan says and answers what the router holds.
    ///
    /// It returns once the listeners are bound; dialing goes on in the background.
    ///
    /// # Errors
    /// Where an address cannot be bound, or identity and authority do not fit TLS.
    pub async fn start(plan: Plan, router: Router) -> Result<Self, StartError> {
        let network = Network::start()?;
        let inside = network.clone();
        let started = network.run(async move { Self::assemble(&plan, router, inside) }).await;
        let started = started.map_err(StartError::from).flatten();
        started.inspect_err(|_| network.end())
    }

    fn assemble(plan: &Plan, router: Router, network: Network) -> Result<Self, StartError> {
        let (name, role, limits) = (plan.name().clone(), plan.role(), plan.limits().clone());
        let weak = WeakNode::default();
        let inbound =
            Arc::new(Inbound::new(weak.clone(), name.clone(), role, router, limits.clone()));
        let table = Arc::new(Table::new(name.clone(), limits.connections_per_peer));
        let (us, stop) = (Arc::new(us(plan, &inbound)), CancellationToken::new());
        let mut tasks = JoinSet::new();

        let listeners = bind(plan)?;
        let bounds = GateBounds::of(&limits);
        let doorway = Arc::new(Doorway {
            us: us.clone(),
            table: table.clone(),
            dispatch: inbound.clone(),
            limits: limits.clone(),
            gate: Arc::new(Mutex::new(Gate::new(bounds, Instant::now()))),
            stop: stop.clone(),
        });
        for listener in &listeners {
            tasks.spawn(welcome_all(listener.endpoint.clone(), doorway.clone()));
        }

        let dialing = role.dials().then(|| open_dialing(&limits)).transpose()?;
        let dialers = match &dialing {
            Some(dialing) => {
                let parts = Arc::new(DialerParts {
                    us,
                    tls: Arc::new(DialerTls::new(plan.identity(), plan.trust(), &[ALPN])?),
                    dialing: dialing.clone(),
                    table: table.clone(),
                    dispatch: inbound.clone(),
                    limits: limits.clone(),
                    stop: stop.clone(),
                });
                let peers = plan.peers().iter();
                let peers = peers.map(|(peer, address)| (peer.clone(), address.to_string()));
                Dialers::start(peers, &parts, &mut tasks)
            }
            None => Dialers::default(),
        };

        let shared = Arc::new(Shared {
            name,
            role,
            limits,
            network,
            table,
            dialers,
            inbound,
            listeners,
            dialing,
            stop,
            tasks: Mutex::new(tasks),
        });
        let node = Self { owner: Arc::new(Owner { shared }) };
        weak.point_to(&node);
        Ok(node)
    }

    /// The node's name.
    #[must_use]
    pub fn name(&self) -> &NodeName {
        &self.shared().name
    }

    /// The node's role.
    #[must_use]
    pub fn role(&self) -> Role {
        self.shared().role
    }

    /// The addresses that the node listens on, ports resolved.
    pub fn listening(&self) -> impl Iterator<Item = SocketAddr> {
        self.shared().listeners.iter().map(|listener| listener.address)
    }

    /// A peer to ask, by its name: `node.peer("hub").request(…)`. The node's own name asks the
    /// node itself.
    #[must_use]
    pub fn peer(&self, name: &str) -> Peer {
        Peer::named(self.clone(), name.parse())
    }

    /// The sessions that the node has, in the order of the peers' names.
    #[must_use]
    pub fn sessions(&self) -> Vec<SessionInfo> {
        self.shared().table.all().iter().map(SessionInfo::of).collect()
    }

    /// Counts sessions that come, go, or begin to drain: to wait for a change.
    #[must_use]
    pub fn session_changes(&self) -> watch::Receiver<u64> {
        self.shared().table.changes()
    }

    /// Stops the node in stages, each of them bounded: no newcomers; `going_away` on every
    /// session; what is in flight is answered, for 10 s at the most; what is left is closed;
    /// handlers that write end; the sockets say their last words.
    pub async fn stop(&self) -> Stopped {
        let shared = self.shared().clone();
        let drain = shared.limits.drain;
        self.stop_within(drain).await
    }

    /// Stops the node as [`stop`](Self::stop) does, with another bound on the drain.
    pub async fn stop_within(&self, drain: Duration) -> Stopped {
        let (shared, network) = (self.shared().clone(), self.shared().network.clone());
        let stopped = network.run(async move { shared.stop_in_stages(drain).await }).await;
        network.end();
        // A second stop finds the network gone: the first one has done it all.
        stopped.unwrap_or(Stopped::Drained)
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.owner.shared
    }

    pub(crate) fn peer_named(&self, name: NodeName) -> Peer {
        Peer::named(self.clone(), Ok(name))
    }

    pub(crate) fn over(&self, session: Session) -> Peer {
        Peer::over(self.clone(), session)
    }
}

impl Shared {
    async fn stop_in_stages(&self, drain: Duration) -> Stopped {
        self.stop.cancel();
        self.table.drain_all(Farewell::Stopping);
        let drained = timeout(drain, self.table.emptied()).await.is_ok();
        let cut = self.table.all();
        for session in &cut {
            session.close(CloseCode::Stopping, "the node stops");
        }
        let _ = timeout(LAST_WORDS, self.inbound.writes_ended()).await;
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        let _ = timeout(LAST_WORDS, tasks.join_all()).await;
        let _ = timeout(LAST_WORDS, self.close_sockets()).await;
        if drained { Stopped::Drained } else { Stopped::Cut { sessions: cut.len() } }
    }

    async fn close_sockets(&self) {
        let listening = self.listeners.iter().map(|listener| &listener.endpoint);
        for endpoint in listening.chain(self.dialing.iter().map(|dialing| &dialing.endpoint)) {
            endpoint.close(CloseCode::Stopping.number().into(), b"the node stops");
            endpoint.wait_idle().await;
        }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let (shared, network) = (self.shared.clone(), self.shared.network.clone());
        let ending = network.clone();
        network.spawn(async move {
            shared.stop_in_stages(Duration::ZERO).await;
            ending.end();
        });
    }
}

impl WeakNode {
    pub(crate) fn upgrade(&self) -> Option<Node> {
        Some(Node { owner: self.0.get()?.upgrade()? })
    }

    fn point_to(&self, node: &Node) {
        // Set once, by the assembly of this one node.
        let _ = self.0.set(Arc::downgrade(&node.owner));
    }
}

impl SessionInfo {
    fn of(session: &Session) -> Self {
        let facts = session.facts();
        let (requests_out, requests_in) = session.requests();
        Self {
            peer: facts.peer.clone(),
            role: facts.role,
            dialed_by_us: facts.dialed == Dialed::ByUs,
            address: session.address(),
            draining: session.is_draining(),
            age: facts.since.elapsed(),
            round_trip: session.round_trip(),
            requests_out,
            requests_in,
            agent: facts.agent.clone(),
            fingerprint: facts.fingerprint,
            certificate_ends: facts.certificate_ends,
        }
    }
}

fn us(plan: &Plan, inbound: &Inbound) -> Us {
    let limits = plan.limits();
    let whole = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    Us {
        greeting: Greeting {
            version: VERSION,
            name: plan.name().clone(),
            role: plan.role(),
            boot_ms: crate::clock::unix_ms(),
            agent: concat!("bothways ", env!("CARGO_PKG_VERSION")).to_owned(),
            features: Vec::new(),
            limits: PeerLimits {
                in_flight: whole(limits.requests_in_flight),
                message_bytes: whole(inbound.largest_message()),
            },
        },
        network: plan.network().clone(),
        greeting_timeout: limits.handshake,
        assembly: AssemblyBudget::new(limits.assembling_bytes_per_peer, limits.assembling_bytes),
    }
}

fn bind(plan: &Plan) -> Result<Vec<Listener>, StartError> {
    let transport = Arc::new(quic_settings(plan.limits(), None));
    let mut listeners = Vec::new();
    for address in plan.listen() {
        let tls = listener_tls(plan.identity(), plan.trust(), &[ALPN])?;
        listeners.push(Listener::bind(*address, tls, transport.clone())?);
    }
    Ok(listeners)
}

fn open_dialing(limits: &Limits) -> Result<Arc<Dialing>, EndpointError> {
    Ok(Arc::new(Dialing::open(Arc::new(quic_settings(limits, Some(keep_alive(limits)))))?))
}
