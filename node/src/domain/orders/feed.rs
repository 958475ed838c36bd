//! What those who watch are told of orders.

use std::sync::Arc;

use bothways_protocol::{Encoded, ParamsError};

use super::Orders;
use super::state::OrderState;
use super::words::{Order, OrderId};
use crate::domain::stored::{damaged, record_of};
use crate::service::{Audience, Feed, Told};
use crate::store::{Change, ChangeKind, Prefix, Store, StoreError};

const PLACED: &str = "orders.placed";
const SHIPPED: &str = "orders.shipped";
const DELIVERED: &str = "orders.delivered";
const CANCELLED: &str = "orders.cancelled";

impl Feed for Orders {
    const SERVICE: &'static str = "orders";
    const TOPICS: &'static [&'static str] = &[PLACED, SHIPPED, DELIVERED, CANCELLED];
    const ABOUT: &'static str = "Tells customers of their orders, and staff of all.";

    fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    fn prefix(&self) -> Prefix {
        Prefix::below(&OrderId::folder())
    }

    fn tell(&self, change: &Change) -> Result<Option<Told>, StoreError> {
        if change.kind == ChangeKind::Delete {
            return Ok(None);
        }
        let order = Order::of_record(&record_of(change.clone())?)?;
        let unfit = |error: ParamsError| damaged(&change.key, &error);
        let body = Encoded::of(&order).map_err(unfit)?;
        let topic = match order.state {
            OrderState::Placed => PLACED,
            OrderState::Shipped => SHIPPED,
            OrderState::Delivered => DELIVERED,
            OrderState::Cancelled => CANCELLED,
        };
        let audience = self.staff.iter().cloned().chain([order.customer]).collect();
        Ok(Some(Told { topic, body, audience: Audience::Only(audience) }))
    }
}
