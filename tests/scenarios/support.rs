//! What several scenarios begin with.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use bothways::protocol::{Failure, Method, Reply};
use bothways::{Node, RequestError, Services};
use bothways_tests::{Echo, Lab, Network, Setup, Slow, soon, until_session};
use tokio::task::JoinHandle;

/// Asks a peer, and waits for what comes of it.
pub(crate) async fn ask<M: Method>(
    node: &Node,
    peer: &str,
    params: M,
) -> Result<M::Result, RequestError> {
    soon("an answer", node.peer(peer).request(params)).await
}

/// Asks a peer to echo.
pub(crate) async fn echo(node: &Node, peer: &str) -> Result<String, RequestError> {
    ask(node, peer, Echo { text: format!("to {peer}") }).await
}

/// Begins a request that takes until the lab releases it; it is not sent again where it may have
/// acted.
pub(crate) fn begin_slow(node: &Node, peer: &str) -> JoinHandle<Result<String, RequestError>> {
    let peer = node.peer(peer).at_most_once();
    tokio::spawn(async move { peer.request(Slow {}).await })
}

/// The failure that a reply holds.
pub(crate) fn failure(reply: Reply) -> Failure {
    match reply {
        Reply::Error(failure) => failure,
        other => panic!("an error was due: {other:?}"),
    }
}

/// What tells the failure apart: its code and its reason.
pub(crate) fn told(failure: &Failure) -> (&'static str, Option<&str>) {
    (failure.code.as_str(), failure.text("reason"))
}

/// A hub with the services that the program brings along.
pub(crate) struct Hub {
    pub(crate) node: Node,
    services: Services,
}

impl Hub {
    /// One that keeps everything in memory.
    pub(crate) async fn new(network: &Network) -> Self {
        Self::of(network.node("hub").listening()).await
    }

    /// One that keeps everything in this folder.
    pub(crate) async fn on(network: &Network, data: &Path) -> Self {
        Self::of(network.node("hub").listening().data(data)).await
    }

    /// The same once more, where the first one was.
    pub(crate) async fn again(network: &Network, data: &Path, address: SocketAddr) -> Self {
        Self::of(network.node("hub").listening_at(address).data(data)).await
    }

    /// One with what the setup says.
    pub(crate) async fn of(setup: Setup) -> Self {
        let (plan, router) = setup.into_parts();
        let services = Services::open(&plan).unwrap();
        let node = Node::start(plan, services.router().and(router)).await.unwrap();
        Self { node, services }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.node.listening().next().unwrap()
    }

    /// Stops it, and tells where it was.
    pub(crate) async fn stop(self) -> SocketAddr {
        let address = self.address();
        soon("a stop", self.node.stop()).await;
        soon("a close", self.services.close()).await.unwrap();
        address
    }
}

/// A hub, and a good peer that has a request in flight while somebody behaves badly.
pub(crate) struct Beset {
    pub(crate) network: Network,
    pub(crate) hub: Node,
    pub(crate) lab: Arc<Lab>,
    friend: Node,
    in_flight: JoinHandle<Result<String, RequestError>>,
}

impl Beset {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(limits: impl FnOnce(&mut bothways::config::Limits)) -> Self {
        let (network, lab) = (Network::new(), Lab::new());
        let hub = network.node("hub").listening().limits(limits).answering(lab.routes());
        let hub = hub.start().await;
        let friend = network.node("friend").dialing(&hub).start().await;
        until_session(&friend, "hub").await;
        assert_eq!(echo(&friend, "hub").await.unwrap(), "to hub");
        let in_flight = begin_slow(&friend, "hub");
        lab.until("the friend's request", |seen| seen.started == 1).await;
        Self { network, hub, lab, friend, in_flight }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.hub.listening().next().unwrap()
    }

    /// The good peer was served throughout: what it had in flight is answered, on the same
    /// session as before, and so is what it asks now.
    pub(crate) async fn stands(self) {
        let dropped = self.lab.seen().dropped;
        self.lab.release(1);
        assert_eq!(soon("the answer", self.in_flight).await.unwrap().unwrap(), "at last");
        assert_eq!(self.lab.seen().dropped, dropped);
        assert_eq!(echo(&self.friend, "hub").await.unwrap(), "to hub");
        assert_eq!(self.friend.sessions()[0].requests_out, 3, "on one session");
        let newcomer = self.network.node("newcomer").dialing(&self.hub).start().await;
        assert_eq!(echo(&newcomer, "hub").await.unwrap(), "to hub");
    }
}
