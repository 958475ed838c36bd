//! Exchanges to draw in tests.

use bothways_protocol::{Code, SpanId, TraceId};

use super::super::merge::{Exchanges, merge};
use super::super::record::{Direction, MethodText, Outcome, Record};
use super::page::Page;

const START_US: i64 = 1_764_000_000_000_000;

/// One request at its asking end, from and to in microseconds after the start.
fn asked(span: u8, ends: [&str; 2], method: &str, from_us: i64, to_us: i64) -> Record {
    Record {
        node: ends[0].parse().unwrap(),
        dir: Direction::Out,
        peer: ends[1].parse().unwrap(),
        method: MethodText::foreign(method),
        code: Outcome::Ok,
        started_us: START_US + from_us,
        duration_us: to_us.abs_diff(from_us),
        deadline_ms: 10_000,
        sent_bytes: 90,
        received_bytes: 40,
        trace_id: TraceId([0xab; 16]),
        span_id: SpanId([span; 8]),
        parent_id: None,
        key: None,
        attempt: 1,
        events: None,
    }
}

/// The same at its answering end, whose clock is ahead.
fn answered(asked: &Record, from_us: i64, to_us: i64, ahead_us: i64) -> Record {
    Record {
        node: asked.peer.clone(),
        dir: Direction::In,
        peer: asked.node.clone(),
        started_us: START_US + from_us + ahead_us,
        duration_us: to_us.abs_diff(from_us),
        parent_id: None,
        ..asked.clone()
    }
}

/// `cli` asks `hub`, which asks `phone` (whose clock is a minute ahead), tries `phone` again after a
/// loss, asks `desk` (of which there is no log) and itself.
pub(in super::super) fn exchanges() -> Exchanges {
    const AHEAD_US: i64 = 60_000_000;
    let under = |record: Record| Record { parent_id: Some(SpanId([1; 8])), ..record };
    let first = asked(1, ["cli", "hub"], "people.create", 0, 40_000);
    let deliver = under(asked(2, ["hub", "phone"], "messages.deliver", 2_000, 9_000));
    let lost = Record {
        code: Outcome::Failed(Code::DeadlineExceeded),
        received_bytes: 0,
        ..under(asked(3, ["hub", "phone"], "orders.place", 10_000, 20_000))
    };
    let again =
        Record { attempt: 2, ..under(asked(4, ["hub", "phone"], "orders.place", 20_100, 24_000)) };
    let desk = Record {
        code: Outcome::Failed(Code::NotFound),
        ..under(asked(5, ["hub", "desk"], "people.get", 25_000, 30_000))
    };
    let own = under(asked(6, ["hub", "hub"], "people.list", 31_000, 32_000));
    let back = Record {
        code: Outcome::Failed(Code::DeadlineExceeded),
        received_bytes: 0,
        ..asked(7, ["phone", "hub"], "people.update", 50_000 + AHEAD_US, 60_000 + AHEAD_US)
    };
    let seen = Record {
        code: Outcome::Ok,
        ..answered(&back, 51_000 - AHEAD_US, 52_000 - AHEAD_US, AHEAD_US)
    };
    let seen = Record { started_us: START_US + 51_000, sent_bytes: 40, ..seen };
    let strange = asked(8, ["ghost", "hub"], "\u{1b}[2J<b>;%%", 0, 0);
    let strange = Record {
        code: Outcome::Failed(Code::Unimplemented),
        ..answered(&strange, 62_000, 62_300, 0)
    };
    merge(vec![
        answered(&first, 1_000, 39_000, 0),
        answered(&deliver, 3_000, 8_000, AHEAD_US),
        answered(&again, 21_000, 23_000, AHEAD_US),
        answered(&own, 31_200, 31_900, 0),
        first,
        deliver,
        lost,
        again,
        desk,
        own,
        back,
        seen,
        strange,
    ])
}

/// `phone` (whose clock is a minute ahead) watches `hub` while `cli` asks it; each end of the
/// subscription has left three records until now.
pub(in super::super) fn watched() -> Exchanges {
    const AHEAD_US: i64 = 60_000_000;
    let watch = asked(1, ["phone", "hub"], "orders.watch", AHEAD_US, 1_000 + AHEAD_US);
    let begun = answered(&watch, 400 - AHEAD_US, 600 - AHEAD_US, AHEAD_US);
    let begun = Record { started_us: START_US + 400, ..begun };
    let until = |record: &Record, us: i64, events: u64| Record {
        duration_us: us.unsigned_abs(),
        events: Some(events),
        ..record.clone()
    };
    let first = asked(2, ["cli", "hub"], "orders.ship", 50_000, 54_000);
    merge(vec![
        until(&watch, 1_000, 0),
        until(&begun, 600, 0),
        until(&watch, 1_900_000, 12),
        until(&watch, 1_000_000, 3),
        until(&begun, 1_000_000, 3),
        until(&begun, 7_000_000, 14),
        answered(&first, 51_000, 53_000, 0),
        first,
    ])
}

/// A request whose method is an attack on whatever shows it.
pub(super) fn hostile() -> Exchanges {
    let method = "x\n    n0->>n1: forged;#\u{1b}[31m<script>%%{init:{}}%%\u{202e}";
    merge(vec![asked(1, ["end", "hub"], method, 0, 1_000)])
}

/// Draws the samples at many widths and looks for lines that are too wide or not one line.
pub(super) fn assert_fits(draw: fn(&Exchanges, usize) -> Page) {
    for exchanges in [exchanges(), watched(), hostile(), nested(), crowd(), Exchanges::default()] {
        for width in [40, 41, 57, 80, 100, 131, 240] {
            for line in draw(&exchanges, width).to_string().lines() {
                assert!(line.chars().count() <= width, "{width}: {line}");
                assert!(!line.chars().any(char::is_control), "{line:?}");
            }
        }
    }
}

/// Two hundred requests, each under the one before.
fn nested() -> Exchanges {
    let request = |depth: u8| {
        let ends = if depth.is_multiple_of(2) { ["a", "b"] } else { ["b", "a"] };
        let (from_us, to_us) = (i64::from(depth), 500 - i64::from(depth));
        let parent_id = (depth > 1).then(|| SpanId([depth - 1; 8]));
        Record { parent_id, ..asked(depth, ends, "people.get", from_us, to_us) }
    };
    merge((1..=200).map(request).collect())
}

/// One node asks thirty with the longest of names.
fn crowd() -> Exchanges {
    let request = |number: u8| {
        let name = format!("{}{number:02}", "x".repeat(61));
        asked(number, ["hub", &name], "messages.deliver", i64::from(number), 90)
    };
    merge((1..=30).map(request).collect())
}
