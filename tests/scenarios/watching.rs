//! A peer watches what changes: in order, without a gap, over whatever becomes of both sides.

use bothways::domain::people::{CreatePerson, DeletePerson, ListPeople, Person, UpdatePerson};
use bothways::protocol::{Code, Cursor, Event, Role, Watch, WatchFrom};
use bothways::{Node, RequestError, Subscription, SubscriptionState};
use bothways_tests::{Network, soon, until_session};

use crate::support::{Hub, ask};

pub(crate) async fn create(node: &Node, name: &str) -> Person {
    let params = CreatePerson { name: name.parse().unwrap(), title: None };
    ask(node, "hub", params).await.unwrap()
}

pub(crate) fn watch_from(from: WatchFrom) -> Watch {
    Watch { from: Some(from), ..Watch::default() }
}

pub(crate) fn cursor_of(event: &Event) -> Cursor {
    Cursor::of_bytes(event.cursor.clone()).unwrap()
}

/// A subscription to all people that has begun.
pub(crate) async fn live(node: &Node, watch: Watch) -> Subscription {
    let subscription = node.peer("hub").subscribe("people", watch);
    until_live(&subscription).await;
    subscription
}

pub(crate) async fn until_live(subscription: &Subscription) {
    let mut state = subscription.state();
    let live = |state: &SubscriptionState| matches!(state, SubscriptionState::Live { .. });
    soon("a subscription", state.wait_for(live)).await.unwrap();
}

pub(crate) async fn next(subscription: &mut Subscription) -> Event {
    soon("an event", subscription.next()).await.unwrap()
}

pub(crate) async fn refused(mut subscription: Subscription) -> RequestError {
    soon("a refusal", subscription.next()).await.unwrap_err()
}

/// The topics and names of the next events.
pub(crate) async fn told(subscription: &mut Subscription, events: usize) -> Vec<(String, String)> {
    let mut told = Vec::new();
    for _ in 0..events {
        let event = next(subscription).await;
        let name = event.body.decode::<Person>().map(|person| person.name.as_str().to_owned());
        told.push((event.topic, name.unwrap_or_default()));
    }
    told
}

fn created(names: &[&str]) -> Vec<(String, String)> {
    names.iter().map(|name| ("people.created".to_owned(), (*name).to_owned())).collect()
}

#[tokio::test]
async fn who_watches_is_told_of_each_change_in_order() {
    let network = Network::new();
    let hub = Hub::new(&network).await;
    let desk = network.node("desk").dialing(&hub.node).start().await;
    create(&desk, "Before").await;
    let mut people = live(&desk, Watch::default()).await;

    let ann = create(&desk, "Ann").await;
    let rename =
        UpdatePerson { id: ann.id, name: Some("Anna".parse().unwrap()), title: None, expect: None };
    ask(&desk, "hub", rename).await.unwrap();
    ask(&desk, "hub", DeletePerson { id: ann.id, expect: None }).await.unwrap();

    let expected = [("people.created", "Ann"), ("people.updated", "Anna"), ("people.deleted", "")];
    let expected = expected.map(|(topic, name)| (topic.to_owned(), name.to_owned()));
    assert_eq!(told(&mut people, 3).await, expected);
}

#[tokio::test]
async fn who_names_a_topic_is_told_of_nothing_else() {
    let network = Network::new();
    let hub = Hub::new(&network).await;
    let desk = network.node("desk").dialing(&hub.node).start().await;
    let topics = vec!["people.deleted".to_owned()];
    let mut people = live(&desk, Watch { topics, ..Watch::default() }).await;
    let ann = create(&desk, "Ann").await;
    ask(&desk, "hub", DeletePerson { id: ann.id, expect: None }).await.unwrap();
    assert_eq!(next(&mut people).await.topic, "people.deleted");
}

#[tokio::test]
async fn a_listing_and_what_is_watched_behind_it_have_no_hole() {
    let network = Network::new();
    let hub = Hub::new(&network).await;
    let desk = network.node("desk").dialing(&hub.node).start().await;
    create(&desk, "Ann").await;
    let listed = ask(&desk, "hub", ListPeople::default()).await.unwrap();
    create(&desk, "Ben").await;
    let mut people = live(&desk, watch_from(WatchFrom::Cursor(listed.cursor))).await;
    create(&desk, "Col").await;
    assert_eq!(listed.people.len(), 1);
    assert_eq!(told(&mut people, 2).await, created(&["Ben", "Col"]));
}

#[tokio::test]
async fn a_subscription_resumes_over_a_restart_of_the_node_it_watches() {
    let (network, data) = (Network::new(), tempfile::tempdir().unwrap());
    let hub = Hub::on(&network, data.path()).await;
    let desk = network.node("desk").dialing(&hub.node).start().await;
    let mut people = live(&desk, Watch::default()).await;
    create(&desk, "Ann").await;
    assert_eq!(told(&mut people, 1).await, created(&["Ann"]));
    create(&desk, "Ben").await;

    let address = hub.stop().await;
    let hub = Hub::again(&network, data.path(), address).await;
    until_session(&desk, "hub").await;
    create(&desk, "Col").await;

    assert_eq!(told(&mut people, 2).await, created(&["Ben", "Col"]));
    hub.stop().await;
}

