//! Several network threads: each session lives on one of them, and requests cross between them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bothways::protocol::Code;
use bothways::{Node, Stopped};
use bothways_tests::{
    Block, CallBack, Lab, Network, OnThread, Relay, Slow, SlowCallBack, TimeLeftAtCaller, gone,
    soon, this_thread, until, until_session,
};

use crate::support::{ask, begin_slow, echo};

const PEERS: [&str; 4] = ["ann", "ben", "col", "dan"];

/// A hub with four network threads, and four peers that have come to it one after the other: so
/// each of them has one of the threads, and `ann` the first.
struct Hub {
    lab: Arc<Lab>,
    hub: Node,
    peers: Vec<Node>,
}

impl Hub {
    async fn new() -> Self {
        let (network, lab) = (Network::new(), Lab::new());
        let hub = network.node("hub").listening().limits(|limits| limits.network_threads = 4);
        let hub = hub.answering(lab.routes()).start().await;
        let mut peers = Vec::new();
        for name in PEERS {
            let peer = network.node(name).dialing(&hub).answering(lab.routes()).start().await;
            until_session(&peer, "hub").await;
            until_session(&hub, name).await;
            peers.push(peer);
        }
        Self { lab, hub, peers }
    }

    /// The threads on which the hub answers its peers.
    async fn threads(&self) -> Vec<String> {
        let mut threads = Vec::new();
        for peer in &self.peers {
            threads.push(ask(peer, "hub", OnThread {}).await.unwrap());
        }
        threads
    }
}

#[tokio::test]
async fn a_session_comes_to_the_thread_with_the_fewest_and_stays_there() {
    let hub = Hub::new().await;

    let (first, again) = (hub.threads().await, hub.threads().await);

    assert_eq!(first.iter().collect::<BTreeSet<_>>().len(), 4, "{first:?}");
    assert_eq!(first, again);
}

#[tokio::test]
async fn what_a_node_dials_is_spread_over_its_threads_too() {
    let (network, lab) = (Network::new(), Lab::new());
    let mut hubs = Vec::new();
    let mut ann = network.node("ann").answering(lab.routes());
    for name in ["ben", "col", "dan"] {
        let hub = network.node(name).listening().start().await;
        ann = ann.dialing(&hub);
        hubs.push(hub);
    }
    let ann = ann.limits(|limits| limits.network_threads = 3).start().await;

    let mut threads = BTreeSet::new();
    for hub in &hubs {
        until_session(hub, "ann").await;
        threads.insert(ask(hub, "ann", OnThread {}).await.unwrap());
    }

    assert_eq!(threads.len(), 3, "{threads:?}");
    drop(ann);
}

#[tokio::test]
async fn handlers_that_block_their_threads_hold_up_no_session_on_another() {
    let Hub { lab, hub, peers } = Hub::new().await;
    let blocked: Vec<_> = peers[1..]
        .iter()
        .map(|peer| {
            let hub = peer.peer("hub");
            tokio::spawn(async move { hub.request(Block {}).await })
        })
        .collect();
    lab.until("three handlers at a time", |seen| seen.started == 3).await;

    assert_eq!(echo(&peers[0], "hub").await.unwrap(), "to hub");
    assert_eq!(echo(&hub, "ann").await.unwrap(), "to ann");
    lab.unblock();

    let mut threads = BTreeSet::new();
    for blocked in blocked {
        threads.insert(soon("an answer", blocked).await.unwrap().unwrap());
    }
    assert_eq!(threads.len(), 3, "{threads:?}");
}

#[tokio::test]
async fn both_ends_ask_over_sessions_on_every_thread() {
    let Hub { hub, peers, .. } = Hub::new().await;

    let mut asked = Vec::new();
    for (peer, name) in peers.iter().zip(PEERS) {
        for _ in 0..50 {
            let (to_hub, to_peer) = (peer.clone(), hub.clone());
            asked.push(tokio::spawn(async move { echo(&to_hub, "hub").await }));
            asked.push(tokio::spawn(async move { echo(&to_peer, name).await }));
        }
    }

    for answer in asked {
        assert!(soon("an answer", answer).await.unwrap().is_ok());
    }
}

#[tokio::test]
async fn a_handler_asks_its_caller_and_peers_on_other_threads() {
    let Hub { peers, hub: _hub, .. } = Hub::new().await;

    for peer in &peers {
        let back = CallBack { text: "back".to_owned() };
        assert_eq!(ask(peer, "hub", back).await.unwrap(), "back");
        for to in PEERS.map(str::to_owned) {
            let relay = Relay { to: to.clone(), text: to.clone() };
            assert_eq!(ask(peer, "hub", relay).await.unwrap(), to);
        }
    }
}

#[tokio::test]
async fn a_deadline_and_what_is_left_of_it_cross_between_threads() {
    let Hub { lab, hub, peers } = Hub::new().await;

    let to_hub = peers[3].peer("hub").within(Duration::from_secs(5));
    let left = soon("an answer", to_hub.request(TimeLeftAtCaller {})).await.unwrap();
    let to_dan = hub.peer("dan").within(Duration::from_millis(50));
    let late = soon("an answer", to_dan.request(Slow {})).await.unwrap_err();

    assert!((1..=5_000).contains(&left), "{left}");
    assert_eq!(late.code(), Code::DeadlineExceeded);
    lab.until("the handler dropped", |seen| seen.dropped == 1).await;
}

#[tokio::test]
async fn who_gives_up_a_request_on_another_thread_cancels_it() {
    let Hub { lab, hub, peers: _peers } = Hub::new().await;
    let asked = begin_slow(&hub, "dan");
    lab.until("the handler", |seen| seen.started == 1).await;

    asked.abort();

    lab.until("the handler dropped", |seen| seen.dropped == 1).await;
    assert_eq!(echo(&hub, "dan").await.unwrap(), "to dan");
}

#[tokio::test]
async fn work_for_one_peer_runs_on_the_thread_of_its_session() {
    let hub = Hub::new().await;
    let threads = hub.threads().await;

    for (name, thread) in PEERS.into_iter().zip(threads) {
        let (peer, inside) = (hub.hub.peer(name), hub.hub.clone());
        let work = async move { (this_thread(), echo(&inside, name).await) };
        let (here, answer) = soon("the work", peer.run(work)).await.unwrap();
        assert_eq!(here, thread);
        assert_eq!(answer.unwrap(), format!("to {name}"));
    }
}

#[tokio::test]
async fn a_stop_answers_what_is_in_flight_on_every_thread_and_ends_them_all() {
    let Hub { lab, hub, peers } = Hub::new().await;
    let mut asked = Vec::new();
    for peer in &peers {
        asked.extend((0..8).map(|_| {
            let hub = peer.peer("hub");
            let late = SlowCallBack { text: "late".to_owned() };
            tokio::spawn(async move { hub.request(late).await })
        }));
    }
    lab.until("the handlers", |seen| seen.started == 32).await;

    let stopping = tokio::spawn(async move { soon("a stop", hub.stop()).await });
    for peer in &peers {
        until(peer, "the drain", |sessions| sessions[0].draining).await;
    }
    lab.release(32);

    for answer in asked {
        assert_eq!(soon("an answer", answer).await.unwrap().unwrap(), "late");
    }
    assert_eq!(stopping.await.unwrap(), Stopped::Drained);
    for peer in peers {
        gone(&peer).await;
        soon("a stop", peer.stop()).await;
    }
    // Each thread holds the service in some way.
    assert_eq!(Arc::strong_count(&lab), 1);
}
