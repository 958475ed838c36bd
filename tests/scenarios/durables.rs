//! Durable subscriptions until they are forgotten, and what a subscription is spared for which
//! nothing changes for longer than history is kept.

use bothways::domain::people::{CreatePerson, DeletePerson};
use bothways::protocol::{
    Cursor, DurableName, DurableStanding, Durables, Encoded, Forget, IdempotencyKey, ListDurables,
    Watch, WatchFrom,
};
use bothways::{Node, RequestError, Subscription};
use bothways_tests::{Network, soon};

use crate::support::{Hub, ask, told as code_of};
use crate::watching::{create, live, next, refused, until_live, watch_from};

/// How many people are more than that hub keeps, on its disk and in what it told lately.
const MUCH: u64 = 1_100;

/// A hub that keeps few changes, and moves cursors often.
async fn forgetful(network: &Network) -> Hub {
    let setup = network.node("hub").listening().limits(|limits| {
        limits.changes_kept_bytes = 65_536;
        limits.cursor_moves = std::time::Duration::from_millis(20);
    });
    Hub::of(setup).await
}

fn deletions() -> Watch {
    Watch { topics: vec!["people.deleted".to_owned()], ..Watch::default() }
}

fn durable(name: &str) -> Watch {
    Watch { durable: Some(name.parse().unwrap()), ..Watch::default() }
}

fn durable_deletions(name: &str) -> Watch {
    Watch { durable: durable(name).durable, ..deletions() }
}

/// Writes more than the hub keeps, nothing of which is for who watches deletions.
async fn much_happens(node: &Node) {
    let long = "𐍈".repeat(64);
    for _ in 0..MUCH {
        let params =
            CreatePerson { name: long.parse().unwrap(), title: Some(long.parse().unwrap()) };
        ask(node, "hub", params).await.unwrap();
    }
}

