//! Orders against a price list: placed → shipped → delivered, or cancelled before they are shipped.
//!
//! Whose an order is, is who the certificate of the one who placed it says. Staff are the node
//! itself and those whom its settings name; an order of somebody else's does not exist for anybody
//! but them.

mod feed;
mod prices;
mod state;
mod stored;
mod words;

use std::collections::BTreeSet;
use std::sync::Arc;

use bothways_protocol::{Code, Failure, NodeName};

use super::page::{PageSize, Source};
use super::revise::{Revised, Target};
use super::stored::record_of;
use crate::config::OrdersPlan;
use crate::service::{Context, Feed};
use crate::store::{ChangeKind, Expect, Record, Revision, Store, Write};

pub use state::OrderState;
use state::{Action, Refused, Who};
use stored::{StoredOrder, below, orders_of};
pub use words::{
    COUNT_MAX, CancelOrder, DeliverOrder, GetOrder, LINES_MAX, Line, ListOrders, ListPrices, Order,
    OrderId, OrderIdError, OrdersPage, PAGE_DEFAULT, PAGE_MAX, PlaceOrder, Price, PriceList,
    PricedLine, ShipOrder,
};

const PAGE: PageSize = PageSize { default: PAGE_DEFAULT, max: PAGE_MAX, of: "orders" };

/// The service `orders`: its records stand in the store below `orders`, and are found by customer
/// below `orders-of`.
#[derive(Debug)]
pub struct Orders {
    store: Arc<dyn Store>,
    plan: OrdersPlan,
    staff: BTreeSet<NodeName>,
}

