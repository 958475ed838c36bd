//! A write acts once, however often it is sent.

use bothways::domain::people::{CreatePerson, ListPeople, Person};
use bothways::protocol::{Effect, IdempotencyKey, Method, Outgoing, Reply, Request, Role};
use bothways_tests::{Network, Program, RawSession, SlowWrite, request, soon};

use crate::support::{Beset, Hub, ask, failure, told};

const KEY: IdempotencyKey = IdempotencyKey([7; 16]);

async fn session(network: &Network, hub: &Hub, name: &str) -> RawSession {
    let dialer = network.raw(name);
    let client = dialer.greet(hub.address(), |hello| hello.role = Role::Client);
    client.await.unwrap()
}

fn create(name: &str) -> CreatePerson {
    CreatePerson { name: name.parse().unwrap(), title: None }
}

fn with_key(name: &str) -> Request {
    Request { key: Some(KEY), ..request(CreatePerson::NAME, &create(name)) }
}

async fn names(hub: &Hub) -> Vec<String> {
    let page = ask(&hub.node, "hub", ListPeople::default()).await.unwrap();
    page.people.iter().map(|person| person.name.as_str().to_owned()).collect()
}

fn person(reply: Reply) -> Person {
    match reply {
        Reply::Result(result) => result.decode().unwrap(),
        other => panic!("a person was due: {other:?}"),
    }
}

#[tokio::test]
async fn a_write_without_a_key_is_refused_and_does_nothing() {
    let beset = Beset::new().await;
    let raw = beset.network.raw("ann").session(beset.address()).await;
    assert_eq!(SlowWrite::EFFECT, Effect::Writes);

    let refused = failure(raw.ask(&request(SlowWrite::NAME, &SlowWrite {})).await);

    assert_eq!(told(&refused), ("invalid_argument", Some("key_missing")));
    assert_eq!(refused.text("field"), Some("key"));
    assert_eq!(beset.lab.seen().started, 1, "the friend's, and no other");
    beset.stands().await;
}

#[tokio::test]
async fn a_retry_with_the_same_key_gets_the_same_response() {
    let network = Network::new();
    let hub = Hub::new(&network).await;
    let raw = session(&network, &hub, "ann").await;

    let first = raw.ask(&with_key("Ann")).await;
    // Another attempt is another span, another deadline, and the same write.
    let retry =
        Request { attempt: 2, deadline: std::time::Duration::from_secs(3), ..with_key("Ann") };
    let second = raw.ask(&retry).await;

    assert_eq!(first, second);
    assert_eq!(names(&hub).await, ["Ann"]);
}

#[tokio::test]
async fn the_same_key_with_other_params_is_refused() {
    let network = Network::new();
    let hub = Hub::new(&network).await;
    let raw = session(&network, &hub, "ann").await;
    person(raw.ask(&with_key("Ann")).await);

    let reused = failure(raw.ask(&with_key("Ben")).await);

    assert_eq!(told(&reused), ("already_exists", Some("key_reused")));
    assert_eq!(names(&hub).await, ["Ann"]);
}

#[tokio::test]
async fn a_key_is_its_caller_s_own() {
    let network = Network::new();
    let hub = Hub::new(&network).await;
    let (ann, ben) = (session(&network, &hub, "ann").await, session(&network, &hub, "ben").await);

    let first = person(ann.ask(&with_key("Same")).await);
    let second = person(ben.ask(&with_key("Same")).await);

    assert_ne!(first.id, second.id);
    assert_eq!(second.created_by.unwrap().as_str(), "ben");
}

#[tokio::test]
async fn one_write_sent_on_many_connections_at_once_acts_once() {
    let network = Network::new();
    let hub = Hub::new(&network).await;
    let mut sessions = Vec::new();
    for _ in 0..4 {
        sessions.push(session(&network, &hub, "ann").await);
    }

    let mut streams = Vec::new();
    for number in 0..40 {
        let mut stream = sessions[number % 4].begin(&with_key("Ann").encode()).await;
        stream.finish();
        streams.push(stream);
    }
    let mut answers = Vec::new();
    for mut stream in streams {
        answers.push(person(stream.reply().await));
    }

    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(names(&hub).await, ["Ann"]);
}

#[tokio::test]
async fn a_repeated_write_answers_what_it_wrote_and_not_what_became_of_it() {
    let network = Network::new();
    let hub = Hub::new(&network).await;
    let raw = session(&network, &hub, "ann").await;
    let ann = person(raw.ask(&with_key("Ann")).await);
    let delete = bothways::domain::people::DeletePerson { id: ann.id, expect: None };
    ask(&hub.node, "hub", delete).await.unwrap();

    let again = person(raw.ask(&with_key("Ann")).await);

    assert_eq!(again, ann);
    assert!(names(&hub).await.is_empty(), "it is not written once more");
}

#[tokio::test]
async fn a_key_outlives_the_node_that_took_it() {
    let (network, data) = (Network::new(), tempfile::tempdir().unwrap());
    let mut answers = Vec::new();
    for _ in 0..2 {
        let hub = Hub::on(&network, data.path()).await;
        let ann = network.node("ann").dialing(&hub.node).start().await;
        let peer = ann.peer("hub").with_key(KEY);
        answers.push(soon("an answer", peer.request(create("Ann"))).await.unwrap());
        assert_eq!(names(&hub).await, ["Ann"]);
        hub.stop().await;
    }

    assert_eq!(answers[0], answers[1]);
}

#[tokio::test]
async fn a_key_outlives_a_kill_of_the_node_that_took_it() {
    let network = Network::new();
    let program = Program::of(&network);
    ["hub", "cli"].iter().for_each(|name| program.keep(&network.identity(name)));
    let data = program.path("data").display().to_string();
    let (key, mut said) = ("07".repeat(16), Vec::new());
    for _ in 0..2 {
        let hub = program.start("hub", &["--data", &data]).await;
        let at = format!("hub@{}", hub.address);
        let create = [&at, "people.create", "name=Ann", "--idempotency-key", &key, "-o", "json"];
        said.push(program.run_as("cli", "call", &create).await);
        let list = program.run_as("cli", "call", &[&at, "people.list", "-o", "json"]).await;
        assert_eq!(list.data.matches("\"name\":\"Ann\"").count(), 1, "{list:?}");
        hub.kill().await;
    }
    assert_eq!((said[0].code, &said[0].data), (Some(0), &said[1].data));
}
