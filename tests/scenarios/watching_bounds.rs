//! What a subscription is refused for, and what it costs others.

use bothways::domain::people::Person;
use bothways::exchange::Fed;
use bothways::protocol::{
    Acknowledge, Code, Encoded, Failure, Greeting, LANES, LaneAnswer, LaneAsk, LaneEnd, Opening,
    Outgoing, Reply, Role, Watch, WatchBegan, WatchFrom,
};
use bothways::{RequestError, SubscriptionState};
use bothways_tests::{Network, request, soon, until_session};

use crate::support::{Hub, failure, told as code_of};
use crate::watching::{create, cursor_of, live, next, refused, told, watch_from};

fn failed(error: &RequestError) -> &Failure {
    error.failure().unwrap()
}

fn topics(names: &[&str]) -> Watch {
    Watch { topics: names.iter().map(ToString::to_string).collect(), ..Watch::default() }
}

#[tokio::test]
async fn a_topic_that_does_not_exist_is_refused_and_named() {
    let network = Network::new();
    let hub = Hub::new(&network).await;
    let desk = network.node("desk").dialing(&hub.node).start().await;
    let watch = topics(&["people.created", "people.promoted"]);
    let error = refused(desk.peer("hub").subscribe("people", watch)).await;
    assert_eq!(failed(&error).text("field"), Some("topics[1]"));
    let error = refused(desk.peer("hub").subscribe("nobody", Watch::default())).await;
    assert_eq!(error.code(), Code::Unimplemented);
}

#[tokio::test]
async fn a_cursor_of_another_caller_or_another_store_is_refused() {
    let network = Network::new();
    let hub = Hub::new(&network).await;
    let desk = network.node("desk").dialing(&hub.node).start().await;
    let mut people = live(&desk, watch_from(WatchFrom::All)).await;
    create(&desk, "Ann").await;
    let from = WatchFrom::Cursor(cursor_of(&next(&mut people).await));

    let till = network.node("till").dialing(&hub.node).start().await;
    let error = refused(till.peer("hub").subscribe("people", watch_from(from.clone()))).await;
    assert_eq!(code_of(failed(&error)), ("invalid_argument", Some("cursor")));

    hub.stop().await;
    let hub = Hub::new(&network).await;
    let desk = network.node("desk").dialing(&hub.node).start().await;
    let error = refused(desk.peer("hub").subscribe("people", watch_from(from))).await;
    assert_eq!(code_of(failed(&error)), ("invalid_argument", Some("cursor")));
}

