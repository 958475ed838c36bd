//! What a node keeps in memory of the requests that it took part in, and tells of them.

use bothways::Node;
use bothways::exchange::{Direction, Fed, Record, RecordFeed};
use bothways::protocol::Watch;
use bothways_tests::{Lab, Network, soon, until_session};

use crate::support::{Hub, echo};
use crate::watching::{create, live, next as next_event};

/// A hub that answers, and a desk that dials it; the hub keeps so many records.
async fn hub_and_desk(kept: usize) -> (Node, Node) {
    let (network, lab) = (Network::new(), Lab::new());
    let hub = network.node("hub").listening().answering(lab.routes());
    let hub = hub.limits(|limits| limits.exchange_recent = kept).start().await;
    let desk = network.node("desk").dialing(&hub).start().await;
    until_session(&desk, "hub").await;
    (hub, desk)
}

async fn next(feed: &mut RecordFeed) -> Fed {
    soon("a record", feed.next()).await.unwrap()
}

/// The next so many records of a feed that misses none.
async fn records(feed: &mut RecordFeed, count: usize) -> Vec<Record> {
    let mut records = Vec::new();
    while records.len() < count {
        match next(feed).await {
            Fed::Record(record) => records.push(record),
            missed @ Fed::Missed(_) => panic!("{missed:?}"),
        }
    }
    records
}

#[tokio::test]
async fn each_end_keeps_its_own_record_of_a_request_whatever_the_log_is() {
    let (hub, desk) = hub_and_desk(16).await;
    let mut told = hub.follow_records();
    echo(&desk, "hub").await.unwrap();

    let answered = records(&mut told, 1).await;
    assert_eq!(hub.recent(), answered);
    let asked = desk.recent();
    assert_eq!((asked.len(), asked[0].dir, answered[0].dir), (1, Direction::Out, Direction::In));
    assert_eq!(asked[0].span_id, answered[0].span_id);
    assert_eq!((asked[0].node.as_str(), answered[0].node.as_str()), ("desk", "hub"));
}

#[tokio::test]
async fn the_newest_records_are_kept_and_who_reads_too_slowly_is_told_what_it_missed() {
    let (hub, desk) = hub_and_desk(4).await;
    let (mut slow, mut quick) = (hub.follow_records(), hub.follow_records());
    let mut spans = Vec::new();
    for _ in 0..10 {
        echo(&desk, "hub").await.unwrap();
        spans.push(records(&mut quick, 1).await[0].span_id);
    }

    let kept: Vec<_> = hub.recent().iter().map(|record| record.span_id).collect();
    assert_eq!(kept, spans[6..]);
    assert_eq!(next(&mut slow).await, Fed::Missed(6));
    let read = records(&mut slow, 4).await;
    assert!(read.iter().map(|record| record.span_id).eq(spans[6..].iter().copied()));
}

#[tokio::test]
async fn a_node_that_is_to_keep_none_keeps_none_and_a_feed_ends_with_its_node() {
    let (hub, desk) = hub_and_desk(0).await;
    let mut ended = desk.follow_records();
    echo(&desk, "hub").await.unwrap();
    assert_eq!(hub.recent(), []);
    assert_eq!(soon("no feed", hub.follow_records().next()).await, None);

    desk.stop().await;
    assert!(matches!(next(&mut ended).await, Fed::Record(_)));
    assert_eq!(soon("the end", ended.next()).await, None);
}

/// The records of a subscription that a feed tells of, until one of them says so many events.
async fn until_events(feed: &mut RecordFeed, count: u64) -> Vec<Record> {
    let mut of_subscription = Vec::new();
    loop {
        let record = records(feed, 1).await.remove(0);
        let events = record.events;
        of_subscription.extend(events.map(|_| record));
        if events == Some(count) {
            return of_subscription;
        }
    }
}

#[tokio::test]
async fn each_end_of_a_subscription_tells_when_it_begins_while_it_delivers_and_when_it_ends() {
    let network = Network::new();
    let hub = Hub::new(&network).await;
    let desk = network.node("desk").dialing(&hub.node).start().await;
    until_session(&desk, "hub").await;
    let (mut at_hub, mut at_desk) = (hub.node.follow_records(), desk.follow_records());

    let mut people = live(&desk, Watch::default()).await;
    let begun = until_events(&mut at_hub, 0).await.remove(0);
    assert_eq!((begun.method.as_str(), begun.code.as_str()), ("people.watch", "ok"));
    until_events(&mut at_desk, 0).await;

    for name in ["Ann", "Ben", "Cleo"] {
        create(&desk, name).await;
        next_event(&mut people).await;
    }
    // It is still open.
    let (told, came) = (until_events(&mut at_hub, 3).await, until_events(&mut at_desk, 3).await);
    let (told, came) = (told.last().unwrap(), came.last().unwrap());
    assert_eq!((told.dir, came.dir), (Direction::In, Direction::Out));
    assert_eq!((told.span_id, told.started_us), (begun.span_id, begun.started_us));
    assert_eq!((came.span_id, came.trace_id), (begun.span_id, begun.trace_id));
    assert!(told.duration_us > begun.duration_us && told.sent_bytes > begun.sent_bytes);
    assert!(came.received_bytes > begun.sent_bytes);

    create(&desk, "Dan").await;
    next_event(&mut people).await;
    drop(people);
    let ended = until_events(&mut at_desk, 4).await;
    assert_eq!(ended.last().unwrap().code.as_str(), "ok");
    until_events(&mut at_hub, 4).await;
}
