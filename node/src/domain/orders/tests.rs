//! The rules and refusals of orders, over a store in memory.

use bothways_protocol::{IdempotencyKey, Method};

use super::*;
use crate::store::{Embedded, Once, StoreBounds};

struct Scene {
    orders: Orders,
    store: Arc<dyn Store>,
}

/// The orders of hub, with clerk for staff.
fn scene() -> Scene {
    let store: Arc<dyn Store> = Arc::new(Embedded::in_memory(&StoreBounds::default()).unwrap());
    let staff = ["clerk".parse().unwrap()].into();
    let plan = OrdersPlan { staff, ..OrdersPlan::default() };
    Scene { orders: Orders::new(Arc::clone(&store), plan, "hub".parse().unwrap()), store }
}

fn by(name: &str) -> Context {
    Context::by(name.parse().unwrap(), None)
}

/// A write under a key; sent with the same number it is the same request.
fn keyed<M: Method>(name: &str, number: u128) -> Context {
    let caller: NodeName = name.parse().unwrap();
    let (method, key) = (M::NAME.parse().unwrap(), IdempotencyKey(number.to_be_bytes()));
    Context::by(caller.clone(), Some(Once { caller, method, key, params: [0; 32] }))
}

fn coffees(count: u64) -> PlaceOrder {
    PlaceOrder { lines: vec![Line { item: "coffee".to_owned(), count }] }
}

fn ship(order: &Order) -> ShipOrder {
    ShipOrder { id: order.id, expect: None }
}

fn cancel(order: &Order) -> CancelOrder {
    CancelOrder { id: order.id, expect: None }
}

fn deliver(order: &Order) -> DeliverOrder {
    DeliverOrder { id: order.id, expect: None }
}

fn told(refused: &Failure) -> (Code, Option<&str>) {
    (refused.code, refused.text("reason"))
}

impl Scene {
    async fn place(&self, customer: &str) -> Order {
        self.orders.place(by(customer), coffees(2)).await.unwrap()
    }

    async fn get(&self, who: &str, id: OrderId) -> Result<Order, Failure> {
        self.orders.get(by(who), GetOrder { id }).await
    }

    async fn list(&self, who: &str, params: ListOrders) -> Result<OrdersPage, Failure> {
        self.orders.list(by(who), params).await
    }
}

#[tokio::test]
async fn an_order_is_placed_at_the_prices_of_the_list_shipped_and_delivered() {
    let scene = scene();
    let order = scene.place("ann").await;
    assert_eq!((order.customer.as_str(), order.state), ("ann", OrderState::Placed));
    assert_eq!((order.total, order.currency.as_str()), (700, "EUR"));
    assert_eq!(order.placed_ms, order.id.placed_ms());
    assert_eq!(scene.get("ann", order.id).await.unwrap(), order);
    let shipped = scene.orders.ship(by("clerk"), ship(&order)).await.unwrap();
    let expected = Order { state: OrderState::Shipped, revision: 2, ..order.clone() };
    assert_eq!(shipped, expected);
    let delivered = scene.orders.deliver(by("hub"), deliver(&order)).await.unwrap();
    assert_eq!(delivered, Order { state: OrderState::Delivered, revision: 3, ..order });
    let prices = scene.orders.prices(by("ann"), ListPrices {}).await.unwrap();
    let prices: Vec<_> = prices.prices.iter().map(|price| (&*price.item, price.price)).collect();
    assert_eq!(prices, [("cake", 420), ("coffee", 350), ("tea", 280)]);
}

#[tokio::test]
async fn what_is_no_order_is_refused_and_not_stored() {
    let scene = scene();
    let line = |item: &str| Line { item: item.to_owned(), count: 1 };
    let lines = vec![line("tea"), line("cofee")];
    let refused = scene.orders.place(by("ann"), PlaceOrder { lines }).await.unwrap_err();
    assert_eq!(told(&refused), (Code::InvalidArgument, Some("item")));
    assert_eq!(refused.text("field"), Some("lines[1].item"));
    assert!(refused.message.contains("did you mean coffee?"), "{refused}");
    assert_eq!(*scene.store.newest().borrow(), Revision(0));
}

