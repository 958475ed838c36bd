//! One session with each peer: which connection stays, and what becomes of the other.

use std::net::SocketAddr;
use std::time::Duration;

use bothways::protocol::{
    CloseCode, Code, Control, Encoded, Failure, Farewell, GoingAway, Greeting, Outgoing, Reply,
    Role,
};
use bothways::service::Ping;
use bothways::{Node, RequestError, SessionInfo, Stopped};
use bothways_tests::{
    Lab, Network, Program, RawStream, Slow, SlowCallBack, gone, greeting, request, soon, until,
    until_session,
};
use quinn::{ConnectionError, TransportErrorCode};

use crate::support::{begin_slow, echo, failure, told};

/// Two nodes that dial each other, each as soon as it starts.
async fn facing_each_other(network: &Network) -> (Node, Node) {
    let (lab, ports) = (Lab::new(), (free_port(), free_port()));
    let node = |name, own, other, other_port| {
        let setup = network.node(name).listening_at(own).dialing_at(other, other_port);
        setup.answering(lab.routes())
    };
    let ann = node("ann", ports.0, "ben", ports.1);
    let ben = node("ben", ports.1, "ann", ports.0);
    let (ann, ben) = tokio::join!(ann.start(), ben.start());
    (ann, ben)
}

/// Waits until two nodes have one session, the same one. On the way there each of them may have
/// two, and for a moment none, where one hears the loser's bye before the winner's welcome.
async fn settled(ann: &Node, ben: &Node) {
    let (mut at_ann, mut at_ben) = (ann.session_changes(), ben.session_changes());
    let settling = async {
        while !is_one(&ann.sessions(), &ben.sessions()) {
            tokio::select! {
                _ = at_ann.changed() => {}
                _ = at_ben.changed() => {}
            }
        }
    };
    soon("one session", settling).await;
}

fn is_one(at_ann: &[SessionInfo], at_ben: &[SessionInfo]) -> bool {
    match (at_ann, at_ben) {
        ([ours], [theirs]) => {
            ours.dialed_by_us != theirs.dialed_by_us && !ours.draining && !theirs.draining
        }
        _ => false,
    }
}

