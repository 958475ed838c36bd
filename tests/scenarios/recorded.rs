//! What a node records of the requests that it asks itself.

use std::time::Duration;

use bothways::exchange::{Direction, Record};
use bothways::protocol::{Role, Trace};
use bothways_tests::{
    CallBack, Echo, Lab, Network, Relay, Slow, records_of, soon, until_records, until_session,
};

use crate::support::echo;

fn ends(records: &[Record]) -> Vec<(Direction, &str)> {
    let mut ends: Vec<_> =
        records.iter().map(|record| (record.dir, record.code.as_str())).collect();
    ends.sort_unstable();
    ends
}

#[tokio::test]
async fn a_request_of_a_node_to_itself_leaves_a_record_at_both_ends_that_are_one() {
    records_of("");
    let (network, lab) = (Network::new(), Lab::new());
    let solo = network.node("solo").answering(lab.routes()).start().await;

    let relay = Relay { to: "solo".to_owned(), text: "again".to_owned() };
    soon("an answer", solo.peer("solo").request(relay)).await.unwrap();

    let records = until_records("solo", 4).await;
    assert!(records.iter().all(|record| record.peer.as_str() == "solo"), "{records:?}");
    assert!(records.iter().all(|record| record.trace_id == records[0].trace_id));
    let (relays, echoes): (Vec<_>, Vec<_>) =
        records.into_iter().partition(|record| record.method.to_string() == "lab.relay");
    for one in [&relays, &echoes] {
        assert_eq!(ends(one), [(Direction::Out, "ok"), (Direction::In, "ok")]);
        assert_eq!(one[0].span_id, one[1].span_id);
    }
    let cause = echoes.iter().find_map(|record| record.parent_id);
    assert_eq!(cause, Some(relays[0].span_id));
}

#[tokio::test]
async fn a_request_of_a_node_to_itself_that_fails_or_is_given_up_is_recorded_too() {
    records_of("");
    let (network, lab) = (Network::new(), Lab::new());
    let solo = network.node("solo-2").answering(lab.routes()).start().await;
    let itself = solo.peer("solo-2");

    let nobody = itself.request(CallBack { text: String::new() }).await;
    assert!(nobody.is_err());
    let failed = until_records("solo-2", 2).await;
    assert_eq!(ends(&failed), [(Direction::Out, "internal"), (Direction::In, "internal")]);

    let given_up = tokio::time::timeout(Duration::from_millis(50), itself.request(Slow {})).await;
    assert!(given_up.is_err());
    let all = until_records("solo-2", 4).await;
    assert_eq!(ends(&all[2..]), [(Direction::Out, "cancelled"), (Direction::In, "cancelled")]);
    assert_eq!(echo(&solo, "solo-2").await.unwrap(), "to solo-2");
}

#[tokio::test]
async fn a_request_under_the_span_of_another_program_is_part_of_its_trace_with_all_it_causes() {
    let (network, lab) = (Network::new(), Lab::new());
    let hub = network.node("hub").listening().answering(lab.routes()).start().await;
    let desk = network.node("desk").dialing(&hub).answering(lab.routes()).start().await;
    until_session(&desk, "hub").await;
    let header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let browser: Trace = header.parse().unwrap();

    let hub_of_browser = desk.peer("hub").in_trace(browser.trace_id(), Some(browser.span_id()));
    let call_back = CallBack { text: "hi".to_owned() };
    soon("an answer", hub_of_browser.request(call_back)).await.unwrap();
    soon("an answer", desk.peer("hub").request(Echo { text: "own".to_owned() })).await.unwrap();

    let asked = desk.recent();
    let of_trace: Vec<_> =
        asked.iter().filter(|record| record.trace_id == browser.trace_id()).collect();
    let (out, back) = (Direction::Out, Direction::In);
    let first = of_trace.iter().find(|record| record.dir == out).unwrap();
    assert_eq!(first.parent_id, Some(browser.span_id()));
    assert_ne!(first.span_id, browser.span_id());
    assert!(of_trace.iter().any(|record| record.dir == back), "what the hub asks back: {asked:?}");
    assert_eq!((of_trace.len(), asked.len()), (2, 3), "the next one is of its own: {asked:?}");
}

#[tokio::test]
async fn a_request_that_is_never_sent_leaves_a_record_that_says_so() {
    let network = Network::new();
    let hub = network.node("hub").listening().start().await;
    let kiosk = network.node("kiosk").role(Role::Client).dialing(&hub).start().await;
    until_session(&kiosk, "hub").await;
    until_session(&hub, "kiosk").await;

    echo(&hub, "kiosk").await.unwrap_err();
    echo(&hub, "nobody").await.unwrap_err();

    let records = hub.recent();
    let told: Vec<_> =
        records.iter().map(|record| (record.peer.as_str(), record.code.as_str())).collect();
    assert_eq!(told, [("kiosk", "permission_denied"), ("nobody", "unavailable")]);
    assert!(records.iter().all(|record| (record.sent_bytes, record.attempt) == (0, 1)));
}

#[tokio::test]
async fn a_request_that_is_given_up_before_its_peer_is_reached_leaves_a_record_too() {
    let network = Network::new();
    // Something listens there, and says nothing.
    let silent = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    let desk = network.node("desk").dialing_at("hub", address).start().await;

    let given_up = tokio::time::timeout(Duration::from_millis(50), echo(&desk, "hub")).await;
    assert!(given_up.is_err());

    let recorded = async {
        loop {
            if let [record] = &desk.recent()[..] {
                return (record.peer.to_string(), record.code.to_string(), record.sent_bytes);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let record = soon("a record", recorded).await;
    assert_eq!(record, ("hub".to_owned(), "cancelled".to_owned(), 0));
}