async fn until_behind(subscription: &Subscription, place: &Cursor) {
    let moved = async {
        while subscription.cursor().as_ref() != Some(place) {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    soon("the cursor's move", moved).await;
}

/// Where the newest change at the hub is, as this node's cursor.
async fn newest(node: &Node) -> Cursor {
    ask(node, "hub", bothways::domain::people::ListPeople::default()).await.unwrap().cursor
}

async fn call<R: serde::de::DeserializeOwned>(
    node: &Node,
    method: &str,
    params: &impl serde::Serialize,
) -> Result<R, RequestError> {
    let params = Encoded::of(params).unwrap();
    let answer = soon("an answer", node.peer("hub").call(method, params)).await?;
    Ok(answer.decode().unwrap())
}

async fn durables(node: &Node) -> Vec<DurableStanding> {
    call::<Durables>(node, "people.durables", &ListDurables {}).await.unwrap().durables
}

async fn forget(node: &Node, name: &str) -> Result<(), RequestError> {
    let durable: DurableName = name.parse().unwrap();
    call::<std::collections::BTreeMap<String, u8>>(node, "people.forget", &Forget { durable })
        .await
        .map(drop)
}

#[tokio::test]
async fn who_hears_nothing_for_as_long_as_history_is_kept_resumes_all_the_same() {
    let network = Network::new();
    let hub = forgetful(&network).await;
    let writer = network.node("writer").dialing(&hub.node).start().await;
    let desk = network.node("desk").dialing(&hub.node).start().await;
    let mut quiet = live(&desk, deletions()).await;
    let began = quiet.cursor().unwrap();
    let ann = create(&writer, "Ann").await;
    much_happens(&writer).await;
    until_behind(&quiet, &newest(&desk).await).await;
    let place = quiet.cursor().unwrap();

    // By itself, over a session that is cut.
    let mut state = quiet.state();
    state.mark_unchanged();
    drop(network.raw("desk").session(hub.address()).await);
    soon("the cut", state.changed()).await.unwrap();
    until_live(&quiet).await;
    ask(&writer, "hub", DeletePerson { id: ann.id, expect: None }).await.unwrap();
    assert_eq!(next(&mut quiet).await.topic, "people.deleted");

    // And by the cursor that its subscriber has kept.
    let kept = Watch { from: Some(WatchFrom::Cursor(place)), ..deletions() };
    assert_eq!(next(&mut live(&desk, kept).await).await.topic, "people.deleted");
    let error =
        refused(desk.peer("hub").subscribe("people", watch_from(WatchFrom::Cursor(began.clone()))));
    assert_eq!(code_of(error.await.failure().unwrap()), ("out_of_range", Some("trimmed")));

    // What cannot be followed takes no place that stands.
    drop(live(&desk, durable("mine")).await);
    let stood = durables(&desk).await;
    let lost = Watch { from: Some(WatchFrom::Cursor(began)), ..durable("mine") };
    let error = refused(desk.peer("hub").subscribe("people", lost)).await;
    assert_eq!(code_of(error.failure().unwrap()), ("out_of_range", Some("trimmed")));
    assert_eq!(durables(&desk).await[0].cursor, stood[0].cursor);
}

#[tokio::test]
async fn a_durable_subscription_that_hears_nothing_is_moved_on_and_one_that_owes_a_word_is_not() {
    let network = Network::new();
    let hub = forgetful(&network).await;
    let writer = network.node("writer").dialing(&hub.node).start().await;
    let desk = network.node("desk").dialing(&hub.node).start().await;
    let ann = create(&writer, "Ann").await;
    let quiet = live(&desk, durable_deletions("quiet")).await;
    let mut owing = live(&desk, durable("owing")).await;
    next(&mut owing).await;
    much_happens(&writer).await;
    let moved = async {
        // It follows what the other subscribers acknowledge as well, so it is never quite there.
        while durables(&desk).await[1].behind > 10 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    soon("the durable cursor's move", moved).await;
    let standing = durables(&desk).await;
    let names: Vec<_> = standing.iter().map(|durable| durable.name.as_str()).collect();
    assert_eq!(names, ["owing", "quiet"]);
    assert!(standing[0].behind > MUCH, "{standing:?}");
    drop((quiet, owing));
    desk.stop().await;

    let desk = network.node("desk").dialing(&hub.node).start().await;
    let mut quiet = live(&desk, durable_deletions("quiet")).await;
    ask(&writer, "hub", DeletePerson { id: ann.id, expect: None }).await.unwrap();
    assert_eq!(next(&mut quiet).await.topic, "people.deleted");
    let error = refused(desk.peer("hub").subscribe("people", durable("owing"))).await;
    assert_eq!(code_of(error.failure().unwrap()), ("out_of_range", Some("trimmed")));
}

#[tokio::test]
async fn a_durable_subscription_is_listed_until_it_is_forgotten_and_then_begins_anew() {
    let network = Network::new();
    let hub = Hub::new(&network).await;
    let desk = network.node("desk").dialing(&hub.node).start().await;
    let till = network.node("till").dialing(&hub.node).start().await;
    for name in ["Ann", "Ben"] {
        create(&desk, name).await;
    }
    let mut people = live(&desk, durable("mine")).await;
    let event = next(&mut people).await;
    soon("an acknowledgement", people.acknowledge(&event)).await.unwrap();
    let standing = durables(&desk).await;
    let (name, behind) = (standing[0].name.as_str(), standing[0].behind);
    assert_eq!((standing.len(), name, standing[0].cursor.bytes()), (1, "mine", &event.cursor));
    assert_eq!(behind, 3, "Ben, where it began, and where it was moved to");
    assert!(durables(&till).await.is_empty(), "they are their caller's own");
    assert_eq!(forget(&till, "mine").await.unwrap_err().code().as_str(), "not_found");

    forget(&desk, "mine").await.unwrap();
    assert!(durables(&desk).await.is_empty());
    assert_eq!(forget(&desk, "mine").await.unwrap_err().code().as_str(), "not_found");
    let error = soon("a refusal", people.acknowledge(&event)).await.unwrap_err();
    assert_eq!(error.code().as_str(), "not_found");
    let mut anew = live(&desk, durable("mine")).await;
    assert_eq!(next(&mut anew).await, event, "with all that is kept");
}

#[tokio::test]
async fn to_forget_under_one_key_is_to_forget_once() {
    let network = Network::new();
    let hub = Hub::new(&network).await;
    let desk = network.node("desk").dialing(&hub.node).start().await;
    drop(live(&desk, durable("mine")).await);
    let peer = desk.peer("hub").with_key(IdempotencyKey([7; 16]));
    let params = Encoded::of(&Forget { durable: "mine".parse().unwrap() }).unwrap();
    soon("an answer", peer.call("people.forget", params.clone())).await.unwrap();
    drop(live(&desk, durable("mine")).await);
    soon("an answer", peer.call("people.forget", params)).await.unwrap();
    assert_eq!(durables(&desk).await.len(), 1, "the one that was begun since");
}

#[tokio::test]
async fn of_a_peers_durable_subscriptions_the_sixty_fifth_is_refused_until_one_is_forgotten() {
    let network = Network::new();
    let hub = Hub::new(&network).await;
    let desk = network.node("desk").dialing(&hub.node).start().await;
    for n in 0..64 {
        drop(live(&desk, durable(&format!("d{n}"))).await);
    }
    let error = refused(desk.peer("hub").subscribe("people", durable("d64"))).await;
    let failure = error.failure().unwrap();
    assert_eq!(code_of(failure), ("resource_exhausted", Some("durables")));
    assert!(failure.message.contains("<service>.forget"), "{}", failure.message);
    assert_eq!(durables(&desk).await.len(), 64);
    forget(&desk, "d7").await.unwrap();
    drop(live(&desk, durable("d64")).await);
    drop(live(&desk, durable("d8")).await);
}

#[tokio::test]
async fn a_durable_subscription_keeps_its_topics_until_it_begins_anew() {
    let network = Network::new();
    let hub = Hub::new(&network).await;
    let desk = network.node("desk").dialing(&hub.node).start().await;
    drop(live(&desk, durable("mine")).await);

    let error = refused(desk.peer("hub").subscribe("people", durable_deletions("mine"))).await;
    assert_eq!(code_of(error.failure().unwrap()), ("failed_precondition", Some("topics")));

    let anew = Watch { from: Some(WatchFrom::Now), ..durable_deletions("mine") };
    drop(live(&desk, anew).await);
    drop(live(&desk, durable_deletions("mine")).await);
}
