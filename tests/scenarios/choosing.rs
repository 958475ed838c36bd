//! Which session a request takes, and what becomes of it where that one takes no more.

use std::sync::Arc;
use std::time::Duration;

use bothways::RequestError;
use bothways::protocol::{
    CloseCode, Code, Control, Effect, Encoded, Failure, Farewell, GoingAway, Greeting, Method,
    Outgoing, Reply, ResetCode, Role,
};
use bothways::service::{Context, Router};
use bothways_tests::{
    Echo, Lab, Network, RawListener, RawStream, greeting, soon, until, until_session,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::support::{ask, begin_slow, echo};

#[tokio::test]
async fn a_command_under_a_node_s_name_does_not_hide_the_node() {
    let (network, lab) = (Network::new(), Lab::new());
    let hub = network.node("hub").listening().start().await;
    let identity = network.identity("ann");
    let _ann = network.node_as(identity).dialing(&hub).answering(lab.routes()).start().await;
    until_session(&hub, "ann").await;
    let address = hub.listening().next().unwrap();
    let as_client = |hello: &mut Greeting| hello.role = Role::Client;
    let _command = network.raw("ann").greet(address, as_client).await.unwrap();
    until(&hub, "both", |sessions| sessions.len() == 2).await;

    assert_eq!(echo(&hub, "ann").await.unwrap(), "to ann");
}

#[tokio::test]
async fn a_command_under_a_node_s_name_does_not_keep_others_from_dialing_the_node() {
    let (network, lab) = (Network::new(), Lab::new());
    let address = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let ann = network.node("ann").listening().dialing_at("hub", address).start().await;
    let hello = Greeting { role: Role::Client, ..greeting("hub") };
    let at_ann = ann.listening().next().unwrap();
    let _command = network.raw("hub").session_with("ann", at_ann, hello).await;
    until_session(&ann, "hub").await;

    let _hub = network.node("hub").listening_at(address).answering(lab.routes()).start().await;

    assert_eq!(echo(&ann, "hub").await.unwrap(), "to hub");
}

#[tokio::test]
async fn a_node_that_comes_does_not_send_away_the_commands_under_its_name() {
    let network = Network::new();
    let hub = network.node("hub").listening().start().await;
    let address = hub.listening().next().unwrap();
    let as_client = |hello: &mut Greeting| hello.role = Role::Client;
    let _command = network.raw("ann").greet(address, as_client).await.unwrap();
    until_session(&hub, "ann").await;

    let _ann = network.raw("ann").greet(address, |hello| hello.boot_ms = 2).await.unwrap();

    until(&hub, "both", |sessions| sessions.len() == 2).await;
    assert!(hub.sessions().iter().all(|session| !session.draining));
}

#[tokio::test]
async fn a_request_that_waits_for_a_place_goes_to_the_session_that_took_over() {
    let network = Network::new();
    let hub = network.raw_listener("hub");
    let ann = network.node("ann").listening().dialing_at("hub", hub.address()).start().await;
    let full = hub.welcome(|welcome| welcome.limits.in_flight = 1).await;
    until_session(&ann, "hub").await;
    let first = begin_slow(&ann, "hub");
    let mut in_flight = RawStream::accept(&full.connection).await;
    in_flight.message().await;
    let second = begin_slow(&ann, "hub");
    until(&ann, "one request", |sessions| sessions[0].requests_out == 1).await;

    let hello = Greeting { boot_ms: 2, ..greeting("hub") };
    let address = ann.listening().next().unwrap();
    let other = network.raw("hub").session_with("ann", address, hello).await;

    let mut moved = RawStream::accept(&other.connection).await;
    moved.message().await;
    moved.send(&Reply::Result(Encoded::of("elsewhere").unwrap()).encode()).await;
    moved.finish();
    assert_eq!(soon("an answer", second).await.unwrap().unwrap(), "elsewhere");
    in_flight.send(&Reply::Result(Encoded::of("at last").unwrap()).encode()).await;
    in_flight.finish();
    assert_eq!(soon("an answer", first).await.unwrap().unwrap(), "at last");
}

#[tokio::test]
async fn a_request_that_is_thrown_back_by_a_session_that_stays_is_told_so() {
    let network = Network::new();
    let hub = network.raw_listener("hub");
    let ann = network.node("ann").dialing_at("hub", hub.address()).start().await;
    let session = hub.welcome(|_| {}).await;
    until_session(&ann, "hub").await;
    let peer = ann.peer("hub");
    let asked = tokio::spawn(async move { peer.request(Echo { text: String::new() }).await });

    for _attempt in 1..=16 {
        let mut stream = RawStream::accept(&session.connection).await;
        stream.message().await;
        stream.send.reset(ResetCode::NotProcessed.number().into()).unwrap();
    }

    let thrown_back = soon("an answer", asked).await.unwrap().unwrap_err();
    assert!(matches!(thrown_back, RequestError::NotSent { .. }), "{thrown_back:?}");
}

#[tokio::test]
async fn a_peer_that_goes_away_and_stays_is_left_after_the_longest_deadline() {
    let network = Network::new();
    let hub = network.raw_listener("hub");
    let ann = network.node("ann").dialing_at("hub", hub.address()).limits(|limits| {
        limits.deadline_default = Duration::from_millis(200);
        limits.deadline_max = Duration::from_millis(200);
    });
    let ann = ann.start().await;
    let mut lingering = hub.welcome(|_| {}).await;
    until_session(&ann, "hub").await;

    let away = GoingAway { last: None, retry_after: None, why: Farewell::Other };
    lingering.control.send(&Control::GoingAway(away).encode()).await;

    assert_eq!(lingering.closed().await.0, Some(CloseCode::Bye));
    let _again = hub.welcome(|_| {}).await;
    until_session(&ann, "hub").await;
}

#[tokio::test]
async fn the_reason_of_a_close_has_at_most_256_bytes() {
    let network = Network::new();
    let hub = network.node("hub").listening().start().await;
    let raw = network.raw("ann").connect(hub.listening().next().unwrap()).await.unwrap();
    let mut control = RawStream::open(&raw).await;
    let hello = Control::Hello(greeting("ann")).encode();
    // Each of these characters is shown as an escape of ten.
    let name = "\u{10ffff}".repeat(63);
    let text = |text: &str| [&[0x78, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    let body = &hello[hello.iter().position(|byte| *byte == 0xa1).unwrap()..];
    let at = body.windows(4).position(|bytes| bytes == b"\x63ann").unwrap();
    let body = [&body[..at], &text(&name), &body[at + 4..]].concat();
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();

    control.send(&[&[0x59], &length[..], &body].concat()).await;

    let closed = soon("a close", raw.closed()).await;
    let (code, reason) = bothways_tests::close_of(&closed);
    assert_eq!(code, Some(CloseCode::ProtocolError));
    assert!(reason.contains("name") && reason.len() <= 256, "{} bytes", reason.len());
}

/// The length of the request that arrives where the hub says that it takes so many bytes.
async fn arrives(network: &Network, hub: &RawListener, name: &str, takes: usize) -> usize {
    let node = network.node(name).dialing_at("hub", hub.address()).start().await;
    let takes = u32::try_from(takes).unwrap();
    let session = hub.welcome(|welcome| welcome.limits.message_bytes = takes).await;
    let peer = node.peer("hub");
    tokio::spawn(async move { peer.request(Echo { text: "x".repeat(1_000) }).await });
    RawStream::accept(&session.connection).await.message().await.len()
}

#[tokio::test]
async fn a_request_that_is_just_as_large_as_the_peer_takes_is_sent() {
    let network = Network::new();
    let hub = network.raw_listener("hub");
    let bytes = arrives(&network, &hub, "ann", 65_536).await;

    assert_eq!(arrives(&network, &hub, "ben", bytes).await, bytes);
}

/// Takes small messages only.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Small {}

impl Method for Small {
    const NAME: &'static str = "lab.small";
    const EFFECT: Effect = Effect::Reads;
    const ABOUT: &'static str = "Takes small messages only";
    const MESSAGE_BYTES: usize = 256;
    type Result = ();

    fn example() -> Self {
        Self {}
    }
}

struct Smalls;

impl Smalls {
    async fn fail(&self, _: Context, _: Small) -> Result<(), Failure> {
        Err(Failure::new(Code::FailedPrecondition, "x".repeat(1_000)))
    }
}

#[tokio::test]
async fn a_failure_crosses_however_small_the_messages_of_its_method_are() {
    let network = Network::new();
    let routes = Router::default().on(&Arc::new(Smalls), Smalls::fail);
    let hub = network.node("hub").listening().answering(routes).start().await;
    let ann = network.node("ann").dialing(&hub).start().await;

    let failed = ask(&ann, "hub", Small {}).await.unwrap_err();

    assert_eq!(failed.failure().unwrap().message.len(), 1_000);
}

#[tokio::test]
async fn a_peer_that_crashes_again_and_again_is_let_in_each_time() {
    let network = Network::new();
    let hub = network.node("hub").listening().start().await;
    let address = hub.listening().next().unwrap();
    let mut crashed = Vec::new();
    for boot_ms in 1..=8 {
        let ann = network.raw("ann").greet(address, |hello| hello.boot_ms = boot_ms).await;
        let ann = ann.unwrap();
        // What it was asked is not answered, and nobody says that it has gone.
        let asked = begin_slow(&hub, "ann");
        let mut stream = RawStream::accept(&ann.connection).await;
        stream.message().await;
        crashed.push((ann, asked, stream));
    }

    until(&hub, "four at the most", |sessions| sessions.len() <= 4).await;
    let (first, asked, _stream) = crashed.swap_remove(0);
    assert_eq!(first.closed().await.0, Some(CloseCode::Replaced));
    let lost = soon("an answer", asked).await.unwrap().unwrap_err();
    assert!(matches!(lost, RequestError::Lost { .. }), "{lost:?}");
}