#[tokio::test]
async fn an_order_of_somebody_elses_does_not_exist() {
    let scene = scene();
    let order = scene.place("ann").await;
    let refused = [
        scene.get("ben", order.id).await.unwrap_err(),
        scene.orders.ship(by("ben"), ship(&order)).await.unwrap_err(),
        scene.orders.deliver(by("ben"), deliver(&order)).await.unwrap_err(),
        scene.orders.cancel(by("ben"), cancel(&order)).await.unwrap_err(),
        scene.get("ann", OrderId::draw()).await.unwrap_err(),
    ];
    for refused in refused {
        assert_eq!(refused.code, Code::NotFound, "{refused}");
    }
}

#[tokio::test]
async fn customers_cancel_and_staff_ship_and_deliver() {
    let scene = scene();
    let order = scene.place("ann").await;
    let refused = scene.orders.ship(by("ann"), ship(&order)).await.unwrap_err();
    assert_eq!(told(&refused), (Code::PermissionDenied, Some("staff")));
    let refused = scene.orders.deliver(by("ann"), deliver(&order)).await.unwrap_err();
    assert_eq!(told(&refused), (Code::PermissionDenied, Some("staff")));
    let cancelled = scene.orders.cancel(by("ann"), cancel(&order)).await.unwrap();
    assert_eq!(cancelled.state, OrderState::Cancelled);
    let own = scene.place("clerk").await;
    assert_eq!(
        scene.orders.ship(by("clerk"), ship(&own)).await.unwrap().customer.as_str(),
        "clerk"
    );
}

#[tokio::test]
async fn what_the_state_does_not_allow_is_refused_with_the_state() {
    let scene = scene();
    let order = scene.place("ann").await;
    let refused = scene.orders.deliver(by("hub"), deliver(&order)).await.unwrap_err();
    assert_eq!(told(&refused), (Code::FailedPrecondition, Some("state")));
    assert_eq!(refused.text("state"), Some("placed"));
    scene.orders.ship(by("hub"), ship(&order)).await.unwrap();
    for refused in [
        scene.orders.ship(by("hub"), ship(&order)).await.unwrap_err(),
        scene.orders.cancel(by("ann"), cancel(&order)).await.unwrap_err(),
    ] {
        assert_eq!(told(&refused), (Code::FailedPrecondition, Some("state")));
        assert_eq!(refused.text("state"), Some("shipped"));
    }
}

#[tokio::test]
async fn what_expects_an_older_revision_is_aborted_and_told_the_newer() {
    let scene = scene();
    let order = scene.place("ann").await;
    let seen = Some(order.revision);
    scene.orders.ship(by("hub"), ShipOrder { id: order.id, expect: seen }).await.unwrap();
    let late = CancelOrder { id: order.id, expect: seen };
    let refused = scene.orders.cancel(by("ann"), late).await.unwrap_err();
    assert_eq!(refused.code, Code::Aborted);
    assert_eq!(refused.details["revision"], 2.into());
    assert_eq!(scene.get("ann", order.id).await.unwrap().state, OrderState::Shipped);
}

#[tokio::test]
async fn what_is_sent_again_acts_once_and_gives_the_same_response() {
    let scene = scene();
    let place = || scene.orders.place(keyed::<PlaceOrder>("ann", 1), coffees(2));
    let (one, two) = tokio::join!(place(), place());
    let placed = one.unwrap();
    assert_eq!(two.unwrap(), placed);
    let send = || scene.orders.ship(keyed::<ShipOrder>("hub", 1), ship(&placed));
    let (one, two) = tokio::join!(send(), send());
    let shipped = one.unwrap();
    assert_eq!(two.unwrap(), shipped);
    scene.orders.deliver(by("hub"), deliver(&placed)).await.unwrap();
    assert_eq!(place().await.unwrap(), placed);
    assert_eq!(send().await.unwrap(), shipped, "as that write left it");
    assert_eq!(*scene.store.newest().borrow(), Revision(3));
}

#[tokio::test]
async fn of_a_cancel_and_a_shipment_at_once_one_comes_first() {
    let scene = scene();
    for _ in 0..20 {
        let order = scene.place("ann").await;
        let (shipped, cancelled) = tokio::join!(
            scene.orders.ship(by("hub"), ship(&order)),
            scene.orders.cancel(by("ann"), cancel(&order)),
        );
        let refused = match (shipped, cancelled) {
            (Ok(_), Err(refused)) | (Err(refused), Ok(_)) => refused,
            both => panic!("one of them: {both:?}"),
        };
        assert_eq!(told(&refused), (Code::FailedPrecondition, Some("state")));
    }
}

