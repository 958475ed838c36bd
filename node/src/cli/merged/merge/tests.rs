use serde_json::json;

use super::*;

const NODES: [&str; 2] = ["desk", "hub"];

fn merge() -> Merge {
    Merge::of(NODES.map(ToOwned::to_owned))
}

fn end(node: &str, dir: &str, peer: &str, span: u8, code: &str, at_ms: i64) -> Entry {
    let line = json!({
        "timestamp": jiff::Timestamp::from_millisecond(at_ms).unwrap().to_string(),
        "target": "exchange", "message": "request", "level": "INFO",
        "node": node, "dir": dir, "peer": peer, "method": "people.create", "code": code,
        "started_us": at_ms * 1_000, "duration_us": if dir == "out" { 1_200 } else { 700 },
        "deadline_ms": 10_000, "sent_bytes": 1, "received_bytes": 1, "attempt": 1,
        "trace_id": "0af7651916cd43dd8448eb211c80319c", "span_id": format!("{span:016x}"),
    });
    Entry::read(node, &line.to_string())
}

fn event(node: &str, at_ms: i64, fields: &serde_json::Value) -> Entry {
    let mut line =
        json!({ "timestamp": jiff::Timestamp::from_millisecond(at_ms).unwrap().to_string() });
    line.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    Entry::read(node, &line.to_string())
}

fn arrow(merged: &[Merged]) -> Arrow {
    let [Merged { what: What::Request(arrow), .. }] = merged else { panic!("{merged:?}") };
    arrow.clone()
}

#[test]
fn both_ends_of_a_request_are_one_arrow_whichever_comes_first() {
    let ends = || (end("desk", "out", "hub", 1, "ok", 5), end("hub", "in", "desk", 1, "ok", 4));
    for answer_first in [true, false] {
        let (mut merge, (asked, answered)) = (merge(), ends());
        let (first, second) = if answer_first { (answered, asked) } else { (asked, answered) };
        assert_eq!(merge.take(first), []);
        let arrow = arrow(&merge.take(second));
        assert_eq!((arrow.asker.as_str(), arrow.answerer.as_str()), ("desk", "hub"));
        assert_eq!((arrow.code.as_str(), arrow.duration_us), ("ok", Some(1_200)));
        assert_eq!((arrow.ends, arrow.note), (Ends::Both, None));
        assert_eq!(merge.end(), []);
    }
}

#[test]
fn an_end_without_the_other_is_told_after_a_while_and_the_late_one_as_late() {
    let mut merge = merge();
    assert_eq!(merge.take(end("desk", "out", "hub", 1, "deadline_exceeded", 0)), []);
    assert_eq!(merge.at(999_000), []);
    let alone = arrow(&merge.at(1_000_000));
    assert_eq!((alone.ends, alone.note.as_deref()), (Ends::Asker, Some("hub tells of no request")));
    let late = arrow(&merge.take(end("hub", "in", "desk", 1, "ok", 3_000)));
    assert_eq!((late.ends, late.note.as_deref()), (Ends::Answerer, Some("late")));
    assert_eq!(merge.end(), []);
}

#[test]
fn a_caller_from_elsewhere_is_not_waited_for() {
    let arrow = arrow(&merge().take(end("hub", "in", "you", 1, "ok", 0)));
    assert_eq!((arrow.asker.as_str(), arrow.ends, arrow.note), ("you", Ends::Answerer, None));
}

#[test]
fn ends_that_disagree_say_so() {
    let mut merge = merge();
    merge.take(end("desk", "out", "hub", 1, "cancelled", 0));
    let arrow = arrow(&merge.take(end("hub", "in", "desk", 1, "ok", 1)));
    assert_eq!((arrow.code.as_str(), arrow.note.as_deref()), ("cancelled", Some("answered ok")));
}

#[test]
fn a_callback_names_whose_connection_it_went_over() {
    let mut merge = merge();
    let begins =
        |dialed, peer| json!({ "message": "session begins", "peer": peer, "dialed": dialed });
    assert_eq!(merge.take(event("hub", 0, &begins("them", "desk"))), []);
    let [Merged { what: What::Session { node, peer, .. }, .. }] =
        &merge.take(event("desk", 0, &begins("us", "hub")))[..]
    else {
        panic!()
    };
    assert_eq!((node.as_str(), peer.as_str()), ("desk", "hub"));
    merge.take(end("hub", "out", "desk", 1, "ok", 1));
    let back = arrow(&merge.take(end("desk", "in", "hub", 1, "ok", 1)));
    assert_eq!(back.note.as_deref(), Some("over desk's connection"));
    merge.take(end("desk", "out", "hub", 2, "ok", 2));
    assert_eq!(arrow(&merge.take(end("hub", "in", "desk", 2, "ok", 2))).note, None);
}

