//! What is asked of the service, and what it answers.

use bothways_protocol::{Cursor, Effect, Method, NodeName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::state::OrderState;
use crate::domain::id::{given_ms, id};

/// How many orders a page has where no limit is given.
pub const PAGE_DEFAULT: u16 = 20;

/// The most orders that a page has.
pub const PAGE_MAX: u16 = 50;

/// The most lines of an order.
pub const LINES_MAX: usize = 100;

/// The most of one item on a line.
pub const COUNT_MAX: u64 = 1_000_000;

/// What a page of [`PAGE_MAX`] orders takes, where all have as many lines as they may: 50 orders
/// of up to 15,000 bytes.
const PAGE_BYTES: usize = 1024 * 1024;

id! {
    /// The id of an order.
    OrderId, OrderIdError, "orders", "The id of an order",
    "this is no order's id: use one that orders.place or orders.list gave"
}

impl OrderId {
    /// When the order was placed, in milliseconds since 1970 UTC, by the clock of the node that
    /// keeps it.
    #[must_use]
    pub fn placed_ms(self) -> u64 {
        given_ms(self.0)
    }
}

/// Reads the price list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListPrices {}

impl Method for ListPrices {
    const NAME: &'static str = "orders.prices";
    const EFFECT: Effect = Effect::Reads;
    const ABOUT: &'static str = "Reads the price list.";
    type Result = PriceList;

    fn example() -> Self {
        Self {}
    }
}

/// Places an order. Whose it is, is who the certificate says; what it costs, the price list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlaceOrder {
    /// What is ordered. Two lines may be of the same item, and stay two.
    #[schemars(length(min = 1, max = LINES_MAX))]
    pub lines: Vec<Line>,
}

impl Method for PlaceOrder {
    const NAME: &'static str = "orders.place";
    const EFFECT: Effect = Effect::Writes;
    const ABOUT: &'static str = "Places an order, at the prices of the price list.";
    type Result = Order;

    fn example() -> Self {
        Self { lines: vec![Line { item: "coffee".to_owned(), count: 2 }] }
    }
}

/// Some of one item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Its name on the price list.
    pub item: String,
    /// How many.
    #[schemars(range(min = 1, max = COUNT_MAX))]
    pub count: u64,
}

/// Reads one order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetOrder {
    /// Which order.
    pub id: OrderId,
}

impl Method for GetOrder {
    const NAME: &'static str = "orders.get";
    const EFFECT: Effect = Effect::Reads;
    const ABOUT: &'static str = "Reads one order.";
    type Result = Order;

    fn example() -> Self {
        Self { id: OrderId::example() }
    }
}

/// Reads orders in the order in which they were placed, a page at a time.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListOrders {
    /// Only those in this state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<OrderState>,
    /// Only those of this customer. Staff see those of all where nobody is named, others their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<NodeName>,
    /// Where to read on: the last page's `next`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<OrderId>,
    /// How many orders at the most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = PAGE_MAX), extend("default" = PAGE_DEFAULT))]
    pub limit: Option<u16>,
}

impl Method for ListOrders {
    const NAME: &'static str = "orders.list";
    const EFFECT: Effect = Effect::Reads;
    const ABOUT: &'static str = "Lists the caller's orders, and for staff those of all.";
    const MESSAGE_BYTES: usize = PAGE_BYTES;
    type Result = OrdersPage;

    fn example() -> Self {
        Self { state: Some(OrderState::Placed), limit: Some(10), ..Self::default() }
    }
}

/// Declares what is done to an order that was placed.
macro_rules! actions {
    ($($(#[$doc:meta])* $Action:ident = $name:literal, $about:literal;)*) => {
        $($(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $Action {
            /// Which order.
            pub id: OrderId,
            /// The revision that the caller has seen: it is refused where there is a newer one.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub expect: Option<u64>,
        }

        impl Method for $Action {
            const NAME: &'static str = $name;
            const EFFECT: Effect = Effect::Writes;
            const ABOUT: &'static str = $about;
            type Result = Order;

            fn example() -> Self {
                Self { id: OrderId::example(), expect: None }
            }
        })*
    };
}

actions! {
    /// Ships an order that was placed: for staff.
    ShipOrder = "orders.ship", "Ships an order that was placed: for staff.";
    /// Notes that the customer has an order that was shipped: for staff.
    DeliverOrder = "orders.deliver", "Notes that the customer has a shipped order: for staff.";
    /// Cancels an order that is not shipped yet: for its customer and staff.
    CancelOrder = "orders.cancel", "Cancels an order that is not shipped yet.";
}

/// One order, as it is at a revision. Amounts are in the currency's minor unit: cents of a euro.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Order {
    /// The id, given when it was placed.
    pub id: OrderId,
    /// Who placed it, as the certificate says.
    pub customer: NodeName,
    /// How far it has come.
    pub state: OrderState,
    /// What it costs, in the currency's minor unit.
    pub total: u64,
    /// The currency, by its code (ISO 4217).
    pub currency: String,
    /// What was ordered, at the prices of the time.
    pub lines: Vec<PricedLine>,
    /// When it was placed, in milliseconds since 1970 UTC.
    pub placed_ms: u64,
    /// The change that made it so: what `expect` is compared with.
    pub revision: u64,
}

/// Some of one item, and what it cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PricedLine {
    /// Its name on the price list.
    pub item: String,
    /// How many.
    pub count: u64,
    /// What one of them cost when the order was placed, in the currency's minor unit.
    pub price: u64,
}

/// Some orders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrdersPage {
    /// The orders.
    pub orders: Vec<Order>,
    /// What to give as `after` for the next page; absent on the last. A page that leaves some out
    /// (`state`) may have fewer orders than asked for, and more behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<OrderId>,
    /// The store's revision when this page was read.
    pub revision: u64,
    /// Where to begin to watch: behind the cursor of the first page stands all that has changed
    /// since.
    pub cursor: Cursor,
}

/// What can be ordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PriceList {
    /// The currency, by its code (ISO 4217).
    pub currency: String,
    /// The items, in the order of their names.
    pub prices: Vec<Price>,
}

/// What one item costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Price {
    /// The item's name.
    pub item: String,
    /// What one of it costs, in the currency's minor unit.
    pub price: u64,
}
