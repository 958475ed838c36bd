//! A node says of itself what it does: to whoever has it in the process, and on its control socket.

use std::net::UdpSocket;

use bothways::domain::people::{DeletePerson, ListPeople};
use bothways::protocol::WatchFrom;
use bothways::{Node, RequestCounts, Status};
use bothways_tests::{Lab, Network, Program, soon, until_session};
use serde_json::Value;

use crate::support::{Hub, ask, begin_slow};
use crate::watching::{create, watch_from};

/// Waits until something holds of what a node says of itself.
async fn until_status(node: &Node, what: &str, holds: impl Fn(&Status) -> bool) -> Status {
    let holding = async {
        loop {
            let status = node.status();
            if holds(&status) {
                return status;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    soon(what, holding).await
}

fn counts(total: u64, failed: u64, in_flight: u64) -> RequestCounts {
    RequestCounts { total, failed, in_flight }
}

#[tokio::test]
async fn a_node_tells_of_its_requests_its_subscriptions_and_its_store() {
    let network = Network::new();
    let folder = tempfile::tempdir().unwrap();
    let hub = Hub::on(&network, folder.path()).await;
    let desk = network.node("desk").dialing(&hub.node).start().await;
    let ann = create(&desk, "Ann").await;
    for _ in 0..3 {
        ask(&desk, "hub", ListPeople { after: None, limit: None }).await.unwrap();
    }
    ask(&desk, "hub", DeletePerson { id: ann.id, expect: Some(9) }).await.unwrap_err();
    let mut watching = desk.peer("hub").subscribe("people", watch_from(WatchFrom::All));
    soon("an event", watching.next()).await.unwrap();

    let at_hub = until_status(&hub.node, "five answered", |status| {
        status.requests.inward == counts(6, 1, 0) && status.subscriptions == 1
    });
    let at_hub = at_hub.await;
    let at_desk = until_status(&desk, "five issued", |status| {
        status.requests.out == counts(6, 1, 0) && status.watching == 1
    });
    let at_desk = at_desk.await;

    let store = at_hub.store.unwrap();
    assert_eq!((store.revision, store.read_only), (1, false));
    assert!(store.bytes >= std::fs::metadata(folder.path().join("store.redb")).unwrap().len());
    assert_eq!((at_desk.store, at_desk.subscriptions, at_hub.watching), (None, 0, 0));
    assert_eq!((at_hub.name.as_str(), at_hub.role.as_str()), ("hub", "peer"));
    assert_eq!((at_hub.network.as_str(), at_hub.version.as_str()), ("demo", "0.1.0"));
    let session = &at_hub.sessions[0];
    assert_eq!((session.peer.as_str(), session.dialed.as_str()), ("desk", "them"));
    assert!(session.sent_packets > 0 && session.lost_packets <= session.sent_packets);
    assert_eq!((session.streams, at_desk.sessions[0].streams), (2, 2), "control, subscription");

    drop(watching);
    until_status(&hub.node, "no subscription", |status| status.subscriptions == 0).await;
    let status = until_status(&desk, "one stream", |status| status.sessions[0].streams == 1).await;
    assert_eq!((status.watching, status.requests.out.in_flight), (0, 0));
    hub.stop().await;
}

#[tokio::test]
async fn what_waits_for_its_answer_is_in_flight_at_both_ends() {
    let (network, lab) = (Network::new(), Lab::new());
    let hub = network.node("hub").listening().answering(lab.routes()).start().await;
    let desk = network.node("desk").dialing(&hub).start().await;
    until_session(&desk, "hub").await;

    let slow = begin_slow(&desk, "hub");

    let waits = |status: &Status| status.requests.inward == counts(1, 0, 1);
    let at_hub = until_status(&hub, "one at work", waits).await;
    assert_eq!(desk.status().requests.out, counts(1, 0, 1));
    assert_eq!(at_hub.sessions[0].streams, 2, "control, request");
    lab.release(1);
    soon("an answer", slow).await.unwrap().unwrap();
    until_status(&hub, "none at work", |status| status.requests.inward == counts(1, 0, 0)).await;
}

#[tokio::test]
async fn a_dial_that_fails_is_told_with_its_reason_until_there_is_a_session() {
    let network = Network::new();
    let port = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = port.local_addr().unwrap();
    drop(port);
    let desk = network.node("desk").dialing_at("hub", address).start().await;

    let is = |state: &'static str| {
        move |status: &Status| status.dials.iter().any(|dial| dial.state == state)
    };
    until_status(&desk, "a dial", is("dialing")).await;
    until_status(&desk, "a wait before the next", is("waiting")).await;
    let failing = |status: &Status| status.dials.iter().any(|dial| dial.failures > 0);
    let status = until_status(&desk, "a dial that has failed", failing).await;

    let dial = &status.dials[0];
    assert_eq!((dial.peer.as_str(), dial.address.as_str()), ("hub", &*address.to_string()));
    assert!(["dialing", "waiting"].contains(&dial.state.as_str()), "{dial:?}");
    let why = dial.why.as_deref().unwrap_or_default();
    assert!(why.contains("nothing listens on this port"), "{why}");

    let hub = network.node("hub").listening_at(address).start().await;
    until_session(&desk, "hub").await;
    assert_eq!(desk.status().dials, []);
    soon("a stop", hub.stop()).await;
    let again = until_status(&desk, "it is dialed again", |status| !status.dials.is_empty()).await;
    assert_eq!(again.dials[0].peer, "hub");
}

#[tokio::test]
async fn the_command_shows_a_node_on_its_control_socket_once_or_each_second() {
    let network = Network::new();
    let program = Program::of(&network);
    ["hub", "cli"].iter().for_each(|name| program.keep(&network.identity(name)));
    let data = program.path("data").display().to_string();
    let hub = program.start("hub", &["--data", &data]).await;
    let hub_at = format!("hub@{}", hub.address);
    let created = program.run_as("cli", "call", &[&hub_at, "people.create", "name=Ann"]).await;
    assert_eq!(created.code, Some(0), "{created:?}");
    let socket = program.path("data/control.sock").display().to_string();

    let shown = program.run(["status", "--control", &socket]).await;
    let json = program.run(["status", "--control", &socket, "-o", "json"]).await;
    let (lines, watched) =
        program.first_lines(["status", "--watch", "--control", &socket], 2).await;
    let nobody = program.run(["status", "--control", "nobody.sock"]).await;

    assert_eq!(shown.code, Some(0), "{shown:?}");
    for part in ["hub  peer of network demo", "no session", "answered  1 request, 0 failed"] {
        assert!(shown.data.contains(part), "{part}: {shown:?}");
    }
    assert!(!shown.data.contains('\u{1b}'), "no colour where there is no terminal");
    let status: Value = serde_json::from_str(&json.data).unwrap();
    assert_eq!(status["requests"]["in"]["total"], 1);
    assert_eq!((&status["store"]["revision"], &status["name"]), (&1.into(), &"hub".into()));
    for line in lines {
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap()["name"], "hub");
    }
    assert_eq!(watched, Some(0), "a watch ends well");
    assert_eq!(nobody.code, Some(4), "{nobody:?}");
    assert!(nobody.messages.contains("no node answers on nobody.sock"), "{nobody:?}");
    hub.stop().await;
}