#[tokio::test]
async fn a_restarted_subscriber_resumes_behind_the_event_whose_cursor_it_kept() {
    let network = Network::new();
    let hub = Hub::new(&network).await;
    let desk = network.node("desk").dialing(&hub.node).start().await;
    let mut people = live(&desk, watch_from(WatchFrom::All)).await;
    for name in ["Ann", "Ben", "Col"] {
        create(&desk, name).await;
    }
    let cursor = cursor_of(&next(&mut people).await);
    desk.stop().await;

    let desk = network.node("desk").dialing(&hub.node).start().await;
    let mut people = live(&desk, watch_from(WatchFrom::Cursor(cursor))).await;
    assert_eq!(told(&mut people, 2).await, created(&["Ben", "Col"]));
}

#[tokio::test]
async fn events_are_gapless_and_in_order_while_connections_are_cut() {
    let network = Network::new();
    let hub = Hub::new(&network).await;
    let desk = network.node("desk").dialing(&hub.node).start().await;
    let writer = network.node("writer").dialing(&hub.node).start().await;
    let mut people = live(&desk, watch_from(WatchFrom::All)).await;
    let address = hub.address();
    let writing = tokio::spawn(async move {
        for n in 0..300 {
            create(&writer, &format!("n{n}")).await;
        }
    });
    for n in 0..300 {
        let (topic, name) = told(&mut people, 1).await.remove(0);
        assert_eq!((topic.as_str(), name), ("people.created", format!("n{n}")));
        if n % 60 == 30 {
            // A newcomer under the same name, with another boot time: the session is replaced.
            let mut state = people.state();
            state.mark_unchanged();
            drop(network.raw("desk").session(address).await);
            soon("the cut", state.changed()).await.unwrap();
        }
    }
    writing.await.unwrap();
}

#[tokio::test]
async fn a_durable_subscription_moves_only_by_what_is_acknowledged() {
    let (network, data) = (Network::new(), tempfile::tempdir().unwrap());
    let hub = Hub::on(&network, data.path()).await;
    let desk = network.node("desk").dialing(&hub.node).start().await;
    for name in ["Ann", "Ben", "Col"] {
        create(&desk, name).await;
    }
    let durable = || Watch { durable: Some("orders-desk".parse().unwrap()), ..Watch::default() };

    let mut people = live(&desk, durable()).await;
    let first = next(&mut people).await;
    next(&mut people).await;
    soon("an acknowledgement", people.acknowledge(&first)).await.unwrap();
    drop(people);
    let address = hub.stop().await;
    let hub = Hub::again(&network, data.path(), address).await;

    let mut people = live(&desk, durable()).await;
    let second = next(&mut people).await;
    assert_eq!(second.body.decode::<Person>().unwrap().name.as_str(), "Ben");
    // What is behind moves nothing back.
    soon("an acknowledgement", people.acknowledge(&second)).await.unwrap();
    soon("an acknowledgement", people.acknowledge(&first)).await.unwrap();
    let mut again = live(&desk, durable()).await;
    assert_eq!(told(&mut again, 1).await, created(&["Col"]));
    hub.stop().await;
}

/// Through its page, say: there is no session, and the rules are the same.
#[tokio::test]
async fn a_node_watches_what_it_keeps_itself() {
    let network = Network::new();
    let hub = Hub::of(network.node("hub").role(Role::Server).listening()).await;
    let desk = network.node("desk").dialing(&hub.node).start().await;
    let ann = create(&desk, "Ann").await;
    let own = hub.node.peer("hub");
    let mut watched = own.subscribe("people", watch_from(WatchFrom::All));
    let told = soon("an event", watched.next()).await.unwrap();
    assert_eq!(
        (told.topic.as_str(), told.body.decode::<Person>().unwrap()),
        ("people.created", ann)
    );
    create(&desk, "Ben").await;
    let told = soon("another", watched.next()).await.unwrap();
    assert_eq!(told.body.decode::<Person>().unwrap().name.as_str(), "Ben");

    let cursor = cursor_of(&told);
    drop(watched);
    create(&desk, "Cleo").await;
    let mut watched = own.subscribe("people", watch_from(WatchFrom::Cursor(cursor)));
    let told = soon("what came meanwhile", watched.next()).await.unwrap();
    assert_eq!(told.body.decode::<Person>().unwrap().name.as_str(), "Cleo");

    let wrong = Watch { topics: vec!["people.nothing".to_owned()], ..Watch::default() };
    let refused = soon("a refusal", own.subscribe("people", wrong).next()).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
}
