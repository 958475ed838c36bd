//! Orders: placed by customers, shipped by staff, and nobody else's business.

use bothways::config::OrdersPlan;
use bothways::domain::orders::{
    CancelOrder, DeliverOrder, GetOrder, Line, ListOrders, ListPrices, Order, OrderState,
    PlaceOrder, ShipOrder,
};
use bothways::protocol::{Code, Watch};
use bothways::{Node, RequestError, Subscription};
use bothways_tests::Network;

use crate::support::{Hub, ask};
use crate::watching::{next, until_live};

/// A hub that takes orders, with clerk for staff.
async fn shop(network: &Network) -> Hub {
    let orders = OrdersPlan { staff: ["clerk".parse().unwrap()].into(), ..OrdersPlan::default() };
    Hub::of(network.node("hub").listening().orders(orders)).await
}

fn lines(of: &[(&str, u64)]) -> PlaceOrder {
    let line = |(item, count): &(&str, u64)| Line { item: (*item).to_owned(), count: *count };
    PlaceOrder { lines: of.iter().map(line).collect() }
}

async fn place(node: &Node) -> Order {
    ask(node, "hub", lines(&[("coffee", 2), ("tea", 1)])).await.unwrap()
}

fn told<T: std::fmt::Debug>(refused: Result<T, RequestError>) -> (Code, Option<String>) {
    let refused = refused.unwrap_err();
    let failure = refused.failure().unwrap();
    (refused.code(), failure.text("reason").map(ToOwned::to_owned))
}

fn reason(code: Code, reason: &str) -> (Code, Option<String>) {
    (code, Some(reason.to_owned()))
}

#[tokio::test]
async fn an_order_is_placed_shipped_and_delivered() {
    let network = Network::new();
    let hub = shop(&network).await;
    let desk = network.node("desk").dialing(&hub.node).start().await;
    let clerk = network.node("clerk").dialing(&hub.node).start().await;

    let order = place(&desk).await;
    assert_eq!((order.customer.as_str(), order.total), ("desk", 980));
    let prices = ask(&desk, "hub", ListPrices {}).await.unwrap();
    assert_eq!((prices.currency, prices.prices.len()), (order.currency.clone(), 3));
    assert_eq!(ask(&desk, "hub", GetOrder { id: order.id }).await.unwrap(), order);

    let (id, expect) = (order.id, Some(order.revision));
    let shipped = ask(&clerk, "hub", ShipOrder { id, expect }).await.unwrap();
    assert_eq!(shipped.state, OrderState::Shipped);
    let delivered = ask(&clerk, "hub", DeliverOrder { id, expect: None }).await.unwrap();
    assert_eq!(delivered.state, OrderState::Delivered);
    let listed = ask(&desk, "hub", ListOrders::default()).await.unwrap();
    assert_eq!(listed.orders, [delivered]);
}

#[tokio::test]
async fn each_rule_of_an_order_refuses_with_its_reason() {
    let network = Network::new();
    let hub = shop(&network).await;
    let desk = network.node("desk").dialing(&hub.node).start().await;
    let kiosk = network.node("kiosk").dialing(&hub.node).start().await;
    let clerk = network.node("clerk").dialing(&hub.node).start().await;
    let Order { id, revision, .. } = place(&desk).await;
    let expect = None;

    let strange = ask(&kiosk, "hub", GetOrder { id }).await;
    assert_eq!(told(strange), (Code::NotFound, None));
    let strange = ask(&kiosk, "hub", CancelOrder { id, expect }).await;
    assert_eq!(told(strange), (Code::NotFound, None));
    assert!(ask(&kiosk, "hub", ListOrders::default()).await.unwrap().orders.is_empty());
    let customer = Some("desk".parse().unwrap());
    let others = ask(&kiosk, "hub", ListOrders { customer, ..ListOrders::default() }).await;
    assert_eq!(told(others), reason(Code::PermissionDenied, "staff"));
    let own = ask(&desk, "hub", ShipOrder { id, expect }).await;
    assert_eq!(told(own), reason(Code::PermissionDenied, "staff"));
    let early = ask(&clerk, "hub", DeliverOrder { id, expect }).await;
    assert_eq!(told(early), reason(Code::FailedPrecondition, "state"));
    ask(&clerk, "hub", ShipOrder { id, expect }).await.unwrap();
    let late = ask(&desk, "hub", CancelOrder { id, expect }).await;
    assert_eq!(told(late), reason(Code::FailedPrecondition, "state"));
    let stale = ask(&desk, "hub", CancelOrder { id, expect: Some(revision) }).await;
    assert_eq!(told(stale), (Code::Aborted, None));
}

#[tokio::test]
async fn an_order_that_cannot_be_is_refused_with_its_field() {
    let network = Network::new();
    let hub = shop(&network).await;
    let desk = network.node("desk").dialing(&hub.node).start().await;
    let table: [(&[(&str, u64)], &str); 4] = [
        (&[], "lines"),
        (&[("tea", 1), ("cofee", 1)], "lines[1].item"),
        (&[("tea", 0)], "lines[0].count"),
        (&[("tea", 1), ("tea", 1), ("tea", 1_000_001)], "lines[2].count"),
    ];
    for (of, field) in table {
        let refused = ask(&desk, "hub", lines(of)).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{field}");
        assert_eq!(refused.failure().unwrap().text("field"), Some(field));
    }
}

#[tokio::test]
async fn a_customer_hears_that_its_order_has_been_shipped_and_others_do_not() {
    let network = Network::new();
    let hub = shop(&network).await;
    let desk = network.node("desk").dialing(&hub.node).start().await;
    let kiosk = network.node("kiosk").dialing(&hub.node).start().await;
    let clerk = network.node("clerk").dialing(&hub.node).start().await;
    let mut customer = watch(&desk).await;
    let mut staff = watch(&clerk).await;
    let mut other = watch(&kiosk).await;

    let order = place(&desk).await;
    ask(&clerk, "hub", ShipOrder { id: order.id, expect: None }).await.unwrap();
    for subscription in [&mut customer, &mut staff] {
        let (topic, placed) = told_of(subscription).await;
        assert_eq!((topic.as_str(), &placed), ("orders.placed", &order));
        let (topic, shipped) = told_of(subscription).await;
        assert_eq!((topic.as_str(), shipped.state), ("orders.shipped", OrderState::Shipped));
    }
    let own = place(&kiosk).await;
    assert_eq!(told_of(&mut other).await, ("orders.placed".to_owned(), own), "and of no other");
}

async fn watch(node: &Node) -> Subscription {
    let subscription = node.peer("hub").subscribe("orders", Watch::default());
    until_live(&subscription).await;
    subscription
}

async fn told_of(subscription: &mut Subscription) -> (String, Order) {
    let event = next(subscription).await;
    (event.topic, event.body.decode().unwrap())
}
