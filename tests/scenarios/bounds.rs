//! What one peer, or one address, may take of a node.

use bothways::protocol::{CloseCode, Effect, Encoded, Greeting, Method, Outgoing, Reply, Role};
use bothways::{Node, RequestError};
use bothways_tests::{
    Echo, Lab, Network, Slow, certified, close_of, request, showing, soon, until, until_session,
};
use quinn::ConnectionError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::net::UdpSocket;

use crate::support::{Beset, ask, begin_slow, echo, failure, told};

const REFUSED: u64 = 2;

#[tokio::test]
async fn a_node_waits_for_a_place_rather_than_ask_more_than_its_peer_takes_at_once() {
    let (network, lab) = (Network::new(), Lab::new());
    let hub = network.node("hub").listening().answering(lab.routes());
    let hub = hub.limits(|limits| limits.requests_in_flight = 3).start().await;
    let ann = network.node("ann").dialing(&hub).start().await;
    until_session(&ann, "hub").await;

    let asked: Vec<_> = (0..20).map(|_| begin_slow(&ann, "hub")).collect();
    lab.until("three handlers", |seen| seen.started == 3).await;
    assert_eq!(lab.seen().started, 3);
    lab.release(20);

    for answer in asked {
        assert_eq!(soon("an answer", answer).await.unwrap().unwrap(), "at last");
    }
    assert_eq!(lab.seen().ended, 20);
}

#[tokio::test]
async fn a_peer_that_asks_more_at_once_than_it_may_is_told_so_for_each() {
    let beset = Beset::new().await;
    let raw = beset.network.raw("ann").session(beset.address()).await;
    assert_eq!(raw.theirs.limits.in_flight, 64);
    let mut in_flight = Vec::new();
    for _ in 0..64 {
        let mut stream = raw.begin(&request("lab.slow", &Slow {}).encode()).await;
        stream.finish();
        in_flight.push(stream);
    }
    beset.lab.until("all places taken", |seen| seen.started == 65).await;

    for _ in 0..30 {
        let more = failure(raw.ask(&request("lab.slow", &Slow {})).await);
        assert_eq!(told(&more), ("resource_exhausted", Some("in_flight")));
        assert_eq!(more.retry, bothways::protocol::Retry::After);
    }

    beset.lab.release(65);
    for mut stream in in_flight {
        assert!(matches!(stream.reply().await, Reply::Result(_)));
    }
    let again = raw.ask(&request("lab.echo", &Echo { text: "again".to_owned() })).await;
    assert!(matches!(again, Reply::Result(_)), "{again:?}");
    beset.stands().await;
}

#[tokio::test]
async fn one_peer_has_four_connections_and_no_more() {
    let beset = Beset::new().await;
    let client = beset.network.raw("cli");
    let as_client = |hello: &mut Greeting| hello.role = Role::Client;
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(client.greet(beset.address(), as_client).await.unwrap());
    }

    let fifth = client.greet(beset.address(), as_client).await.err().unwrap();

    let (code, reason) = close_of(&fifth);
    assert_eq!(code, Some(CloseCode::TooManyConnections));
    assert_eq!(reason, "cli has 4 connections already");
    held.pop().unwrap().connection.close(0_u32.into(), b"bye");
    until(&beset.hub, "a place", |sessions| sessions.len() == 4).await;
    assert!(client.greet(beset.address(), as_client).await.is_ok());
    beset.stands().await;
}

#[tokio::test]
async fn one_address_has_so_many_handshakes_at_once_and_no_more() {
    let beset = Beset::with(|limits| limits.unauthenticated_per_address = 3).await;
    let stranger = beset.network.raw("stranger").from("127.0.0.2:0");
    let mut silent = Vec::new();
    for _ in 0..3 {
        silent.push(stranger.connect(beset.address()).await.unwrap());
    }

    let refused = stranger.connect(beset.address()).await.unwrap_err();

    let ConnectionError::ConnectionClosed(close) = refused else { panic!("{refused:?}") };
    assert_eq!(u64::from(close.error_code), REFUSED);
    beset.stands().await;
}

#[tokio::test]
async fn a_node_under_pressure_lets_in_who_shows_that_it_receives_at_its_address() {
    let beset = Beset::with(|limits| {
        limits.retry_above_handshakes = 4;
        limits.unauthenticated_per_address = 1_000;
    })
    .await;
    // Initials that are well formed, sent by somebody who never answers: as if from a forged
    // address.
    let forger = UdpSocket::bind("127.0.0.2:0").await.unwrap();
    let initials = initials_for(&beset.network, 100).await;

    for initial in &initials {
        forger.send_to(initial, beset.address()).await.unwrap();
    }

    let retried = async {
        let mut datagram = [0; 1500];
        loop {
            let length = forger.recv(&mut datagram).await.unwrap();
            // A Retry of version 1 (RFC 9000 §17.2.5).
            if length > 5 && datagram[0] & 0xf0 == 0xf0 && datagram[1..5] == [0, 0, 0, 1] {
                return;
            }
        }
    };
    soon("a Retry", retried).await;
    beset.stands().await;
}

