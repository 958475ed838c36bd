//! A node: assembly, start, staged stop. The one layer that knows both halves of it.

mod assembly;
mod info;
mod metrics;
mod status;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use bothways_certs::TlsError;
use bothways_protocol::{CloseCode, Farewell, NetworkName, NodeName, Role};
use quinn::Endpoint;
use thiserror::Error;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::client::{Outbound, Peer};
use crate::config::Plan;
use crate::exchange::{Recent, Record, RecordFeed};
use crate::network::{Network, StoppedError};
use crate::otlp::Exporter;
use crate::service::{Inbound, Router};
use crate::transport::EndpointError;

use assembly::assemble;
pub use info::SessionInfo;
pub use status::{
    DialStatus, LogStatus, RequestCounts, RequestsStatus, SessionStatus, Status, StoreStatus,
};

/// What a stop waits for handlers and tasks behind the drain.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// What a stop gives the sockets, to send that connections are closed. A peer that misses it
/// learns it from its own timers.
const LAST_DATAGRAMS: Duration = Duration::from_millis(50);

/// A running node: client and server at once, or one of the two, as its role says.
///
/// A handle: clones are the same node. It runs on threads of its own, whatever runtime its
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

/// What the stages of a stop need.
#[derive(Debug)]
struct Shared {
    outbound: Arc<Outbound>,
    inbound: Arc<Inbound>,
    /// Sends records away, where there is somewhere to.
    exporter: Option<Exporter>,
    network: NetworkName,
    /// When it started, in milliseconds since 1970 UTC.
    started_ms: u64,
    listening: Vec<SocketAddr>,
    /// The sockets, until they are closed.
    endpoints: Mutex<Vec<Endpoint>>,
    stop: CancellationToken,
    /// How the node stopped, once its sessions are gone.
    stopped: OnceLock<Stopped>,
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
    /// One of the node's threads could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] io::Error),
    /// The network threads ended while the node was being assembled.
    #[error(transparent)]
    Stopped(#[from] StoppedError),
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
        let network = Network::start(plan.limits().network_threads)?;
        let unless_started = network.end_on_drop();
        let inside = network.clone();
        let started = network.run(async move { assemble(&plan, router, inside) }).await;
        let shared = Arc::new(started.map_err(StartError::from).flatten()?);
        unless_started.disarm();
        Ok(Self { owner: Arc::new(Owner { shared }) })
    }

    /// The node's name.
    #[must_use]
    pub fn name(&self) -> &NodeName {
        &self.outbound().name
    }

    /// The node's role.
    #[must_use]
    pub fn role(&self) -> Role {
        self.outbound().role
    }

    /// The addresses that the node listens on, ports resolved.
    pub fn listening(&self) -> impl Iterator<Item = SocketAddr> {
        self.shared().listening.iter().copied()
    }

    /// A peer to ask, by its name: `node.peer("hub").request(…)`. The node's own name asks the
    /// node itself.
    #[must_use]
    pub fn peer(&self, name: &str) -> Peer {
        Peer::named(self.outbound().clone(), name.parse())
    }

    /// Runs a future on the node's own thread, on the first where it has several, and waits for what
    /// it gives. Dropping the wait drops the future.
    ///
    /// A request from elsewhere crosses between two threads, there and back. Work that issues many
    /// requests runs at less than half the cost there; it must not block, or the node stands still.
    /// Where there are several threads, [`Peer::run`] finds the one with the session.
    ///
    /// # Errors
    /// Where the node has stopped, or stops before the future is done.
    pub async fn run<F>(&self, future: F) -> Result<F::Output, StoppedError>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.outbound().network.run(future).await
    }

    /// The sessions that the node has, in the order of the peers' names.
    #[must_use]
    pub fn sessions(&self) -> Vec<SessionInfo> {
        self.outbound().table.all().iter().map(SessionInfo::of).collect()
    }

    /// Counts sessions that come, go, or begin to drain: to wait for a change.
    #[must_use]
    pub fn session_changes(&self) -> watch::Receiver<u64> {
        self.outbound().table.changes()
    }

    /// The newest records that the node has made, one for each end of each request that it took part
    /// in, the oldest first: up to `limits.exchange_recent`, whatever its log is.
    #[must_use]
    pub fn recent(&self) -> Vec<Record> {
        self.outbound().recorder.recent().map(Recent::all).unwrap_or_default()
    }

    /// The records that the node makes from now on. Who reads them too slowly is told how many it
    /// missed; nothing waits for it.
    #[must_use]
    pub fn follow_records(&self) -> RecordFeed {
        self.outbound().recorder.follow()
    }

    /// Stops the node in stages, each of them bounded: no newcomers; `going_away` on every
    /// session; what is in flight is answered, for 10 s at the most; what is left is closed;
    /// handlers that write end; the sockets say their last words.
    ///
    /// A stop that was begun goes on where nobody waits for it any more. Of several stops, each
    /// tells how the node stopped.
    pub async fn stop(&self) -> Stopped {
        self.stop_within(self.outbound().limits.drain).await
    }

    /// Stops the node as [`stop`](Self::stop) does, with another bound on the drain.
    pub async fn stop_within(&self, drain: Duration) -> Stopped {
        let network = &self.outbound().network;
        let stopping = self.shared().clone().stop_and_end(drain);
        // Where another stop is sooner, this one ends with the network, which has been told how.
        let _ = network.run_to_end(stopping).await;
        network.ended().await;
        self.shared().stopped.get().copied().unwrap_or(Stopped::Drained)
    }

    /// Whether the node stops, or has stopped: it takes no new requests.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.shared().stop.is_cancelled()
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.owner.shared
    }

    fn outbound(&self) -> &Arc<Outbound> {
        &self.owner.shared.outbound
    }
}

impl Shared {
    async fn stop_and_end(self: Arc<Self>, drain: Duration) {
        self.stop_in_stages(drain).await;
        self.outbound.network.end();
    }

    async fn stop_in_stages(&self, drain: Duration) {
        self.stop.cancel();
        let table = &self.outbound.table;
        table.drain_all(Farewell::Stopping);
        let drained = timeout(drain, table.emptied()).await.is_ok();
        let cut = table.all();
        let sessions = cut.len();
        // Of two stops at once, the one that waits no longer decides.
        let _ =
            self.stopped.set(if drained { Stopped::Drained } else { Stopped::Cut { sessions } });
        for session in &cut {
            session.close(CloseCode::Stopping, "the node stops");
        }
        let _ = timeout(LAST_WORDS, self.inbound.writes_ended()).await;
        let tasks = std::mem::take(&mut *lock(&self.tasks));
        let _ = timeout(LAST_WORDS, tasks.join_all()).await;
        let _ = timeout(LAST_DATAGRAMS, self.close_sockets()).await;
        self.outbound.recorder.end();
        if let Some(exporter) = &self.exporter {
            exporter.end().await;
        }
    }

    /// Closes the sockets and lets go of them, so that their ports are free.
    async fn close_sockets(&self) {
        let endpoints = std::mem::take(&mut *lock(&self.endpoints));
        for endpoint in &endpoints {
            endpoint.close(CloseCode::Stopping.number().into(), b"the node stops");
        }
        for endpoint in &endpoints {
            endpoint.wait_idle().await;
        }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.shared.outbound.network.spawn(self.shared.clone().stop_and_end(Duration::ZERO));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