/// An address that was free a moment ago.
fn free_port() -> SocketAddr {
    std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[tokio::test]
async fn of_two_nodes_that_dial_each_other_at_once_one_session_stays_and_no_request_is_lost() {
    let network = Network::new();
    let mut stopping = Vec::new();
    for round in 0..25 {
        let (ann, ben) = facing_each_other(&network).await;
        let asked: Vec<_> = (0..20)
            .map(|number| {
                let (from, to) = if number % 2 == 0 { (&ann, "ben") } else { (&ben, "ann") };
                let (from, to) = (from.clone(), to.to_owned());
                tokio::spawn(async move { echo(&from, &to).await })
            })
            .collect();
        for answer in asked {
            let answer = soon("an answer", answer).await.unwrap();
            assert!(answer.is_ok(), "round {round}: {answer:?}");
        }
        settled(&ann, &ben).await;
        assert_eq!(echo(&ann, "ben").await.unwrap(), "to ben", "round {round}");
        assert_eq!(echo(&ben, "ann").await.unwrap(), "to ann", "round {round}");
        stopping.push(tokio::spawn(async move { tokio::join!(ann.stop(), ben.stop()) }));
    }
    for stopped in stopping {
        soon("a stop", stopped).await.unwrap();
    }
}

#[tokio::test]
async fn a_peer_that_restarted_wins_over_its_own_stale_connection() {
    let (network, lab) = (Network::new(), Lab::new());
    let hub = network.node("hub").listening().start().await;
    // The peer of before: it greets, and is never heard of again.
    let before = network.raw("ann").session(hub.listening().next().unwrap()).await;
    until_session(&hub, "ann").await;

    let _ann = network.node("ann").dialing(&hub).answering(lab.routes()).start().await;

    until(&hub, "the newcomer", |sessions| {
        sessions.iter().any(|session| session.agent != "raw" && !session.draining)
    })
    .await;
    assert_eq!(echo(&hub, "ann").await.unwrap(), "to ann");
    until(&hub, "the stale one gone", |sessions| sessions.len() == 1).await;
    assert_eq!(before.closed().await.0, Some(CloseCode::Replaced));
}

#[tokio::test]
async fn a_request_in_flight_on_the_connection_that_loses_is_answered() {
    let (network, lab) = (Network::new(), Lab::new());
    let hub = network.node("hub").listening().answering(lab.routes()).start().await;
    let address = hub.listening().next().unwrap();
    let mut first = network.raw("ann").session(address).await;
    let mut in_flight = first.begin(&request("lab.slow", &Slow {}).encode()).await;
    in_flight.finish();
    lab.until("the request", |seen| seen.started == 1).await;

    let second = network.raw("ann").session(address).await;
    assert!(matches!(first.control.control().await, Control::GoingAway(GoingAway { .. })));
    lab.release(1);

    assert!(matches!(in_flight.reply().await, Reply::Result(_)));
    assert!(matches!(first.control.control().await, Control::Bye(_)));
    first.connection.close(0_u32.into(), b"bye");
    until(&hub, "one session", |sessions| sessions.len() == 1).await;
    assert!(second.connection.close_reason().is_none());
}

#[tokio::test]
async fn a_request_that_comes_on_a_connection_that_loses_is_told_to_go_elsewhere() {
    let (network, lab) = (Network::new(), Lab::new());
    let hub = network.node("hub").listening().answering(lab.routes()).start().await;
    let address = hub.listening().next().unwrap();
    let mut first = network.raw("ann").session(address).await;
    let held = first.begin(&request("lab.slow", &Slow {}).encode()).await;
    lab.until("the request", |seen| seen.started == 1).await;
    let _second = network.raw("ann").session(address).await;
    assert!(matches!(first.control.control().await, Control::GoingAway(_)));

    let late = failure(first.ask(&request("lab.slow", &Slow {})).await);

    assert_eq!(told(&late), ("unavailable", Some("going_away")));
    assert_eq!(lab.seen().started, 1);
    drop(held);
}

#[tokio::test]
async fn a_handler_whose_connection_loses_still_reaches_its_caller() {
    let (network, lab) = (Network::new(), Lab::new());
    let hub = network.raw_listener("hub");
    let ann = network.node("ann").listening().answering(lab.routes());
    let ann = ann.dialing_at("hub", hub.address()).start().await;
    let losing = hub.welcome(|_| {}).await;
    until_session(&ann, "hub").await;
    let call_back = SlowCallBack { text: "still there".to_owned() };
    let mut asked = losing.begin(&request("lab.slow_call_back", &call_back).encode()).await;
    lab.until("the request", |seen| seen.started == 1).await;

    // The hub dials, from another boot: its newcomer stays.
    let hello = Greeting { boot_ms: 2, ..greeting("hub") };
    let address = ann.listening().next().unwrap();
    let staying = network.raw("hub").session_with("ann", address, hello).await;
    until(&ann, "a loser", |sessions| sessions.iter().any(|session| session.draining)).await;
    lab.release(1);

    // Asked over the losing one, the hub refuses as a node does that drains it.
    let mut refused = RawStream::accept(&losing.connection).await;
    refused.message().await;
    let going_away = Failure::new(Code::Unavailable, "going away").reason("going_away");
    refused.send(&Reply::Error(going_away).encode()).await;
    let mut called = RawStream::accept(&staying.connection).await;
    called.message().await;
    let still_there = Encoded::of("still there").unwrap();
    called.send(&Reply::Result(still_there.clone()).encode()).await;
    called.finish();
    assert_eq!(asked.reply().await, Reply::Result(still_there));
}

#[tokio::test]
async fn programs_of_one_client_stay_connected_side_by_side() {
    let (network, lab) = (Network::new(), Lab::new());
    let hub = network.node("hub").role(Role::Server).listening().answering(lab.routes());
    let hub = hub.start().await;
    let identity = network.identity("cli");
    let client = || network.node_as(identity.clone()).role(Role::Client).dialing(&hub).start();
    let (one, other) = tokio::join!(client(), client());

    assert_eq!(echo(&one, "hub").await.unwrap(), "to hub");
    assert_eq!(echo(&other, "hub").await.unwrap(), "to hub");

    assert_eq!(hub.sessions().len(), 2);
    assert!(hub.sessions().iter().all(|session| !session.draining));
}

#[tokio::test]
async fn a_command_run_with_a_peer_s_identity_does_not_stand_between_it_and_who_asks_it() {
    let (network, lab) = (Network::new(), Lab::new());
    let hub = network.node("hub").listening().answering(lab.routes()).start().await;
    let identity = network.identity("ann");
    let command = || network.node_as(identity.clone()).role(Role::Client).dialing(&hub).start();

    let before = command().await;
    assert_eq!(echo(&before, "hub").await.unwrap(), "to hub");
    let ann = network.node_as(identity.clone()).dialing(&hub).answering(lab.routes());
    let ann = ann.start().await;
    until_session(&ann, "hub").await;
    let after = command().await;
    assert_eq!(echo(&after, "hub").await.unwrap(), "to hub");

    assert_eq!(echo(&hub, "ann").await.unwrap(), "to ann");
    assert!(hub.sessions().iter().all(|session| !session.draining), "{:?}", hub.sessions());
    assert_eq!(hub.sessions().len(), 3);
}

#[tokio::test]
async fn who_dials_a_node_that_stops_is_refused_at_once_and_waits_for_its_restart() {
    let (network, lab) = (Network::new(), Lab::new());
    let address = free_port();
    let hub = || network.node("hub").listening_at(address).answering(lab.routes());
    let first = hub().start().await;
    let ann = network.node("ann").dialing(&first).start().await;
    let in_flight = begin_slow(&ann, "hub");
    lab.until("the request", |seen| seen.started == 1).await;
    let stopping = tokio::spawn(async move { first.stop().await });
    until(&ann, "the drain", |sessions| sessions[0].draining).await;

    let refused = network.raw("ben").refusal(address).await;
    let ConnectionError::ConnectionClosed(close) = refused else { panic!("{refused:?}") };
    assert_eq!(close.error_code, TransportErrorCode::CONNECTION_REFUSED);
    // A minute would be too long for this test: what the dialer waits for is not a handshake.
    let ben = network.node("ben").limits(|limits| limits.handshake = Duration::from_secs(60));
    let ben = ben.dialing_at("hub", address).start().await;
    let asked = tokio::spawn(async move { echo(&ben, "hub").await });
    lab.release(1);
    assert_eq!(soon("an answer", in_flight).await.unwrap().unwrap(), "at last");
    soon("a stop", stopping).await.unwrap();
    let _second = hub().start().await;

    assert_eq!(soon("an answer", asked).await.unwrap().unwrap(), "to hub");
}

#[tokio::test]
async fn a_request_goes_to_the_session_that_is_there_when_the_peer_was_restarted() {
    let (network, lab) = (Network::new(), Lab::new());
    let address = free_port();
    let hub = || network.node("hub").listening_at(address).answering(lab.routes());
    let first = hub().start().await;
    let ann = network.node("ann").dialing(&first).start().await;
    assert_eq!(echo(&ann, "hub").await.unwrap(), "to hub");

    first.stop().await;
    let _second = hub().start().await;

    assert_eq!(echo(&ann, "hub").await.unwrap(), "to hub");
}

#[tokio::test]
async fn a_peer_that_goes_away_and_lingers_is_still_said_goodbye_to_when_the_node_stops() {
    let network = Network::new();
    let hub = network.node("hub").listening().start().await;
    let mut raw = network.raw("ann").session(hub.listening().next().unwrap()).await;
    until_session(&hub, "ann").await;
    let away = GoingAway { last: None, retry_after: None, why: Farewell::Done };
    raw.control.send(&Control::GoingAway(away).encode()).await;
    until(&hub, "a session that drains", |sessions| sessions[0].draining).await;

    let stopping = tokio::spawn(async move { hub.stop().await });

    assert!(matches!(raw.control.control().await, Control::GoingAway(_)));
    assert!(matches!(raw.control.control().await, Control::Bye(_)));
    raw.connection.close(0_u32.into(), b"bye");
    assert_eq!(soon("a stop", stopping).await.unwrap(), Stopped::Drained);
}

#[tokio::test]
async fn a_request_after_a_session_was_lost_waits_for_the_next_one() {
    let network = Network::new();
    let hub = network.raw_listener("hub");
    let ann = network.node("ann").dialing_at("hub", hub.address()).start().await;
    let first = hub.welcome(|_| {}).await;
    until_session(&ann, "hub").await;
    first.connection.close(7_u32.into(), b"gone");
    gone(&ann).await;

    let asked = begin_slow(&ann, "hub");
    let second = hub.welcome(|_| {}).await;
    let mut stream = RawStream::accept(&second.connection).await;
    stream.message().await;
    let answer = Encoded::of("at last").unwrap();
    stream.send(&Reply::Result(answer).encode()).await;
    stream.finish();

    assert_eq!(soon("an answer", asked).await.unwrap().unwrap(), "at last");
}

#[tokio::test]
async fn a_node_that_was_killed_tells_its_peers_so_as_soon_as_it_is_back() {
    let network = Network::new();
    let program = Program::of(&network);
    program.keep(&network.identity("hub"));
    let hub = program.start("hub", &[]).await;
    let address = hub.address;
    let ann = network.node("ann").dialing_at("hub", address).start().await;
    ann.peer("hub").request(Ping {}).await.unwrap();
    hub.kill().await;
    let hub = program.start_at(&address.to_string(), "hub", &[]).await;

    // By the idle timeout it would take 30 s.
    let once = ann.peer("hub").at_most_once().within(Duration::from_secs(10));
    let lost = once.request(Ping {}).await;

    assert!(matches!(lost, Err(RequestError::Lost { .. })), "{lost:?}");
    ann.peer("hub").request(Ping {}).await.unwrap();
    hub.stop().await;
}

#[tokio::test]
async fn a_node_that_waits_for_an_answer_shows_that_it_is_there() {
    let network = Network::new();
    let hub = network.raw_listener("hub");
    let ann = network.node("ann").dialing_at("hub", hub.address()).start().await;
    let mut session = hub.welcome(|_| {}).await;
    until_session(&ann, "hub").await;
    let asked = begin_slow(&ann, "hub");
    let mut stream = RawStream::accept(&session.connection).await;
    stream.message().await;

    assert_eq!(soon("a sign of life", session.control.control()).await, Control::Alive);

    stream.send(&Reply::Result(Encoded::of("at last").unwrap()).encode()).await;
    stream.finish();
    assert_eq!(soon("an answer", asked).await.unwrap().unwrap(), "at last");
}
