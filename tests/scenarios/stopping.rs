//! How a node stops: in stages, each of them bounded, and with nothing left behind.

use std::sync::Arc;
use std::time::Duration;

use bothways::protocol::{CloseCode, Control, Farewell, Outgoing, Reply};
use bothways::{Node, RequestError, Stopped};
use bothways_tests::{
    CallBack, Lab, Network, Slow, SlowCallBack, SlowWrite, gone, request, soon, until,
    until_session,
};

use crate::support::{begin_slow, echo, failure, told};

async fn stop(node: &Node) -> Stopped {
    soon("a stop", node.stop()).await
}

#[tokio::test]
async fn what_is_in_flight_when_a_node_stops_is_answered() {
    let (network, lab) = (Network::new(), Lab::new());
    let hub = network.node("hub").listening().answering(lab.routes()).start().await;
    let ann = network.node("ann").dialing(&hub).start().await;
    let asked = begin_slow(&ann, "hub");
    lab.until("the handler", |seen| seen.started == 1).await;

    let stopping = tokio::spawn(async move { stop(&hub).await });
    until(&ann, "the drain", |sessions| sessions[0].draining).await;
    lab.release(1);

    assert_eq!(soon("an answer", asked).await.unwrap().unwrap(), "at last");
    assert_eq!(stopping.await.unwrap(), Stopped::Drained);
    gone(&ann).await;
}

#[tokio::test]
async fn what_a_stopping_node_asks_of_others_is_answered_too() {
    let (network, lab) = (Network::new(), Lab::new());
    let hub = network.node("hub").listening().answering(lab.routes()).start().await;
    let ann = network.node("ann").dialing(&hub).start().await;
    let asked = begin_slow(&ann, "hub");
    lab.until("the handler", |seen| seen.started == 1).await;

    let stopping = tokio::spawn(async move { stop(&ann).await });
    until(&hub, "the drain", |sessions| sessions[0].draining).await;
    lab.release(1);

    assert_eq!(soon("an answer", asked).await.unwrap().unwrap(), "at last");
    assert_eq!(stopping.await.unwrap(), Stopped::Drained);
}

#[tokio::test]
async fn a_handler_of_a_stopping_node_still_calls_its_caller_back() {
    let (network, lab) = (Network::new(), Lab::new());
    let hub = network.node("hub").listening().answering(lab.routes()).start().await;
    let ann = network.node("ann").dialing(&hub).answering(lab.routes()).start().await;
    let peer = ann.peer("hub");
    let asked =
        tokio::spawn(async move { peer.request(SlowCallBack { text: "late".to_owned() }).await });
    lab.until("the handler", |seen| seen.started == 1).await;

    let stopping = tokio::spawn(async move { stop(&hub).await });
    until(&ann, "the drain", |sessions| sessions[0].draining).await;
    lab.release(1);

    assert_eq!(soon("an answer", asked).await.unwrap().unwrap(), "late");
    assert_eq!(stopping.await.unwrap(), Stopped::Drained);
}

#[tokio::test]
async fn a_node_that_stops_says_so_refuses_what_comes_later_and_says_bye() {
    let (network, lab) = (Network::new(), Lab::new());
    let hub = network.node("hub").listening().answering(lab.routes()).start().await;
    let mut raw = network.raw("ann").session(hub.listening().next().unwrap()).await;
    let mut in_flight = raw.begin(&request("lab.slow", &Slow {}).encode()).await;
    lab.until("the handler", |seen| seen.started == 1).await;

    let stopping = tokio::spawn(async move { stop(&hub).await });
    let Control::GoingAway(away) = raw.control.control().await else { panic!("no going_away") };
    assert_eq!(away.why, Farewell::Stopping);
    assert_eq!(away.last, Some(in_flight.send.id().index()));
    let late = failure(raw.ask(&request("lab.slow", &Slow {})).await);
    assert_eq!(told(&late), ("unavailable", Some("going_away")));
    assert_eq!(late.retry, bothways::protocol::Retry::Elsewhere);
    lab.release(1);
    assert!(matches!(in_flight.reply().await, Reply::Result(_)));
    assert!(matches!(raw.control.control().await, Control::Bye(_)));
    raw.connection.close(CloseCode::Bye.number().into(), b"bye");

    assert_eq!(stopping.await.unwrap(), Stopped::Drained);
    assert_eq!(lab.seen().started, 1);
}

