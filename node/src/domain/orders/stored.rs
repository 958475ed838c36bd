//! How an order stands in the store.

use bothways_protocol::NodeName;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::state::OrderState;
use super::words::{Order, OrderId, PricedLine};
use crate::domain::stored;
use crate::store::{Key, Record, StoreError};

/// An order without what the record says anyway (id and when it was placed, revision).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredOrder {
    pub(super) customer: NodeName,
    pub(super) state: OrderState,
    pub(super) total: u64,
    pub(super) currency: String,
    pub(super) lines: Vec<PricedLine>,
}

impl StoredOrder {
    pub(super) fn to_bytes(&self) -> Result<Bytes, StoreError> {
        stored::to_bytes(&OrderId::folder(), self)
    }

    /// The other key under which the order is found: among those of its customer.
    pub(super) fn index(&self, id: OrderId) -> Vec<Key> {
        vec![below(&orders_of(&self.customer), id)]
    }
}

impl Order {
    pub(super) fn of_record(record: &Record) -> Result<Self, StoreError> {
        let id = OrderId::of_key(&record.key)?;
        let StoredOrder { customer, state, total, currency, lines } = stored::read(record)?;
        let (placed_ms, revision) = (id.placed_ms(), record.revision.0);
        Ok(Self { id, customer, state, total, currency, lines, placed_ms, revision })
    }

    /// The order as it is stored.
    pub(super) fn stored(self) -> StoredOrder {
        let Self { customer, state, total, currency, lines, .. } = self;
        StoredOrder { customer, state, total, currency, lines }
    }
}

/// What the orders of a customer are found below.
pub(super) fn orders_of(customer: &NodeName) -> Key {
    format!("orders-of.{customer}").parse().expect("a node name is a word of a key")
}

/// Where an order is found among those of its customer.
pub(super) fn below(folder: &Key, id: OrderId) -> Key {
    format!("{folder}.{id}").parse().expect("a UUID is a word of a key")
}
