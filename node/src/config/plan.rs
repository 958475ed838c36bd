//! What a node will do, checked: whoever holds a [`Plan`] need not ask again.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use bothways_certs::{Identity, Trust};
use bothways_protocol::{NetworkName, NodeName, Role};
use thiserror::Error;

use super::address::PeerAddress;
use super::debug::DebugPlan;
use super::exchange::ExchangePlan;
use super::http::HttpPlan;
use super::limits::{LimitError, Limits};
use super::log::KeptPlan;
use super::services::{MessagesPlan, OrdersPlan, Services};

/// What one node is, in all that can be checked before it starts: its role allows what it is to
/// do, its identity and its trust belong to one network, its limits agree.
///
/// ```no_run
/// use bothways::config::{PeerAddress, Plan};
/// use bothways_certs::{Identity, Trust};
/// use bothways_protocol::Role;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let identity = Identity::load("certs/cli.pem".as_ref(), "certs/cli.key".as_ref())?;
/// let trust = Trust::load("certs/authority.pem".as_ref())?;
/// let plan = Plan::draft(identity, trust)
///     .role(Role::Client)
///     .peer("hub".parse()?, "hub.example:4433".parse::<PeerAddress>()?)
///     .check()?;
/// assert_eq!(plan.name().as_str(), "cli");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Plan(Draft);

/// A plan as it is being written; [`Draft::check`] makes it a [`Plan`].
#[derive(Debug, Clone)]
#[must_use = "a draft does nothing until it is checked"]
pub struct Draft {
    identity: Identity,
    trust: Trust,
    role: Role,
    listen: Vec<SocketAddr>,
    peers: BTreeMap<NodeName, PeerAddress>,
    data: Option<PathBuf>,
    control: Option<PathBuf>,
    http: Option<HttpPlan>,
    services: Services,
    messages: MessagesPlan,
    orders: OrdersPlan,
    exchange: ExchangePlan,
    debug: DebugPlan,
    limits: Limits,
}

/// A plan that contradicts itself.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PlanError {
    /// The role has no listener.
    #[error(
        "role {role} never listens, but is to listen on {address}: \
         remove the address, or use role peer"
    )]
    Listens {
        /// The role.
        role: Role,
        /// The first address.
        address: SocketAddr,
    },
    /// The role opens no connections.
    #[error("role {role} never dials, but has peer {peer} to dial: remove it, or use role peer")]
    Dials {
        /// The role.
        role: Role,
        /// The first peer.
        peer: NodeName,
    },
    /// A server without a listener cannot be reached, and reaches nobody.
    #[error("role {role} never dials, so it needs an address to listen on")]
    Unreachable {
        /// The role.
        role: Role,
    },
    /// The node is among its own peers.
    #[error("{name} is to dial itself: remove it from its peers")]
    Itself {
        /// The node.
        name: NodeName,
    },
    /// The node would not be trusted by those whom it trusts.
    #[error(
        "the identity belongs to network {identity}, the authority to network {trust}: \
         use the two of one network"
    )]
    Network {
        /// The identity's network.
        identity: NetworkName,
        /// The authority's network.
        trust: NetworkName,
    },
    /// The limits contradict each other.
    #[error(transparent)]
    Limits(#[from] LimitError),
}

impl Plan {
    /// Begins a plan: role peer, no listener, no peers to dial, data in memory, default limits.
    pub fn draft(identity: Identity, trust: Trust) -> Draft {
        Draft {
            identity,
            trust,
            role: Role::default(),
            listen: Vec::new(),
            peers: BTreeMap::new(),
            data: None,
            control: None,
            http: None,
            services: Services::default(),
            messages: MessagesPlan::default(),
            orders: OrdersPlan::default(),
            exchange: ExchangePlan::default(),
            debug: DebugPlan::default(),
            limits: Limits::default(),
        }
    }

    /// The node's name, as its certificate says it.
    #[must_use]
    pub fn name(&self) -> &NodeName {
        self.0.identity.name()
    }

