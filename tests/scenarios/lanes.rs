//! Lanes: many small requests on one stream, which behave as those on streams of their own.

use std::time::Duration;

use bothways::protocol::{
    Code, Encoded, Failure, LANES, LaneAnswer, LaneAsk, LaneEnd, Opening, Outgoing, Reply, Retry,
};
use bothways::{Node, RequestError};
use bothways_tests::{Echo, Lab, Network, Panic, RawStream, Slow, SlowWrite, soon, until_session};

use crate::raw_lanes::with_lanes;
use crate::support::{ask, begin_slow, echo};

/// More requests than a session issues before it opens a lane.
const ENOUGH: usize = 12;

/// Asks so much of a peer that there is a lane.
async fn warm(node: &Node, peer: &str) {
    for _ in 0..ENOUGH {
        assert_eq!(echo(node, peer).await.unwrap(), format!("to {peer}"));
    }
}

/// A hub and ann, who asks it on a lane.
async fn on_a_lane() -> (Network, std::sync::Arc<Lab>, Node, Node) {
    let (network, lab) = (Network::new(), Lab::new());
    let hub = network.node("hub").listening().answering(lab.routes()).start().await;
    let ann = network.node("ann").dialing(&hub).start().await;
    until_session(&ann, "hub").await;
    warm(&ann, "hub").await;
    (network, lab, hub, ann)
}

#[tokio::test]
async fn a_session_with_many_requests_has_them_on_one_stream() {
    let network = Network::new();
    let hub = network.raw_listener("hub");
    let ann = network.node("ann").dialing_at("hub", hub.address()).start().await;
    let session = hub.welcome(with_lanes).await;
    assert!(session.theirs.features.iter().any(|feature| feature == LANES));
    until_session(&ann, "hub").await;
    let asking = tokio::spawn(async move {
        warm(&ann, "hub").await;
        // What is not small has a stream of its own.
        ask(&ann, "hub", Echo { text: "x".repeat(5_000) }).await
    });

    let answer = Encoded::of("to hub").unwrap();
    let mut lane = loop {
        let mut stream = RawStream::accept(&session.connection).await;
        match Opening::decode(&stream.message().await).unwrap() {
            Opening::Request(_) => {
                stream.send(&Reply::Result(answer.clone()).encode()).await;
                stream.finish();
            }
            Opening::Lane => break stream,
        }
    };
    let mut large = tokio::spawn({
        let connection = session.connection.clone();
        async move {
            let mut stream = RawStream::accept(&connection).await;
            let opening = Opening::decode(&stream.message().await).unwrap();
            (stream, opening)
        }
    });
    let (mut stream, opening) = loop {
        tokio::select! {
            large = &mut large => break large.unwrap(),
            message = lane.message() => {
                let asked = LaneAsk::decode(&message).unwrap();
                let Some(LaneAsk::Request(id, _)) = asked else { panic!("a request: {asked:?}") };
                let mut buffer = Vec::new();
                LaneAnswer { id, end: LaneEnd::Result(answer.clone()) }.append_to(&mut buffer);
                lane.send(&buffer).await;
            }
        }
    };
    assert!(matches!(opening, Opening::Request(_)), "{opening:?}");
    stream.send(&Reply::Result(answer).encode()).await;
    stream.finish();
    assert_eq!(soon("the last answer", asking).await.unwrap().unwrap(), "to hub");
}

#[tokio::test]
async fn a_lane_that_the_peer_refuses_whole_loses_no_request() {
    let network = Network::new();
    let hub = network.raw_listener("hub");
    let ann = network.node("ann").dialing_at("hub", hub.address()).start().await;
    let session = hub.welcome(with_lanes).await;
    until_session(&ann, "hub").await;
    let asking = tokio::spawn(async move {
        for _ in 0..ENOUGH {
            match echo(&ann, "hub").await {
                Ok(_) => {}
                refused => return refused,
            }
        }
        panic!("no lane was asked for")
    });

    let refusal = Failure::new(Code::ResourceExhausted, "too many at once").reason("in_flight");
    let refusal = refusal.retry(Retry::Never);
    loop {
        let mut stream = RawStream::accept(&session.connection).await;
        match Opening::decode(&stream.message().await).unwrap() {
            Opening::Request(_) => {
                let answer = Encoded::of("to hub").unwrap();
                stream.send(&Reply::Result(answer).encode()).await;
                stream.finish();
            }
            Opening::Lane => {
                stream.message().await;
                stream.send(&Reply::Error(refusal).encode()).await;
                stream.finish();
                break;
            }
        }
    }
    let refused = soon("the refusal", asking).await.unwrap().unwrap_err();
    assert_eq!(refused.failure().and_then(|failure| failure.text("reason")), Some("in_flight"));
}

#[tokio::test]
async fn a_node_without_lanes_is_asked_on_streams_alone() {
    let (network, lab) = (Network::new(), Lab::new());
    let hub = network.node("hub").listening().answering(lab.routes());
    let hub = hub.limits(|limits| limits.lane_message_bytes = 0).start().await;
    let ann = network.node("ann").dialing(&hub).start().await;
    warm(&ann, "hub").await;
    let raw = network.raw("ben").session(hub.listening().next().unwrap()).await;
    assert!(raw.theirs.features.is_empty(), "{:?}", raw.theirs.features);
}

#[tokio::test]
async fn a_deadline_on_a_lane_ends_the_wait_and_the_handler() {
    let (_network, lab, _hub, ann) = on_a_lane().await;
    let short = Duration::from_millis(50);

    let late = soon("an end", ann.peer("hub").within(short).request(Slow {})).await;

    assert_eq!(late.unwrap_err().code(), Code::DeadlineExceeded);
    lab.until("the handler dropped", |seen| seen.dropped == 1).await;
    assert_eq!(echo(&ann, "hub").await.unwrap(), "to hub");
}

#[tokio::test]
async fn a_caller_that_gives_up_on_a_lane_cancels_the_read_and_not_the_write() {
    let (_network, lab, _hub, ann) = on_a_lane().await;
    let reading = begin_slow(&ann, "hub");
    let peer = ann.peer("hub");
    let writing = tokio::spawn(async move { peer.request(SlowWrite {}).await });
    lab.until("both begun", |seen| seen.started == 2).await;

    reading.abort();
    writing.abort();

    lab.until("the read dropped", |seen| seen.dropped == 1).await;
    lab.release(1);
    lab.until("the write ended", |seen| seen.ended == 1).await;
    assert_eq!(echo(&ann, "hub").await.unwrap(), "to hub");
}

#[tokio::test]
async fn whoever_waits_on_a_lane_learns_that_the_session_is_lost() {
    let (_network, lab, hub, ann) = on_a_lane().await;
    let waiting = begin_slow(&ann, "hub");
    lab.until("it waits", |seen| seen.started == 1).await;

    drop(hub);

    let lost = soon("an end", waiting).await.unwrap().unwrap_err();
    assert!(matches!(lost, RequestError::Lost { .. }), "{lost:?}");
}

#[tokio::test]
async fn a_panic_on_a_lane_is_an_answer() {
    let (_network, _lab, _hub, ann) = on_a_lane().await;
    let panicked = ask(&ann, "hub", Panic {}).await.unwrap_err();
    assert_eq!(panicked.code(), Code::Internal);
    assert_eq!(echo(&ann, "hub").await.unwrap(), "to hub");
}
