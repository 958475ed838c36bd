//! `node.records`: who reads a node's records over the network, and what they get.

use bothways::Node;
use bothways::exchange::Record;
use bothways::protocol::Code;
use bothways::service::{ReadRecords, RecordPage};
use bothways_tests::{Lab, Network, until_session};

use crate::support::{ask, echo};

/// A hub that keeps so many records and lets desk read them; desk and phone dial it.
async fn trio(kept: usize) -> (Node, Node, Node) {
    let (network, lab) = (Network::new(), Lab::new());
    let hub = network.node("hub").listening().answering(lab.routes()).readers(&["desk"]);
    let hub = hub.limits(|limits| limits.exchange_recent = kept).start().await;
    let desk = network.node("desk").dialing(&hub).start().await;
    let phone = network.node("phone").dialing(&hub).start().await;
    until_session(&desk, "hub").await;
    until_session(&phone, "hub").await;
    (hub, desk, phone)
}

async fn read(node: &Node, after: u64, limit: u16) -> RecordPage {
    let params = ReadRecords { after: Some(after), limit: Some(limit) };
    ask(node, "hub", params).await.unwrap()
}

fn records(page: &RecordPage) -> Vec<Record> {
    page.records.iter().map(|fields| fields.check().unwrap()).collect()
}

#[tokio::test]
async fn a_reader_gets_a_nodes_records_page_by_page_and_reading_leaves_none() {
    let (hub, desk, phone) = trio(100).await;
    for _ in 0..5 {
        echo(&phone, "hub").await.unwrap();
    }
    let (first, second) = (read(&desk, 0, 3).await, read(&desk, 3, 3).await);
    let mut read_all = records(&first);
    read_all.extend(records(&second));
    assert_eq!(read_all, hub.recent());
    assert!(read_all.iter().all(|record| record.peer.as_str() == "phone"), "{read_all:?}");
    assert_eq!((first.next, first.missed, second.next, second.missed), (3, 0, 5, 0));
    assert_eq!(first.since_ms, second.since_ms);

    let none = read(&desk, second.next, 3).await;
    assert_eq!((none.records.len(), none.next), (0, 5));
    assert!(desk.recent().is_empty(), "what reads records is not worth reading");
    let own = ask(&hub, "hub", ReadRecords::default()).await.unwrap();
    assert_eq!(records(&own), read_all);
}

#[tokio::test]
async fn a_reader_that_comes_late_is_told_how_many_records_it_missed() {
    let (_hub, desk, phone) = trio(4).await;
    for _ in 0..10 {
        echo(&phone, "hub").await.unwrap();
    }
    let page = read(&desk, 2, 100).await;
    assert_eq!((page.records.len(), page.next, page.missed), (4, 10, 4));
}

#[tokio::test]
async fn who_is_no_reader_gets_no_record_and_is_told_what_to_do() {
    let (_hub, _desk, phone) = trio(4).await;
    let refused = ask(&phone, "hub", ReadRecords::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let told = refused.to_string();
    assert!(told.contains("exchange.readers") && told.contains("phone"), "{told}");
}

#[tokio::test]
async fn a_page_fits_the_message_whatever_is_asked_for() {
    let (network, lab) = (Network::new(), Lab::new());
    let hub = network.node("hub").listening().answering(lab.routes()).readers(&["desk"]);
    let hub = hub.limits(|limits| limits.message_bytes = 4_096).start().await;
    let desk = network.node("desk").dialing(&hub).start().await;
    until_session(&desk, "hub").await;
    for _ in 0..30 {
        echo(&desk, "hub").await.unwrap();
    }
    let (mut after, mut count) = (0, 0);
    while count < 30 {
        let page = read(&desk, after, 1_000).await;
        assert!((1..30).contains(&page.records.len()), "{page:?}");
        (after, count) = (page.next, count + page.records.len());
    }
}
