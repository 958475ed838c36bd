//! What asking needs of a node: its sessions, its dialers, its bounds.

use std::sync::{Arc, OnceLock, Weak};
use std::time::Instant;

use bothways_protocol::{Encoded, Event, Failure, NodeName, Request, Role};
use futures_util::future::BoxFuture;

use super::retry::Budget;
use crate::config::Limits;
use crate::exchange::Recorder;
use crate::metrics::Metrics;
use crate::network::Network;
use crate::session::{Dialers, Table};

/// The asking half of a node.
#[derive(Debug)]
pub(crate) struct Outbound {
    pub(crate) name: NodeName,
    pub(crate) role: Role,
    pub(crate) limits: Limits,
    pub(crate) network: Network,
    pub(crate) table: Arc<Table>,
    pub(crate) dialers: Dialers,
    /// Where the records of both halves go.
    pub(crate) recorder: Recorder,
    /// What this node counts, at both ends.
    pub(crate) metrics: Arc<Metrics>,
    /// How many requests may be sent again.
    pub(super) budget: Budget,
    /// The answering half, for what the node asks itself; it holds this half, so not the other
    /// way round as well.
    ourselves: OnceLock<Weak<dyn Ourselves>>,
}

/// The answering half of a node, as its asking half sees it.
pub(crate) trait Ourselves: Send + Sync + std::fmt::Debug {
    /// Answers a request of the node to itself.
    fn answer(self: Arc<Self>, request: Request) -> BoxFuture<'static, Result<Encoded, Failure>>;

    /// Begins a subscription of the node to itself.
    fn watch(self: Arc<Self>, request: Request) -> BoxFuture<'static, Watched>;
}

/// A subscription of a node to itself that has begun, or was refused.
pub(crate) type Watched = Result<(Encoded, Box<dyn OwnEvents>), Failure>;

/// What follows the response of a subscription of a node to itself.
pub(crate) trait OwnEvents: Send {
    /// Waits for the next event; `None` where there are no more for now.
    fn next(&mut self) -> BoxFuture<'_, Option<Event>>;
}

impl Outbound {
    pub(crate) fn new(
        (name, role): (NodeName, Role),
        limits: Limits,
        network: Network,
        table: Arc<Table>,
        dialers: Dialers,
        metrics: Arc<Metrics>,
        recorder: Recorder,
    ) -> Self {
        let (budget, ourselves) = (Budget::new(Instant::now()), OnceLock::new());
        Self { name, role, limits, network, table, dialers, recorder, metrics, budget, ourselves }
    }

    /// Tells the asking half who answers here.
    pub(crate) fn meet(&self, ourselves: Weak<dyn Ourselves>) {
        // The assembly does so once.
        let _ = self.ourselves.set(ourselves);
    }

    /// The answering half, until the node stops.
    pub(super) fn ourselves(&self) -> Option<Arc<dyn Ourselves>> {
        self.ourselves.get()?.upgrade()
    }
}