/// So many Initials of handshakes with the hub, each of another connection.
async fn initials_for(network: &Network, count: usize) -> Vec<Vec<u8>> {
    let catcher = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = catcher.local_addr().unwrap();
    let mut initials = Vec::new();
    let mut datagram = [0; 1500];
    while initials.len() < count {
        let dialer = network.raw("stranger");
        let dialing = tokio::spawn(async move { dialer.connect(address).await });
        let length = soon("an Initial", catcher.recv(&mut datagram)).await.unwrap();
        dialing.abort();
        initials.push(datagram[..length].to_vec());
        while catcher.try_recv(&mut datagram).is_ok() {}
    }
    initials
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Big {
    text: String,
}

impl Method for Big {
    const NAME: &'static str = "lab.big";
    const EFFECT: Effect = Effect::Reads;
    const ABOUT: &'static str = "Takes a large message";
    const MESSAGE_BYTES: usize = 512 * 1024;
    type Result = String;

    fn example() -> Self {
        Self { text: "large".to_owned() }
    }
}

struct Bigs;

impl Bigs {
    async fn big(
        &self,
        _: bothways::service::Context,
        Big { text }: Big,
    ) -> Result<String, bothways::protocol::Failure> {
        Ok(text)
    }
}

async fn hub_of_big(network: &Network) -> Node {
    let routes = bothways::service::Router::default().on(&std::sync::Arc::new(Bigs), Bigs::big);
    let hub = network.node("hub").listening().answering(routes.and(Lab::new().routes()));
    hub.start().await
}

#[tokio::test]
async fn a_method_that_declares_a_larger_message_gets_it_and_the_others_do_not() {
    let network = Network::new();
    let hub = hub_of_big(&network).await;
    let ann = network.node("ann").dialing(&hub).start().await;
    let text = "x".repeat(500_000);

    assert_eq!(ask(&ann, "hub", Big { text: text.clone() }).await.unwrap(), text);
    let refused = ask(&ann, "hub", Echo { text: "x".repeat(70_000) }).await.unwrap_err();

    assert_eq!(told(refused.failure().unwrap()), ("resource_exhausted", Some("message_too_large")));
    assert_eq!(refused.retry(), bothways::protocol::Retry::Never);
}

#[tokio::test]
async fn a_request_that_is_too_large_for_the_peer_is_not_even_sent() {
    let network = Network::new();
    let hub = hub_of_big(&network).await;
    let ann = network.node("ann").dialing(&hub).start().await;
    until_session(&ann, "hub").await;

    let refused = ask(&ann, "hub", Big { text: "x".repeat(600_000) }).await.unwrap_err();

    assert!(matches!(refused, RequestError::TooLarge { max: 524_288, .. }), "{refused:?}");
    assert_eq!(hub.sessions()[0].requests_in, 0);
}

#[tokio::test]
async fn an_answer_that_is_larger_than_its_method_says_is_not_taken() {
    let network = Network::new();
    let hub = network.raw_listener("hub");
    let ann = network.node("ann").dialing_at("hub", hub.address()).start().await;
    let session = hub.welcome(|_| {}).await;
    let asked = begin_slow(&ann, "hub");
    let mut stream = bothways_tests::RawStream::accept(&session.connection).await;
    stream.message().await;

    let huge = Encoded::of(&"x".repeat(70_000)).unwrap();
    stream.send(&Reply::Result(huge).encode()).await;

    let refused = soon("an answer", asked).await.unwrap().unwrap_err();
    assert!(matches!(refused, RequestError::Answer { .. }), "{refused:?}");
}

#[tokio::test]
async fn what_one_peer_leaves_unfinished_is_bounded() {
    let beset = Beset::with(|limits| {
        limits.assembling_bytes_per_peer = 1_048_576;
    })
    .await;
    let raw = beset.network.raw("ann").session(beset.address()).await;
    // Messages of 60,000 bytes, each without its last one.
    let unfinished = [&[0x59, 0xea, 0x60][..], &[0; 59_999]].concat();
    let (heard, mut replies) = tokio::sync::mpsc::channel(1);
    for _ in 0..30 {
        let (mut stream, heard) = (raw.begin(&unfinished).await, heard.clone());
        tokio::spawn(async move { heard.send(stream.reply().await).await });
    }

    let crowded = failure(soon("a refusal", replies.recv()).await.unwrap());

    assert_eq!(told(&crowded), ("resource_exhausted", Some("assembling")));
    beset.stands().await;
}

#[tokio::test]
async fn a_certificate_that_was_refused_leaves_no_place_taken() {
    let beset = Beset::with(|limits| limits.unauthenticated_per_address = 2).await;
    let foreign = certified(&Network::new().identity("stranger"));
    let stranger = beset.network.raw("stranger").tls(|tls| showing(tls, foreign));

    for _ in 0..10 {
        let refused = stranger.refusal(beset.address()).await;
        let ConnectionError::ConnectionClosed(close) = refused else { panic!("{refused:?}") };
        assert_ne!(u64::from(close.error_code), REFUSED, "refused for its certificate");
    }

    let newcomer = beset.network.node("ben").dialing(&beset.hub).start().await;
    assert_eq!(echo(&newcomer, "hub").await.unwrap(), "to hub");
    beset.stands().await;
}
