//! How long a request may take, and what becomes of it when nobody waits any more.

use std::time::Duration;

use bothways::RequestError;
use bothways::protocol::{Code, Outgoing, ResetCode};
use bothways_tests::{
    Echo, Lab, Network, Panic, RawStream, Slow, SlowWrite, TimeLeft, TimeLeftAtCaller, request,
    soon, until_session,
};

use crate::support::{ask, begin_slow, echo, failure};

const SHORT: Duration = Duration::from_millis(50);

#[tokio::test]
async fn a_caller_gets_its_deadline_even_where_the_peer_never_answers() {
    let network = Network::new();
    let hub = network.raw_listener("hub");
    let ann = network.node("ann").dialing_at("hub", hub.address()).start().await;
    let _session = hub.welcome(|_| {}).await;
    until_session(&ann, "hub").await;

    let late = soon("an answer", ann.peer("hub").within(SHORT).request(Slow {})).await;

    let late = late.unwrap_err();
    assert!(matches!(late, RequestError::Deadline { within: SHORT, .. }), "{late:?}");
    assert_eq!(late.code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn a_caller_that_waits_for_a_connection_gets_its_deadline_too() {
    let network = Network::new();
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let ann = network.node("ann").dialing_at("hub", silent.local_addr().unwrap()).start().await;

    let late = soon("an answer", ann.peer("hub").within(SHORT).request(Slow {})).await;

    assert_eq!(late.unwrap_err().code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn the_answerer_keeps_the_deadline_even_where_the_caller_does_not() {
    let (network, lab) = (Network::new(), Lab::new());
    let hub = network.node("hub").listening().answering(lab.routes()).start().await;
    let raw = network.raw("ann").session(hub.listening().next().unwrap()).await;
    let mut asked = request("lab.slow", &Slow {});
    asked.deadline = SHORT;

    let late = failure(raw.ask(&asked).await);

    assert_eq!(late.code, Code::DeadlineExceeded);
    assert_eq!(late.retry, bothways::protocol::Retry::Same);
    lab.until("the handler dropped", |seen| seen.dropped == 1).await;
}

#[tokio::test]
async fn a_deadline_is_held_between_the_shortest_and_the_longest() {
    let (network, lab) = (Network::new(), Lab::new());
    let hub = network.node("hub").listening().answering(lab.routes()).start().await;
    let raw = network.raw("ann").session(hub.listening().next().unwrap()).await;
    let mut asked = request("lab.time_left", &TimeLeft {});
    for (deadline, at_most) in [(Duration::ZERO, 10), (Duration::from_millis(u64::MAX), 60_000)] {
        asked.deadline = deadline;
        let bothways::protocol::Reply::Result(left) = raw.ask(&asked).await else {
            panic!("no answer within {deadline:?}");
        };
        let left: u64 = left.decode().unwrap();
        assert!(left <= at_most, "{left} ms are left of {deadline:?}");
    }
}

#[tokio::test]
async fn what_a_handler_asks_inherits_the_time_that_is_left() {
    let (network, lab) = (Network::new(), Lab::new());
    let hub = network.node("hub").listening().answering(lab.routes()).start().await;
    let ann = network.node("ann").dialing(&hub).answering(lab.routes()).start().await;
    let within = Duration::from_secs(9);

    let left = ann.peer("hub").within(within).request(TimeLeftAtCaller {}).await.unwrap();

    assert!(left < 9_000, "{left} ms are left of the 9 s that the first request had");
}

#[tokio::test]
async fn a_caller_that_gives_up_cancels_a_handler_that_reads() {
    let (network, lab) = (Network::new(), Lab::new());
    let hub = network.node("hub").listening().answering(lab.routes()).start().await;
    let ann = network.node("ann").dialing(&hub).start().await;
    let asked = begin_slow(&ann, "hub");
    lab.until("the handler", |seen| seen.started == 1).await;

    asked.abort();

    lab.until("the handler dropped", |seen| seen.dropped == 1).await;
    assert_eq!(echo(&ann, "hub").await.unwrap(), "to hub");
}

#[tokio::test]
async fn a_caller_that_is_gone_cancels_a_handler_that_reads() {
    let (network, lab) = (Network::new(), Lab::new());
    let hub = network.node("hub").listening().answering(lab.routes()).start().await;
    let raw = network.raw("ann").session(hub.listening().next().unwrap()).await;
    let _asked = raw.begin(&request("lab.slow", &Slow {}).encode()).await;
    lab.until("the handler", |seen| seen.started == 1).await;

    raw.connection.close(0_u32.into(), b"gone");

    lab.until("the handler dropped", |seen| seen.dropped == 1).await;
}

#[tokio::test]
async fn a_handler_that_writes_ends_although_its_caller_gave_up() {
    let (network, lab) = (Network::new(), Lab::new());
    let hub = network.node("hub").listening().answering(lab.routes()).start().await;
    let ann = network.node("ann").dialing(&hub).start().await;
    let peer = ann.peer("hub");
    let asked = tokio::spawn(async move { peer.request(SlowWrite {}).await });
    lab.until("the handler", |seen| seen.started == 1).await;

    asked.abort();
    assert_eq!(echo(&ann, "hub").await.unwrap(), "to hub");
    lab.release(1);

    lab.until("the handler's end", |seen| seen.ended == 1).await;
    assert_eq!(lab.seen().dropped, 0);
}

#[tokio::test]
async fn a_stream_whose_answer_nobody_wants_is_reset_as_cancelled() {
    let (network, lab) = (Network::new(), Lab::new());
    let hub = network.node("hub").listening().answering(lab.routes()).start().await;
    let raw = network.raw("ann").session(hub.listening().next().unwrap()).await;
    let mut asked = raw.begin(&request("lab.slow", &Slow {}).encode()).await;
    lab.until("the handler", |seen| seen.started == 1).await;

    // A request that is thrown away before it was finished is given up, too.
    asked.send.reset(ResetCode::Cancelled.number().into()).unwrap();
    asked.recv.stop(ResetCode::Cancelled.number().into()).unwrap();

    lab.until("the handler dropped", |seen| seen.dropped == 1).await;
}

#[tokio::test]
async fn a_caller_that_gives_up_tells_the_peer_so() {
    let network = Network::new();
    let hub = network.raw_listener("hub");
    let ann = network.node("ann").dialing_at("hub", hub.address()).start().await;
    let session = hub.welcome(|_| {}).await;
    let asked = begin_slow(&ann, "hub");
    let mut stream = RawStream::accept(&session.connection).await;
    stream.message().await;

    asked.abort();

    let stopped = soon("a stop", stream.send.stopped()).await.unwrap();
    assert_eq!(stopped, Some(ResetCode::Cancelled.number().into()));
}

#[tokio::test]
async fn a_panic_in_a_handler_is_an_internal_error_and_nothing_more() {
    let (network, lab) = (Network::new(), Lab::new());
    let hub = network.node("hub").listening().answering(lab.routes()).start().await;
    let ann = network.node("ann").dialing(&hub).start().await;

    let failed = ask(&ann, "hub", Panic {}).await.unwrap_err();

    let failure = failed.failure().unwrap();
    assert_eq!((failure.code, failure.text("reason")), (Code::Internal, Some("panic")));
    assert!(!failure.message.contains("purpose"), "what a panic says stays inside");
    assert_eq!(echo(&ann, "hub").await.unwrap(), "to hub");
    assert_eq!(ann.sessions()[0].requests_out, 2, "on the same session");
}

#[tokio::test]
async fn a_place_that_a_caller_gives_up_can_be_taken_again_at_once() {
    let (network, lab) = (Network::new(), Lab::new());
    let hub = network.node("hub").listening().answering(lab.routes());
    let hub = hub.limits(|limits| limits.requests_in_flight = 1).start().await;
    let ann = network.node("ann").dialing(&hub).start().await;
    until_session(&ann, "hub").await;
    for round in 1..=50 {
        let asked = begin_slow(&ann, "hub");
        lab.until("the handler", |seen| seen.started == round).await;
        asked.abort();
        let answer = ask(&ann, "hub", Echo { text: round.to_string() }).await;
        assert_eq!(answer.unwrap(), round.to_string(), "round {round}");
    }
}