#[test]
fn the_end_of_a_session_is_told_once() {
    let mut merge = merge();
    let ends = |peer| json!({ "message": "session ends", "peer": peer, "why": "bye" });
    assert_eq!(merge.take(event("hub", 0, &ends("desk"))).len(), 1);
    assert_eq!(merge.take(event("desk", 5, &ends("hub"))), []);
    assert_eq!(merge.take(event("desk", 9_000, &ends("hub"))).len(), 1);
    assert_eq!(merge.take(event("hub", 9_001, &ends("desk"))), []);
}

#[test]
fn a_request_that_was_not_sent_is_an_arrow_at_once_and_its_reason_stands_below() {
    let mut merge = merge();
    let mut unsent = end("desk", "out", "hub", 1, "permission_denied", 0);
    let Line::Request(record) = &mut unsent.line else { panic!("{unsent:?}") };
    record.sent_bytes = 0;
    let arrow = arrow(&merge.take(unsent));
    assert_eq!((arrow.ends, arrow.code.as_str()), (Ends::NotSent, "permission_denied"));
    let fields = json!({ "target": "script", "message": "request not sent", "peer": "hub",
        "method": "people.list", "code": "permission_denied", "why": "role" });
    let told = merge.take(event("desk", 0, &fields));
    let [Merged { what: What::Reason { why, .. }, .. }] = &told[..] else { panic!("{told:?}") };
    assert_eq!(why, "role");
}

#[test]
fn an_event_and_the_reason_of_a_failure_have_lines_of_their_own() {
    let event_fields = json!({ "target": "event", "message": "event received", "peer": "hub",
        "topic": "people.created", "bytes": 12 });
    let [Merged { what: What::Push { node, peer, topic, bytes }, .. }] =
        &merge().take(event("desk", 0, &event_fields))[..]
    else {
        panic!()
    };
    assert_eq!((node.as_str(), peer.as_str(), topic.as_str()), ("desk", "hub", "people.created"));
    assert_eq!(*bytes, 12);
    let fields = json!({ "target": "script", "message": "request failed", "peer": "hub",
        "method": "people.get", "code": "not_found", "why": "nobody" });
    let told = merge().take(event("desk", 0, &fields));
    assert!(
        matches!(&told[..], [Merged { what: What::Reason { why, .. }, .. }] if why == "nobody")
    );
}

#[test]
fn a_subscription_points_from_its_subscriber_to_whom_it_watches() {
    let fields =
        |message| json!({ "message": message, "peer": "desk", "service": "people", "events": 3 });
    for (message, told) in [("subscribed", None), ("subscription ended", Some(3))] {
        let [Merged { what: What::Subscription { node, peer, ended, .. }, .. }] =
            &merge().take(event("hub", 0, &fields(message)))[..]
        else {
            panic!()
        };
        assert_eq!((node.as_str(), peer.as_str(), *ended), ("desk", "hub", told));
    }
}

#[test]
fn what_waits_is_bounded() {
    let mut merge = merge();
    for span in 0..10_000_u64 {
        let mut entry = end("desk", "out", "hub", 1, "ok", 0);
        let Line::Request(record) = &mut entry.line else { panic!() };
        record.span_id = bothways_protocol::SpanId(span.to_be_bytes());
        merge.take(entry);
    }
    assert!(merge.waiting.len() <= WAITING_MAX + 1, "{}", merge.waiting.len());
    assert!(merge.given_up.len() <= REMEMBERED);
}

#[test]
fn what_is_no_line_of_the_log_is_shown_as_it_is() {
    let told = merge().take(Entry::read("hub", "thread 'network' panicked at x"));
    assert!(matches!(&told[..], [Merged { what: What::Text { .. }, .. }]), "{told:?}");
    assert_eq!(merge().take(Entry::read("hub", "  ")), []);
}

#[test]
fn how_far_a_subscription_has_come_is_told_by_its_subscriber_where_that_tells() {
    let told = |node: &str, dir: &str, peer: &str, events: u64| {
        let mut entry = end(node, dir, peer, 1, "ok", 5);
        let Line::Request(record) = &mut entry.line else { panic!("{entry:?}") };
        record.events = Some(events);
        entry
    };
    let mut merge = merge();
    assert_eq!(merge.take(told("hub", "in", "desk", 0)), []);
    let begun = arrow(&merge.take(told("desk", "out", "hub", 0)));
    assert_eq!((begun.ends, begun.is_progress()), (Ends::Both, false));
    assert_eq!(merge.take(told("hub", "in", "desk", 3)), []);
    let come = arrow(&merge.take(told("desk", "out", "hub", 3)));
    assert_eq!((come.events, come.is_progress()), (Some(3), true));
    let elsewhere = arrow(&merge.take(told("hub", "in", "phone", 4)));
    assert_eq!((elsewhere.asker.as_str(), elsewhere.events), ("phone", Some(4)));
    assert_eq!(merge.end(), []);
}