impl Orders {
    /// The orders in a store, of a node of this name.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, plan: OrdersPlan, ourselves: NodeName) -> Self {
        let staff = plan.staff.iter().cloned().chain([ourselves]).collect();
        Self { store, plan, staff }
    }

    /// What can be ordered. `orders.prices`
    ///
    /// # Errors
    /// None.
    #[allow(clippy::unused_async, reason = "a handler is an async method")]
    pub async fn prices(&self, _: Context, _: ListPrices) -> Result<PriceList, Failure> {
        let price = |(item, price): (&String, &u64)| Price { item: item.clone(), price: *price };
        let prices = self.plan.prices.iter().map(price).collect();
        Ok(PriceList { currency: self.plan.currency.clone(), prices })
    }

    /// Places an order at the prices of the list. `orders.place`
    ///
    /// # Errors
    /// `invalid_argument` with the field at fault: too few or too many lines (`lines`), an item
    /// that is not on the list (reason `item`), a count that is not 1 to [`COUNT_MAX`];
    /// `out_of_range` (reason `total`) where the total cannot be counted; `already_exists` (reason
    /// `key_reused`); `unavailable` where the store takes no writes.
    pub async fn place(&self, context: Context, params: PlaceOrder) -> Result<Order, Failure> {
        // The price list may have changed since: what was ordered, was ordered.
        if let Some(once) = context.once()
            && let Some(before) = self.store.done(once).await?
        {
            return Ok(Order::of_record(&record_of(before)?)?);
        }
        let (lines, total) = prices::priced(params.lines, &self.plan.prices)?;
        let (customer, state) = (context.peer().clone(), OrderState::Placed);
        let currency = self.plan.currency.clone();
        let (id, order) =
            (OrderId::draw(), StoredOrder { customer, state, total, currency, lines });
        let written = self.store.write(Write {
            key: id.key(),
            expect: Expect::Absent,
            kind: ChangeKind::Put(order.to_bytes()?),
            index: order.index(id),
            unindex: Vec::new(),
            once: context.once().cloned(),
        });
        Ok(Order::of_record(&record_of(written.await?)?)?)
    }

    /// The order under an id. `orders.get`
    ///
    /// # Errors
    /// `not_found` where there is none, or it is of somebody else; `data_loss` where the record is
    /// damaged.
    pub async fn get(&self, context: Context, params: GetOrder) -> Result<Order, Failure> {
        let record = self.store.get(&params.id.key()).await?;
        let order = Order::of_record(&record.ok_or_else(|| not_found(params.id))?)?;
        match self.who(context.peer(), &order) {
            Who::Staff | Who::Customer => Ok(order),
            Who::Stranger => Err(not_found(params.id)),
        }
    }

    /// Orders in the order in which they were placed, in pages: for a customer the own ones, for
    /// staff those of all or of one customer. `orders.list`
    ///
    /// # Errors
    /// `invalid_argument` (field `limit`) where the limit is not 1 to [`PAGE_MAX`];
    /// `permission_denied` (reason `staff`) where somebody else's are asked for.
    pub async fn list(&self, context: Context, params: ListOrders) -> Result<OrdersPage, Failure> {
        let limit = PAGE.limit(params.limit)?;
        let (source, after) = match self.whose(context.peer(), params.customer)? {
            None => (Source::Records(OrderId::folder()), params.after.map(OrderId::key)),
            Some(customer) => {
                let folder = orders_of(&customer);
                let after = params.after.map(|after| below(&folder, after));
                (Source::Index(folder), after)
            }
        };
        let pick = |record: &Record| {
            let order = Order::of_record(record)?;
            Ok(params.state.is_none_or(|state| state == order.state).then_some(order))
        };
        let listed = source.list(&*self.store, after, limit, pick).await?;
        Ok(OrdersPage {
            orders: listed.items,
            next: listed.next.as_ref().map(OrderId::of_key).transpose()?,
            revision: listed.revision,
            cursor: self.cursor(context.peer(), Revision(listed.revision)),
        })
    }

    /// Ships an order that was placed. `orders.ship`
    ///
    /// # Errors
    /// `not_found` where there is none that the caller may see; `permission_denied` (reason `staff`);
    /// `failed_precondition` (reason `state`); `aborted` where it is at another revision than
    /// expected; `already_exists` (reason `key_reused`); `unavailable` where no writes are taken.
    pub async fn ship(&self, context: Context, params: ShipOrder) -> Result<Order, Failure> {
        self.act(&context, Action::Ship, params.id, params.expect).await
    }

    /// Notes that the customer has an order that was shipped. `orders.deliver`
    ///
    /// # Errors
    /// `not_found` where there is none that the caller may see; `permission_denied` (reason `staff`);
    /// `failed_precondition` (reason `state`); `aborted` where it is at another revision than
    /// expected; `already_exists` (reason `key_reused`); `unavailable` where no writes are taken.
    pub async fn deliver(&self, context: Context, params: DeliverOrder) -> Result<Order, Failure> {
        self.act(&context, Action::Deliver, params.id, params.expect).await
    }

    /// Cancels an order that is not shipped yet. `orders.cancel`
    ///
    /// # Errors
    /// `not_found` where there is none that the caller may see; `permission_denied` (reason `staff`);
    /// `failed_precondition` (reason `state`); `aborted` where it is at another revision than
    /// expected; `already_exists` (reason `key_reused`); `unavailable` where no writes are taken.
    pub async fn cancel(&self, context: Context, params: CancelOrder) -> Result<Order, Failure> {
        self.act(&context, Action::Cancel, params.id, params.expect).await
    }

    /// Takes an order one step on its way.
    ///
    /// # Errors
    /// - `not_found` where there is none, or it is of somebody else.
    /// - `permission_denied` (reason `staff`) where a customer does what is for staff.
    /// - `failed_precondition` (reason `state`, detail `state`: the one found) where the order is
    ///   not in a state for it.
    /// - `aborted` where it is at another revision than expected (detail `revision`: the one found),
    ///   or others changed it faster than this could, time and again.
    /// - `already_exists` (reason `key_reused`); `unavailable` where the store takes no writes.
    async fn act(
        &self,
        context: &Context,
        action: Action,
        id: OrderId,
        expect: Option<u64>,
    ) -> Result<Order, Failure> {
        let target = Target { store: &*self.store, key: id.key(), expect, once: context.once() };
        let rule = |found: Option<&Record>| {
            let order = Order::of_record(found.ok_or_else(|| not_found(id))?)?;
            let who = self.who(context.peer(), &order);
            let state = match state::after(action, who, order.state) {
                Ok(state) => state,
                // The caller has not seen this state: that comes first.
                Err(Refused::State(found)) if expect.is_none_or(|seen| seen == order.revision) => {
                    return Err(refusal(action, id, Refused::State(found)));
                }
                Err(Refused::State(found)) => found,
                Err(refused) => return Err(refusal(action, id, refused)),
            };
            let order = StoredOrder { state, ..order.stored() };
            let (index, unindex) = (order.index(id), Vec::new());
            Ok(Revised::To { value: order.to_bytes()?, index, unindex })
        };
        Ok(Order::of_record(&target.revise(rule).await?.record)?)
    }

    /// Who somebody is to an order.
    fn who(&self, caller: &NodeName, order: &Order) -> Who {
        if self.staff.contains(caller) {
            Who::Staff
        } else if *caller == order.customer {
            Who::Customer
        } else {
            Who::Stranger
        }
    }

    /// Whose orders somebody may list, of those asked for; nobody's in particular are those of all.
    fn whose(
        &self,
        caller: &NodeName,
        asked: Option<NodeName>,
    ) -> Result<Option<NodeName>, Failure> {
        match asked {
            asked if self.staff.contains(caller) => Ok(asked),
            Some(customer) if customer != *caller => {
                let message = format!("{caller} is not staff: it lists its own orders alone");
                let failure = Failure::new(Code::PermissionDenied, message);
                Err(failure.reason("staff").field("customer"))
            }
            _ => Ok(Some(caller.clone())),
        }
    }
}

fn refusal(action: Action, id: OrderId, refused: Refused) -> Failure {
    match refused {
        Refused::Unknown => not_found(id),
        Refused::NotStaff => {
            let message = format!("an order is {} by staff, not by its customer", action.done());
            Failure::new(Code::PermissionDenied, message).reason("staff")
        }
        Refused::State(state) => {
            let message = format!("order {id} is {state}: it cannot be {} now", action.done());
            let failure = Failure::new(Code::FailedPrecondition, message).reason("state");
            failure.detail("state", state.as_str())
        }
    }
}

fn not_found(id: OrderId) -> Failure {
    Failure::new(Code::NotFound, format!("there is no order {id}"))
}

#[cfg(test)]
mod tests;
