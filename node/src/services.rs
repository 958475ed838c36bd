//! The services that the program brings along, over the store that the plan names.

use std::sync::Arc;

use crate::bench::Bench;
use crate::config::{Limits, Plan};
use crate::domain::messages::Messages;
use crate::domain::orders::Orders;
use crate::domain::people::People;
use crate::service::Router;
use crate::store::{Embedded, OpenError, Store, StoreBounds, StoreError};

/// The store of a node, and the methods that stand on it.
///
/// The store outlives the node: [`close`](Self::close) it after [`Node::stop`](crate::Node::stop).
#[derive(Debug, Clone)]
pub struct Services {
    router: Router,
    store: Option<Arc<dyn Store>>,
}

impl Services {
    /// Opens the store and wires the services that the plan enables. A role that answers nothing
    /// has neither.
    ///
    /// # Errors
    /// Where the data folder cannot be used: [`OpenError`] says why and what to do.
    pub fn open(plan: &Plan) -> Result<Self, OpenError> {
        if !plan.role().answers() {
            return Ok(Self { router: Router::default(), store: None });
        }
        let bounds = bounds(plan.limits());
        let store: Arc<dyn Store> = match plan.data() {
            Some(folder) => Arc::new(Embedded::open(folder, &bounds)?),
            None => Arc::new(Embedded::in_memory(&bounds)?),
        };
        let mut router = Router::default().over(&store);
        if plan.services().enables("people") {
            router = router.and(people(&Arc::new(People::new(store.clone()))));
        }
        if plan.services().enables("messages") {
            let kept = Messages::new(store.clone(), plan.messages().clone());
            router = router.and(messages(&Arc::new(kept)));
        }
        if plan.services().enables("orders") {
            let sold = Orders::new(store.clone(), plan.orders().clone(), plan.name().clone());
            router = router.and(orders(&Arc::new(sold)));
        }
        if plan.services().enables("bench") {
            router = router.and(bench(&Arc::default()));
        }
        Ok(Self { router, store: Some(store) })
    }

    /// What the node answers.
    #[must_use]
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// Finishes the writes that were begun, and lets go of the data folder.
    ///
    /// # Errors
    /// Where the store had stopped writing; what it acknowledged is safe.
    pub async fn close(self) -> Result<(), StoreError> {
        match self.store {
            Some(store) => store.close().await,
            None => Ok(()),
        }
    }
}

fn bounds(limits: &Limits) -> StoreBounds {
    StoreBounds {
        changes_for: limits.changes_kept,
        changes_bytes: limits.changes_kept_bytes as u64,
        ..StoreBounds::default()
    }
}

fn bench(bench: &Arc<Bench>) -> Router {
    Router::default()
        .on(bench, Bench::echo) // bench.echo
        .on(bench, Bench::ask) // bench.ask
}

fn people(people: &Arc<People>) -> Router {
    Router::default()
        .on(people, People::create) // people.create
        .on(people, People::get) // people.get
        .on(people, People::update) // people.update
        .on(people, People::delete) // people.delete
        .on(people, People::list) // people.list
        .watch(people) // people.watch, people.acknowledge
}

fn messages(messages: &Arc<Messages>) -> Router {
    Router::default()
        .on(messages, Messages::send) // messages.send
        .on(messages, Messages::list) // messages.list
        .on(messages, Messages::read) // messages.read
        .watch(messages) // messages.watch, messages.acknowledge
}

fn orders(orders: &Arc<Orders>) -> Router {
    Router::default()
        .on(orders, Orders::prices) // orders.prices
        .on(orders, Orders::place) // orders.place
        .on(orders, Orders::get) // orders.get
        .on(orders, Orders::list) // orders.list
        .on(orders, Orders::ship) // orders.ship
        .on(orders, Orders::deliver) // orders.deliver
        .on(orders, Orders::cancel) // orders.cancel
        .watch(orders) // orders.watch, orders.acknowledge
}