    /// The network that the node belongs to.
    #[must_use]
    pub fn network(&self) -> &NetworkName {
        self.0.identity.network()
    }

    /// The certificate and key with which the node proves its name.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.0.identity
    }

    /// Whose word the node takes for the names of others.
    #[must_use]
    pub fn trust(&self) -> &Trust {
        &self.0.trust
    }

    /// What the node does and does not do.
    #[must_use]
    pub fn role(&self) -> Role {
        self.0.role
    }

    /// The addresses to listen on; port 0 stands for any free port.
    #[must_use]
    pub fn listen(&self) -> &[SocketAddr] {
        &self.0.listen
    }

    /// The peers to dial and to stay connected with.
    #[must_use]
    pub fn peers(&self) -> &BTreeMap<NodeName, PeerAddress> {
        &self.0.peers
    }

    /// The data folder; without one the data are in memory.
    #[must_use]
    pub fn data(&self) -> Option<&Path> {
        self.0.data.as_deref()
    }

    /// The path of the control socket, if there is to be one.
    #[must_use]
    pub fn control(&self) -> Option<&Path> {
        self.0.control.as_deref()
    }

    /// Where people with browsers find the node, if they do.
    #[must_use]
    pub fn http(&self) -> Option<&HttpPlan> {
        self.0.http.as_ref()
    }

    /// Which services are enabled.
    #[must_use]
    pub fn services(&self) -> &Services {
        &self.0.services
    }

    /// What the service `messages` keeps, and how long.
    #[must_use]
    pub fn messages(&self) -> &MessagesPlan {
        &self.0.messages
    }

    /// To whom the node gives its records of requests.
    #[must_use]
    pub fn exchange(&self) -> &ExchangePlan {
        &self.0.exchange
    }

    /// What the service `orders` sells, and who its staff are.
    #[must_use]
    pub fn orders(&self) -> &OrdersPlan {
        &self.0.orders
    }

    /// Where records of requests are kept: in the data folder, if there is one and limits allow.
    #[must_use]
    pub fn kept(&self) -> Option<KeptPlan> {
        let (folder, limits) = (self.data()?.join("exchange"), self.limits());
        let bytes = u64::try_from(limits.exchange_kept_bytes).unwrap_or(u64::MAX);
        (bytes > 0).then_some(KeptPlan { folder, bytes, time: limits.exchange_kept })
    }

    /// What is left behind for those who look for a fault.
    #[must_use]
    pub fn debug(&self) -> &DebugPlan {
        &self.0.debug
    }

    /// The bounds.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }
}

impl Draft {
    /// Sets what the node does and does not do.
    pub fn role(self, role: Role) -> Self {
        Self { role, ..self }
    }

