//! A network of real nodes.

use std::net::SocketAddr;

use bothways::certs::{Authority, DEFAULT_AUTHORITY_LIFE, DEFAULT_IDENTITY_LIFE, Identity};
use bothways::config::{
    DebugPlan, Draft, ExchangePlan, Limits, MessagesPlan, OrdersPlan, PeerAddress, Plan,
};
use bothways::protocol::{NodeName, Role};
use bothways::service::Router;
use bothways::{Node, SessionInfo, StartError};

use crate::{RawDialer, RawListener, soon};

/// One throw-away authority, and the nodes that it vouches for.
pub struct Network {
    pub authority: Authority,
}

impl Default for Network {
    fn default() -> Self {
        Self::new()
    }
}

impl Network {
    pub fn new() -> Self {
        Self::called("demo")
    }

    pub fn called(name: &str) -> Self {
        let authority = Authority::create(&name.parse().unwrap(), DEFAULT_AUTHORITY_LIFE).unwrap();
        Self { authority }
    }

    pub fn identity(&self, name: &str) -> Identity {
        self.authority.issue(&name.parse().unwrap(), DEFAULT_IDENTITY_LIFE).unwrap()
    }

    /// A node to be started: a peer without a listener, and nobody to dial, until more is said.
    pub fn node(&self, name: &str) -> Setup {
        self.node_as(self.identity(name))
    }

    pub fn node_as(&self, identity: Identity) -> Setup {
        Setup { draft: Plan::draft(identity, self.authority.trust()), router: Router::default() }
    }

    /// Something that dials under this name and then does what it is told, right or wrong.
    pub fn raw(&self, name: &str) -> RawDialer {
        RawDialer::new(self, name)
    }

    /// Something that listens under this name and then does what it is told, right or wrong.
    pub fn raw_listener(&self, name: &str) -> RawListener {
        RawListener::new(self, name)
    }
}

/// A node to be started.
pub struct Setup {
    draft: Draft,
    router: Router,
}

impl Setup {
    pub fn role(self, role: Role) -> Self {
        Self { draft: self.draft.role(role), ..self }
    }

    pub fn listening(self) -> Self {
        self.listening_at("127.0.0.1:0".parse().unwrap())
    }

    pub fn listening_at(self, address: SocketAddr) -> Self {
        Self { draft: self.draft.listen(address), ..self }
    }

    /// Dials a node that is there.
    pub fn dialing(self, node: &Node) -> Self {
        let address = node.listening().next().unwrap();
        self.dialing_at(node.name().as_str(), address)
    }

    pub fn dialing_at(self, name: &str, address: impl Into<PeerAddress>) -> Self {
        Self { draft: self.draft.peer(name.parse().unwrap(), address), ..self }
    }

    pub fn answering(self, router: Router) -> Self {
        Self { router: self.router.and(router), ..self }
    }

    pub fn limits(self, change: impl FnOnce(&mut Limits)) -> Self {
        let mut limits = Limits::default();
        change(&mut limits);
        Self { draft: self.draft.limits(limits), ..self }
    }

    /// Gives its records to these nodes.
    pub fn readers(self, names: &[&str]) -> Self {
        let readers = names.iter().map(|name| name.parse().unwrap()).collect();
        Self { draft: self.draft.exchange(ExchangePlan { readers, otlp: None }), ..self }
    }

    pub fn data(self, folder: &std::path::Path) -> Self {
        Self { draft: self.draft.data(folder), ..self }
    }

    pub fn messages(self, messages: MessagesPlan) -> Self {
        Self { draft: self.draft.messages(messages), ..self }
    }

    pub fn orders(self, orders: OrdersPlan) -> Self {
        Self { draft: self.draft.orders(orders), ..self }
    }

    pub fn debug(self, debug: DebugPlan) -> Self {
        Self { draft: self.draft.debug(debug), ..self }
    }

    pub fn plan(self) -> Plan {
        self.draft.check().unwrap()
    }

    /// What the node is started with, where something is to be added to it.
    pub fn into_parts(self) -> (Plan, Router) {
        (self.draft.check().unwrap(), self.router)
    }

    pub async fn start(self) -> Node {
        self.try_start().await.unwrap()
    }

    pub async fn try_start(self) -> Result<Node, StartError> {
        Node::start(self.draft.check().unwrap(), self.router).await
    }
}

/// Waits until something holds of a node's sessions.
pub async fn until(node: &Node, what: &str, holds: impl Fn(&[SessionInfo]) -> bool) {
    let mut changes = node.session_changes();
    let holding = async {
        while !holds(&node.sessions()) {
            changes.changed().await.unwrap();
        }
    };
    soon(what, holding).await;
}

/// Waits until a node has a session with this peer on which requests may be begun.
pub async fn until_session(node: &Node, peer: &str) {
    let name: NodeName = peer.parse().unwrap();
    until(node, &format!("a session with {peer}"), |sessions| {
        sessions.iter().any(|session| session.peer == name && !session.draining)
    })
    .await;
}

/// Waits until a node has no session left.
pub async fn gone(node: &Node) {
    until(node, "no session left", <[SessionInfo]>::is_empty).await;
}