#[tokio::test]
async fn a_durable_subscription_that_was_never_begun_is_not_acknowledged() {
    let network = Network::new();
    let hub = Hub::new(&network).await;
    let desk = network.node("desk").dialing(&hub.node).start().await;
    let mut people = live(&desk, watch_from(WatchFrom::All)).await;
    create(&desk, "Ann").await;
    let cursor = cursor_of(&next(&mut people).await);
    let params = Acknowledge { cursor, durable: Some("mine".parse().unwrap()) };
    let params = Encoded::of(&params).unwrap();
    let answer = soon("an answer", desk.peer("hub").call("people.acknowledge", params)).await;
    assert_eq!(answer.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn of_a_peers_subscriptions_the_sixty_fifth_is_refused_and_requests_go_on() {
    let network = Network::new();
    let hub = Hub::new(&network).await;
    let desk = network.node("desk").dialing(&hub.node).start().await;
    let mut held = Vec::new();
    for _ in 0..64 {
        held.push(live(&desk, Watch::default()).await);
    }
    let over = desk.peer("hub").fail_fast().subscribe("people", Watch::default());
    let error = refused(over).await;
    assert_eq!(code_of(failed(&error)), ("resource_exhausted", Some("subscriptions")));

    create(&desk, "Ann").await;
    for subscription in &mut held {
        assert_eq!(told(subscription, 1).await[0].1, "Ann");
    }
    // Who gives one up has room for another.
    held.pop();
    live(&desk, Watch::default()).await;
}

#[tokio::test]
async fn a_subscription_on_a_lane_is_refused() {
    let network = Network::new();
    let hub = Hub::new(&network).await;
    let takes_lanes = |hello: &mut Greeting| hello.features = vec![LANES.to_owned()];
    let session = network.raw("desk").greet(hub.address(), takes_lanes).await.unwrap();
    let mut lane = session.begin(&Opening::Lane.encode()).await;
    let mut ask = Vec::new();
    LaneAsk::Request(7, request("people.watch", &Watch::default())).append_to(&mut ask);
    lane.send(&ask).await;
    let answer = LaneAnswer::decode(&lane.message().await).unwrap().unwrap();
    let LaneEnd::Error(failure) = answer.end else { panic!("a refusal was due: {answer:?}") };
    assert_eq!(code_of(&failure), ("invalid_argument", Some("stream")));
}

#[tokio::test]
async fn a_role_that_issues_no_requests_subscribes_to_nothing() {
    let network = Network::new();
    let hub = Hub::new(&network).await;
    let server = network.node("server").role(Role::Server).listening().start().await;
    let error = refused(server.peer("hub").subscribe("people", Watch::default())).await;
    assert_eq!(error.code(), Code::PermissionDenied);
    let client = network.node("client").role(Role::Client).dialing(&hub.node).start().await;
    let mut people = live(&client, watch_from(WatchFrom::All)).await;
    create(&client, "Ann").await;
    assert_eq!(told(&mut people, 1).await[0].1, "Ann");
}

#[tokio::test]
async fn a_subscriber_that_reads_nothing_delays_nobody_and_gets_all_of_it_later() {
    let network = Network::new();
    let hub = Hub::new(&network).await;
    // It takes so little that the hub cannot write on, long before all is told.
    let slow = network.raw("slow").stream_window(8 * 1024).session(hub.address()).await;
    let mut stream = slow.begin(&request("people.watch", &Watch::default()).encode()).await;
    stream.finish();
    let Reply::Result(began) = stream.reply().await else { panic!("a result was due") };
    assert!(!began.decode::<WatchBegan>().unwrap().acknowledge);

    let desk = network.node("desk").dialing(&hub.node).start().await;
    let mut people = live(&desk, Watch::default()).await;
    for n in 0..500 {
        create(&desk, &format!("{n:0>60}")).await;
        assert_eq!(told(&mut people, 1).await[0].1, format!("{n:0>60}"));
    }
    for n in 0..500 {
        let Reply::Event(event) = stream.reply().await else { panic!("an event was due") };
        let person: Person = event.body.decode().unwrap();
        assert_eq!(person.name.as_str(), format!("{n:0>60}"));
    }
}

#[tokio::test]
async fn what_a_subscriber_does_not_take_waits_at_the_node_it_watches() {
    let network = Network::new();
    let hub = Hub::new(&network).await;
    let desk = network.node("desk").dialing(&hub.node).start().await;
    let idle = live(&desk, Watch::default()).await;
    let mut busy = live(&desk, Watch::default()).await;
    for n in 0..100 {
        create(&desk, &format!("n{n}")).await;
    }
    assert_eq!(told(&mut busy, 100).await.len(), 100);

    let mut records = desk.follow_records();
    drop(idle);
    let came = loop {
        let Fed::Record(record) = soon("a record", records.next()).await.unwrap() else { continue };
        if let Some(events) = record.events.filter(|_| record.method.as_str() == "people.watch") {
            break events;
        }
    };
    // Sixteen in its queue, and the one for which there is no room.
    assert!((16..=18).contains(&came), "{came}");
}

#[tokio::test]
async fn a_node_that_drains_ends_its_subscriptions_with_the_end_of_the_stream() {
    let network = Network::new();
    let hub = Hub::new(&network).await;
    let raw = network.raw("desk").session(hub.address()).await;
    let mut stream = raw.begin(&request("people.watch", &Watch::default()).encode()).await;
    stream.finish();
    assert!(matches!(stream.reply().await, Reply::Result(_)));
    let stopping = tokio::spawn(async move { hub.stop().await });
    assert_eq!(stream.end().await, Ok(()));
    drop(raw);
    stopping.await.unwrap();
}

#[tokio::test]
async fn a_subscription_that_waits_says_so() {
    let (network, data) = (Network::new(), tempfile::tempdir().unwrap());
    let hub = Hub::on(&network, data.path()).await;
    let desk = network.node("desk").dialing(&hub.node).start().await;
    let people = live(&desk, Watch::default()).await;
    let mut state = people.state();
    let address = hub.stop().await;
    let waits = |state: &SubscriptionState| matches!(state, SubscriptionState::Waiting { .. });
    soon("a wait", state.wait_for(waits)).await.unwrap();
    let _hub = Hub::again(&network, data.path(), address).await;
    until_session(&desk, "hub").await;
    let live = |state: &SubscriptionState| matches!(state, SubscriptionState::Live { .. });
    soon("a subscription", state.wait_for(live)).await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_read_is_answered_and_no_subscription_begins() {
    let network = Network::new();
    let hub = Hub::new(&network).await;
    let session = network.raw("desk").session(hub.address()).await;
    let wrong = request("people.watch", &std::collections::BTreeMap::from([("from", "then")]));
    let refused = failure(session.ask(&wrong).await);
    assert_eq!(refused.text("field"), Some("from"), "{refused:?}");
}

#[tokio::test]
async fn what_changed_too_long_ago_is_said_to_be_gone_with_the_oldest_that_is_kept() {
    let network = Network::new();
    let setup = network.node("hub").listening();
    let hub = Hub::of(setup.limits(|limits| limits.changes_kept_bytes = 65_536)).await;
    let desk = network.node("desk").dialing(&hub.node).start().await;
    let mut people = live(&desk, watch_from(WatchFrom::All)).await;
    create(&desk, "Ann").await;
    let ann = cursor_of(&next(&mut people).await);
    drop(people);
    for n in 0..1_200 {
        create(&desk, &format!("{n:0>64}")).await;
    }

    let error =
        refused(desk.peer("hub").subscribe("people", watch_from(WatchFrom::Cursor(ann)))).await;
    assert_eq!(error.code(), Code::OutOfRange, "{error}");
    let oldest = failed(&error).text("oldest").unwrap().parse().unwrap();
    let mut kept = live(&desk, watch_from(WatchFrom::Cursor(oldest))).await;
    let mut all = live(&desk, watch_from(WatchFrom::All)).await;
    let first = told(&mut kept, 1).await;
    assert_eq!(told(&mut all, 1).await, first);
    assert_ne!(first[0].1, "Ann");
}