#[tokio::test]
async fn a_peer_that_does_not_close_after_the_bye_is_closed() {
    let network = Network::new();
    let hub = network.node("hub").listening().start().await;
    let raw = network.raw("ann").session(hub.listening().next().unwrap()).await;
    until_session(&hub, "ann").await;

    stop(&hub).await;

    assert_eq!(raw.closed().await.0, Some(CloseCode::Stopping));
}

#[tokio::test]
async fn what_is_not_answered_within_the_drain_is_cut_and_counted() {
    let (network, lab) = (Network::new(), Lab::new());
    let hub = network.node("hub").listening().answering(lab.routes()).start().await;
    let ann = network.node("ann").dialing(&hub).start().await;
    let asked = begin_slow(&ann, "hub");
    lab.until("the handler", |seen| seen.started == 1).await;

    let stopped = soon("a stop", hub.stop_within(Duration::from_millis(50))).await;

    assert_eq!(stopped, Stopped::Cut { sessions: 1 });
    let lost = soon("an answer", asked).await.unwrap().unwrap_err();
    assert!(matches!(lost, RequestError::Lost { .. }), "{lost:?}");
    assert_eq!(lost.retry(), bothways::protocol::Retry::Same);
    lab.until("the handler dropped", |seen| seen.dropped == 1).await;
}

#[tokio::test]
async fn a_handler_that_writes_for_ever_does_not_hold_the_stop_up() {
    let (network, lab) = (Network::new(), Lab::new());
    let hub = network.node("hub").listening().answering(lab.routes()).start().await;
    let ann = network.node("ann").dialing(&hub).start().await;
    let peer = ann.peer("hub");
    let asked = tokio::spawn(async move { peer.request(SlowWrite {}).await });
    lab.until("the handler", |seen| seen.started == 1).await;

    let stopped = soon("a stop", hub.stop_within(Duration::ZERO)).await;

    assert_eq!(stopped, Stopped::Cut { sessions: 1 });
    lab.until("the handler dropped", |seen| seen.dropped == 1).await;
    assert!(soon("an answer", asked).await.unwrap().is_err());
}

#[tokio::test]
async fn a_half_open_handshake_does_not_hold_the_stop_up() {
    let network = Network::new();
    let hub = network.node("hub").listening().start().await;
    let address = hub.listening().next().unwrap();
    let _silent = network.raw("ann").connect(address).await.unwrap();

    assert_eq!(stop(&hub).await, Stopped::Drained);
}

#[tokio::test]
async fn a_second_stop_and_stops_at_the_same_time_are_harmless() {
    let network = Network::new();
    let hub = network.node("hub").listening().start().await;
    let ann = network.node("ann").dialing(&hub).start().await;
    until_session(&ann, "hub").await;

    let (first, second) = tokio::join!(stop(&hub), stop(&hub));

    assert_eq!(
        (first, second, stop(&hub).await),
        (Stopped::Drained, Stopped::Drained, Stopped::Drained)
    );
}

#[tokio::test]
async fn a_node_that_has_stopped_says_so_to_whoever_still_asks() {
    let (network, lab) = (Network::new(), Lab::new());
    let hub = network.node("hub").listening().answering(lab.routes()).start().await;
    stop(&hub).await;

    for peer in ["hub", "ann"] {
        let stopped = echo(&hub, peer).await.unwrap_err();
        assert!(matches!(stopped, RequestError::Stopped), "{stopped:?}");
    }
    assert!(hub.sessions().is_empty());
}

