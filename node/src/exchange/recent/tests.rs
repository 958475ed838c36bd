use std::sync::Arc;

use bothways_protocol::{SpanId, TraceId};
use futures_util::FutureExt;

use super::*;
use crate::exchange::{Direction, MethodText, Outcome};

fn record(attempt: u32) -> Record {
    Record {
        node: "hub".parse().unwrap(),
        dir: Direction::In,
        peer: "desk".parse().unwrap(),
        method: MethodText::foreign("people.get"),
        code: Outcome::Ok,
        started_us: 1_764_000_000_000_000,
        duration_us: 1,
        deadline_ms: 10_000,
        sent_bytes: 1,
        received_bytes: 1,
        trace_id: TraceId([1; 16]),
        span_id: SpanId([1; 8]),
        parent_id: None,
        key: None,
        attempt,
        events: None,
    }
}

/// A ring of four through which so many records have come.
fn ring(count: u32) -> Recent {
    let recent = Recent::of(4).unwrap();
    (1..=count).for_each(|attempt| recent.keep(record(attempt)));
    recent
}

fn attempts(records: &[Record]) -> Vec<u32> {
    records.iter().map(|record| record.attempt).collect()
}

#[test]
fn the_newest_are_kept_and_the_oldest_go() {
    assert_eq!(attempts(&ring(3).all()), [1, 2, 3]);
    assert_eq!(attempts(&ring(11).all()), [8, 9, 10, 11]);
    assert!(Recent::of(0).is_none());
}

#[test]
fn who_reads_on_gets_each_once_and_is_told_how_many_are_gone() {
    // after, at most → records, next, missed
    let table: [(u64, usize, &[u32], u64, u64); 7] = [
        (0, 9, &[8, 9, 10, 11], 11, 7),
        (0, 2, &[8, 9], 9, 7),
        (5, 9, &[8, 9, 10, 11], 11, 2),
        (9, 9, &[10, 11], 11, 0),
        (11, 9, &[], 11, 0),
        (9, 0, &[], 9, 0),
        (400, 9, &[8, 9, 10, 11], 11, 7),
    ];
    for (after, most, expected, next, missed) in table {
        let page = ring(11).page(after, most, |_| true);
        assert_eq!(attempts(&page.records), expected, "after {after}");
        assert_eq!((page.next, page.missed), (next, missed), "after {after}");
    }
}

#[test]
fn a_feed_gives_what_comes_in_order_and_says_what_it_missed() {
    let recent = Arc::new(ring(2));
    let mut feed = RecordFeed::of(Some(recent.clone()));
    assert_eq!(feed.next().now_or_never(), None, "what was before is not new");
    (3..=9).for_each(|attempt| recent.keep(record(attempt)));
    let mut next = || feed.next().now_or_never();
    assert_eq!(next(), Some(Some(Fed::Missed(3))));
    for attempt in 6..=9 {
        assert_eq!(next(), Some(Some(Fed::Record(record(attempt)))));
    }
    assert_eq!(next(), None);
    recent.end();
    assert_eq!(next(), Some(None));
}

#[tokio::test]
async fn a_feed_that_waits_is_woken_by_a_record_and_by_the_end() {
    let recent = Arc::new(ring(0));
    let mut feed = RecordFeed::of(Some(recent.clone()));
    let reading = tokio::spawn(async move {
        let mut count = 0;
        while feed.next().await.is_some() {
            count += 1;
        }
        count
    });
    tokio::task::yield_now().await;
    recent.keep(record(1));
    tokio::task::yield_now().await;
    recent.end();
    assert_eq!(reading.await.unwrap(), 1);
    assert_eq!(RecordFeed::of(None).next().await, None);
}