    /// Adds an address to listen on; port 0 stands for any free port.
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen.push(address);
        self
    }

    /// Adds a peer to dial, and the name that it must prove.
    pub fn peer(mut self, name: NodeName, address: impl Into<PeerAddress>) -> Self {
        self.peers.insert(name, address.into());
        self
    }

    /// Keeps the data in this folder.
    pub fn data(self, folder: impl Into<PathBuf>) -> Self {
        Self { data: Some(folder.into()), ..self }
    }

    /// Puts the control socket at this path.
    pub fn control(self, socket: impl Into<PathBuf>) -> Self {
        Self { control: Some(socket.into()), ..self }
    }

    /// Opens the node to people with browsers.
    pub fn http(self, http: HttpPlan) -> Self {
        Self { http: Some(http), ..self }
    }

    /// Chooses the services that are enabled.
    pub fn services(self, services: Services) -> Self {
        Self { services, ..self }
    }

    /// Says what the service `messages` keeps, and how long.
    pub fn messages(self, messages: MessagesPlan) -> Self {
        Self { messages, ..self }
    }

    /// Says to whom the node gives its records of requests.
    pub fn exchange(self, exchange: ExchangePlan) -> Self {
        Self { exchange, ..self }
    }

    /// Says what the service `orders` sells, and who its staff are.
    pub fn orders(self, orders: OrdersPlan) -> Self {
        Self { orders, ..self }
    }

    /// Says what is left behind for those who look for a fault; the node warns of it when it starts.
    pub fn debug(self, debug: DebugPlan) -> Self {
        Self { debug, ..self }
    }

    /// Sets the bounds.
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Checks the plan.
    ///
    /// # Errors
    /// Where the role forbids what the node is to do, where it would dial itself, where identity
    /// and trust are of different networks, and where limits contradict each other.
    pub fn check(self) -> Result<Plan, PlanError> {
        self.check_network()?;
        self.check_role()?;
        let name = self.identity.name();
        if self.peers.contains_key(name) {
            return Err(PlanError::Itself { name: name.clone() });
        }
        self.limits.check()?;
        Ok(Plan(self))
    }

    fn check_network(&self) -> Result<(), PlanError> {
        let (identity, trust) = (self.identity.network(), self.trust.network());
        if identity == trust {
            return Ok(());
        }
        Err(PlanError::Network { identity: identity.clone(), trust: trust.clone() })
    }

    fn check_role(&self) -> Result<(), PlanError> {
        let role = self.role;
        match (self.listen.first(), self.peers.keys().next()) {
            (Some(&address), _) if !role.listens() => Err(PlanError::Listens { role, address }),
            (_, Some(peer)) if !role.dials() => Err(PlanError::Dials { role, peer: peer.clone() }),
            (None, _) if !role.dials() => Err(PlanError::Unreachable { role }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use bothways_certs::{Authority, DEFAULT_AUTHORITY_LIFE, DEFAULT_IDENTITY_LIFE};

    use super::*;

    fn hub_of(network: &str) -> (Identity, Trust) {
        let authority =
            Authority::create(&network.parse().unwrap(), DEFAULT_AUTHORITY_LIFE).unwrap();
        let identity = authority.issue(&"hub".parse().unwrap(), DEFAULT_IDENTITY_LIFE).unwrap();
        (identity, authority.trust())
    }

    fn address() -> SocketAddr {
        "127.0.0.1:0".parse().unwrap()
    }

    #[test]
    fn a_plan_upholds_the_table_of_roles() {
        // role, listens, dials, allowed
        let table = [
            (Role::Peer, true, true, true),
            (Role::Peer, true, false, true),
            (Role::Peer, false, true, true),
            (Role::Peer, false, false, true),
            (Role::Server, true, false, true),
            (Role::Server, true, true, false),
            (Role::Server, false, false, false),
            (Role::Client, false, true, true),
            (Role::Client, false, false, true),
            (Role::Client, true, true, false),
        ];
        let (identity, trust) = hub_of("demo");
        for (role, listens, dials, allowed) in table {
            let mut draft = Plan::draft(identity.clone(), trust.clone()).role(role);
            if listens {
                draft = draft.listen(address());
            }
            if dials {
                draft = draft.peer("store".parse().unwrap(), address());
            }
            assert_eq!(draft.check().is_ok(), allowed, "{role}, listens {listens}, dials {dials}");
        }
    }

    #[test]
    fn a_node_does_not_dial_itself() {
        let (identity, trust) = hub_of("demo");
        let draft = Plan::draft(identity, trust).peer("hub".parse().unwrap(), address());
        assert!(matches!(draft.check(), Err(PlanError::Itself { .. })));
    }

    #[test]
    fn identity_and_trust_are_of_one_network() {
        let ((identity, _), (_, trust)) = (hub_of("demo"), hub_of("other"));
        let told = Plan::draft(identity, trust).check().unwrap_err().to_string();
        assert!(told.contains("demo") && told.contains("other"), "{told}");
    }

    #[test]
    fn limits_are_checked_with_the_plan() {
        let (identity, trust) = hub_of("demo");
        let limits = Limits { requests_in_flight: 0, ..Limits::default() };
        let draft = Plan::draft(identity, trust).limits(limits);
        assert!(matches!(draft.check(), Err(PlanError::Limits(_))));
    }
}