#[tokio::test]
async fn a_request_that_waits_for_a_dial_ends_when_its_node_stops() {
    let network = Network::new();
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let ann = network.node("ann").dialing_at("hub", silent.local_addr().unwrap()).start().await;
    let asked = begin_slow(&ann, "hub");
    tokio::task::yield_now().await;

    stop(&ann).await;

    let ended = soon("an answer", asked).await.unwrap().unwrap_err();
    assert_eq!(ended.code().as_str(), "unavailable", "{ended:?}");
}

#[tokio::test]
async fn the_port_of_a_node_that_has_stopped_is_free() {
    let network = Network::new();
    let hub = network.node("hub").listening().start().await;
    let ann = network.node("ann").dialing(&hub).start().await;
    until_session(&ann, "hub").await;
    let address = hub.listening().next().unwrap();

    stop(&hub).await;

    std::net::UdpSocket::bind(address).unwrap();
}

#[tokio::test]
async fn dropping_the_last_handle_closes_the_sessions_at_once() {
    let (network, lab) = (Network::new(), Lab::new());
    let hub = network.node("hub").listening().answering(lab.routes()).start().await;
    let raw = network.raw("ann").session(hub.listening().next().unwrap()).await;
    // Not even a request in flight keeps the node, nor a peer that was asked through it.
    let _in_flight = raw.begin(&request("lab.slow", &Slow {}).encode()).await;
    lab.until("the handler", |seen| seen.started == 1).await;
    let (clone, peer) = (hub.clone(), hub.peer("ann"));

    drop(hub);
    assert_eq!(clone.sessions().len(), 1, "another handle keeps the node");
    drop(clone);

    assert_eq!(raw.closed().await.0, Some(CloseCode::Stopping));
    lab.until("the handler dropped", |seen| seen.dropped == 1).await;
    let stopped = soon("an answer", peer.request(CallBack { text: String::new() })).await;
    assert!(stopped.is_err());
}

#[tokio::test]
async fn a_node_that_has_stopped_lets_go_of_all_that_it_held() {
    let (network, lab) = (Network::new(), Lab::new());
    let hub = network.node("hub").listening().answering(lab.routes()).start().await;
    let ann = network.node("ann").dialing(&hub).answering(lab.routes()).start().await;
    assert_eq!(echo(&ann, "hub").await.unwrap(), "to hub");
    assert_eq!(echo(&hub, "ann").await.unwrap(), "to ann");

    stop(&ann).await;
    stop(&hub).await;
    drop((ann, hub));

    // Sessions, tasks and the network thread each hold the service in some way.
    assert_eq!(Arc::strong_count(&lab), 1);
}

#[tokio::test]
async fn a_node_that_was_dropped_lets_go_of_all_that_it_held() {
    let (network, lab) = (Network::new(), Lab::new());
    let hub = network.node("hub").listening().answering(lab.routes()).start().await;
    let ann = network.node("ann").dialing(&hub).answering(lab.routes()).start().await;
    let _in_flight = begin_slow(&ann, "hub");
    lab.until("the handler", |seen| seen.started == 1).await;

    drop((ann, hub));

    soon("the last hold on the service", async {
        while Arc::strong_count(&lab) > 1 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_start_that_fails_leaves_nothing_behind() {
    let (network, lab) = (Network::new(), Lab::new());
    let hub = network.node("hub").listening().start().await;
    let taken = hub.listening().next().unwrap();

    let failed = network.node("twin").listening_at(taken).answering(lab.routes()).try_start().await;

    let failed = failed.unwrap_err().to_string();
    assert!(failed.starts_with(&format!("cannot listen on {taken} (UDP): ")), "{failed}");
    assert!(failed.contains("another program listens there"), "{failed}");
    assert_eq!(Arc::strong_count(&lab), 1);
}