#[tokio::test]
async fn customers_list_their_own_and_staff_those_of_all() {
    let scene = scene();
    let mut of_ann = Vec::new();
    for number in 0..25 {
        let order = scene.place("ann").await;
        scene.place("ben").await;
        if number % 5 == 0 {
            scene.orders.ship(by("hub"), ship(&order)).await.unwrap();
        }
        of_ann.push(order.id);
    }
    let (ann, shipped) = (Some("ann".parse().unwrap()), Some(OrderState::Shipped));
    let table = [
        ("ann", None, None, 25),
        ("ann", ann.clone(), shipped, 5),
        ("cat", None, None, 0),
        ("clerk", None, None, 50),
        ("hub", ann.clone(), None, 25),
        ("hub", None, shipped, 5),
    ];
    for (who, customer, state, count) in table {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let params = ListOrders { state, customer: customer.clone(), after, limit: Some(4) };
            let page = scene.list(who, params).await.unwrap();
            found.extend(page.orders.iter().map(|order| order.id));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!((found.len(), found.is_sorted()), (count, true), "{who} {state:?}");
    }
    let others = ListOrders { customer: ann, ..ListOrders::default() };
    let refused = scene.list("ben", others).await.unwrap_err();
    assert_eq!(told(&refused), (Code::PermissionDenied, Some("staff")));
    let refused = scene.list("ben", ListOrders { limit: Some(0), ..ListOrders::default() });
    assert_eq!(refused.await.unwrap_err().text("field"), Some("limit"));
}

#[tokio::test]
async fn what_happens_to_an_order_is_told_to_its_customer_and_staff() {
    let scene = scene();
    let (one, two) = (scene.place("ann").await, scene.place("ann").await);
    scene.orders.ship(by("hub"), ship(&one)).await.unwrap();
    scene.orders.deliver(by("hub"), deliver(&one)).await.unwrap();
    scene.orders.cancel(by("ann"), cancel(&two)).await.unwrap();
    let all = scene.store.changes_after(Revision(0), &scene.orders.prefix(), 10).await.unwrap();
    let told = all.changes.iter().map(|change| scene.orders.tell(change).unwrap().unwrap());
    let told: Vec<_> = told.collect();
    let topics: Vec<_> = told.iter().map(|told| told.topic).collect();
    let placed = "orders.placed";
    let expected = [placed, placed, "orders.shipped", "orders.delivered", "orders.cancelled"];
    assert_eq!(topics, expected);
    for told in told {
        let hears = ["ann", "clerk", "hub", "ben"];
        let hears = hears.map(|name| told.audience.holds(&name.parse().unwrap()));
        assert_eq!(hears, [true, true, true, false]);
    }
}

#[tokio::test]
async fn a_page_of_the_longest_orders_fits_its_message() {
    let store: Arc<dyn Store> = Arc::new(Embedded::in_memory(&StoreBounds::default()).unwrap());
    let item = "i".repeat(crate::config::ITEM_MAX_CHARS);
    let prices = [(item.clone(), 100_000_000_000)].into();
    let plan = OrdersPlan { prices, ..OrdersPlan::default() };
    let customer = "n".repeat(63);
    let orders = Orders::new(store, plan, customer.parse().unwrap());
    let lines = vec![Line { item, count: COUNT_MAX }; LINES_MAX];
    for _ in 0..PAGE_MAX {
        orders.place(by(&customer), PlaceOrder { lines: lines.clone() }).await.unwrap();
    }
    let params = ListOrders { limit: Some(PAGE_MAX), ..ListOrders::default() };
    let page = orders.list(by(&customer), params).await.unwrap();
    assert_eq!((page.orders.len(), page.next), (usize::from(PAGE_MAX), None));
    let mut bytes = Vec::new();
    ciborium::into_writer(&page.orders, &mut bytes).unwrap();
    assert!(bytes.len() + 1024 < ListOrders::MESSAGE_BYTES, "{} bytes", bytes.len());
    let (mut one, order) = (Vec::new(), &page.orders[0]);
    ciborium::into_writer(order, &mut one).unwrap();
    assert!(one.len() < 60 * 1024, "an event of {} bytes", one.len());
}
