//! What becomes of events and records in the logs.

use std::sync::{Arc, Mutex};

use bothways_protocol::{Code, IdempotencyKey, SpanId, TraceId};

use super::*;
use crate::exchange::{Direction, MethodText, Outcome, Record, emit, emit_event};

/// What peers may send in order to forge a line, or to turn a terminal around.
const EVIL: &str = "a\nb\r\u{1b}[2J\u{202e}\u{2028}\u{85}\u{7f}\0\u{e0001}\"\\z";

/// The log of what `act` does.
fn logged(look: Look, level: &str, act: impl FnOnce()) -> String {
    let [text] = all_logged([(look, level)], act);
    text
}

/// The logs of what `act` does, written side by side.
fn all_logged<const N: usize>(logs: [(Look, &str); N], act: impl FnOnce()) -> [String; N] {
    let buffers: [Arc<Mutex<Vec<u8>>>; N] = std::array::from_fn(|_| Arc::default());
    let log = |((look, level), buffer): ((Look, &str), &Arc<Mutex<Vec<u8>>>)| {
        let plan = LogPlan { level: level.to_owned(), ..LogPlan::default() };
        Log::new(&plan, Shared(buffer.clone()), look).unwrap()
    };
    let (subscriber, writing) = subscriber(logs.into_iter().zip(&buffers).map(log).collect());
    tracing::subscriber::with_default(subscriber, act);
    drop(writing);
    buffers.map(|buffer| String::from_utf8(buffer.lock().unwrap().clone()).unwrap())
}

struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn request(code: &str) {
    tracing::info!(target: "exchange", node = "cli", dir = "out", peer = "hub",
        method = "people.create", %code, duration_us = 1_234_u64,
        trace_id = "0af7651916cd43dd8448eb211c80319c", attempt = 2_u32, "request");
}

#[test]
fn a_line_of_text_has_its_event_and_its_fields() {
    let text = logged(Look::Plain, "info", || {
        tracing::warn!(peer = "hub", wait_ms = 12, why = "no route", "dial failed");
        tracing::debug!("not said");
    });
    assert!(text.ends_with(" WARN  dial failed  peer=hub wait_ms=12 why=\"no route\"\n"), "{text}");
    assert_eq!(text.lines().count(), 1);
}

#[test]
fn an_exchange_is_one_arrow_line() {
    let text = logged(Look::Plain, "info", || request("ok"));
    let line = "→ hub people.create ok 1.2 ms  trace=0af76519 attempt=2\n";
    assert!(text.ends_with(line), "{text}");
    let answered = logged(Look::Plain, "info", || {
        tracing::info!(target: "exchange", dir = "in", peer = "cli", method = "a.b",
            code = "not_found", duration_us = 80, trace_id = "ab", attempt = 1, "request");
    });
    assert!(answered.ends_with("← cli a.b not_found 80 µs  trace=ab\n"), "{answered}");
}

#[test]
fn nothing_that_a_peer_sends_breaks_a_line_of_text() {
    for look in [Look::Plain, Look::Coloured] {
        let text = logged(look, "info", || {
            tracing::info!(peer = EVIL, shown = %EVIL, debugged = ?EVIL, "{EVIL}");
            request(EVIL);
        });
        assert_eq!(text.lines().count(), 2, "{text:?}");
        let colours = anstyle_free(&text);
        let hidden = |c: char| c != '\n' && !bothways_protocol::is_visible(c);
        assert!(!colours.contains(hidden), "{colours:?}");
    }
}

/// The text without our own colours, which all have the form `ESC [ digits and ; m`.
fn anstyle_free(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |shown, part| match part.split_once('m') {
        Some((code, rest)) if code.bytes().all(|c| c.is_ascii_digit() || c == b';') => shown + rest,
        _ => shown + "\u{1b}[" + part,
    })
}

#[test]
fn colour_is_used_only_where_asked_for() {
    assert!(!logged(Look::Plain, "info", || request("ok")).contains('\u{1b}'));
    assert!(logged(Look::Coloured, "info", || request("ok")).contains('\u{1b}'));
}

#[test]
fn a_json_line_carries_the_fields_as_they_are() {
    let text = logged(Look::Json, "info", || {
        request("ok");
        tracing::info!(peer = EVIL, "{EVIL}");
    });
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["duration_us"], 1_234);
    assert_eq!((&lines[0]["target"], &lines[0]["level"]), (&"exchange".into(), &"INFO".into()));
    assert_eq!((&lines[1]["peer"], &lines[1]["message"]), (&EVIL.into(), &EVIL.into()));
    assert!(!text.contains(|c| c != '\n' && !bothways_protocol::is_visible(c)), "{text:?}");

    let timestamp = lines[0]["timestamp"].as_str().unwrap();
    assert!(timestamp.parse::<jiff::Timestamp>().is_ok(), "{timestamp}");
    assert_eq!(timestamp.len(), "2026-11-23T06:21:40.123456Z".len(), "{timestamp}");
    assert!(timestamp.ends_with('Z'));
}

#[test]
fn a_filter_by_target_silences_only_that_target() {
    let text = logged(Look::Plain, "info,exchange=off", || {
        request("ok");
        tracing::info!("started");
    });
    assert!(text.ends_with("INFO  started\n") && text.lines().count() == 1, "{text}");
}

fn table() -> Vec<Record> {
    let record = Record {
        node: "hub".parse().unwrap(),
        dir: Direction::In,
        peer: "a-name-that-is-much-longer-than-most-names-of-nodes".parse().unwrap(),
        method: MethodText::foreign("people.create"),
        code: Outcome::Ok,
        started_us: 1_764_000_000_123_456,
        duration_us: 1_234,
        deadline_ms: 10_000,
        sent_bytes: 40,
        received_bytes: 90,
        trace_id: TraceId([0xa7; 16]),
        span_id: SpanId([0; 8]),
        parent_id: None,
        key: None,
        attempt: 1,
        events: None,
    };
    let method = |text: &str| Record { method: MethodText::foreign(text), ..record.clone() };
    vec![
        Record { dir: Direction::Out, parent_id: Some(SpanId([1; 8])), ..record.clone() },
        Record { key: Some(IdempotencyKey([9; 16])), attempt: 12, ..record.clone() },
        Record { code: Outcome::Failed(Code::DeadlineExceeded), ..record.clone() },
        Record { events: Some(0), ..record.clone() },
        Record { events: Some(12), attempt: 2, ..record.clone() },
        Record { duration_us: u64::MAX, deadline_ms: u64::MAX, ..record.clone() },
        Record { started_us: i64::MIN, attempt: u32::MAX, ..record.clone() },
        Record { method: MethodText::UNREAD, ..record.clone() },
        method(EVIL),
        method("\"}\n{\"target\":\"exchange\"}\\"),
        method(&"\u{1b}[2J".repeat(99)),
        record,
    ]
}

/// The lines without their times.
fn timeless(look: Look, text: &str) -> Vec<&str> {
    let time = match look {
        Look::Json => "{\"timestamp\":\"2026-11-23T06:21:40.123456Z".len(),
        Look::Plain => "06:21:40.123".len(),
        Look::Coloured => "\u{1b}[2m06:21:40.123".len(),
    };
    text.lines().map(|line| &line[time..]).collect()
}

#[test]
fn a_record_is_the_line_that_its_event_would_have_become() {
    for look in [Look::Json, Look::Plain, Look::Coloured] {
        let records = logged(look, "info", || table().iter().for_each(emit));
        let events = logged(look, "info", || table().iter().for_each(emit_event));
        assert_eq!(timeless(look, &records), timeless(look, &events));
        assert_eq!(records.lines().count(), table().len());
    }
    let text = logged(Look::Json, "info", || table().iter().for_each(emit));
    assert!(text.contains("{\"timestamp\":\"2025-11-24T16:00:00.124690Z\","), "{text}");
    assert_eq!(crate::exchange::Log::read(text.as_bytes()).unwrap().broken, 2, "no such times");
}

#[test]
fn records_and_events_are_written_in_the_order_in_which_they_came() {
    let text = logged(Look::Json, "info", || {
        for number in 0..2_000 {
            emit(&Record { attempt: number, ..table().remove(0) });
            tracing::info!(attempt = number, "between");
        }
    });
    let attempts: Vec<u64> = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|line| line["attempt"].as_u64().unwrap())
        .collect();
    assert!(attempts.iter().copied().eq((0..2_000).flat_map(|number| [number, number])));
}

#[test]
fn each_log_has_the_records_that_its_own_filter_lets_through() {
    let table = [
        ("info", 1),
        ("debug", 1),
        ("warn", 0),
        ("off", 0),
        ("info,exchange=off", 0),
        ("warn,exchange=info", 1),
        ("exchange[{key}]=info", 1),
        ("info,exchange[{key}]=off", 0),
    ];
    let record = || self::table().remove(1);
    for (level, lines) in table {
        let text = logged(Look::Json, level, || emit(&record()));
        assert_eq!(text.lines().count(), lines, "{level}");
    }
    for (other, _) in table {
        let logs = [(Look::Json, "info"), (Look::Plain, other), (Look::Json, "exchange=off")];
        let [all, some, none] = all_logged(logs, || emit(&record()));
        let expected = table.iter().find(|(level, _)| *level == other).unwrap().1;
        let found = (all.lines().count(), some.lines().count(), none.lines().count());
        assert_eq!(found, (1, expected, 0), "{other}");
    }
}

#[test]
fn no_record_is_wanted_where_no_log_takes_any() {
    logged(Look::Json, "info,exchange=off", || assert!(!is_wanted()));
    logged(Look::Json, "info", || assert!(is_wanted()));
    all_logged([(Look::Json, "warn"), (Look::Plain, "info")], || assert!(is_wanted()));
}

#[test]
fn the_short_way_lets_no_event_through_that_no_log_asks_for() {
    logged(Look::Json, "info", || assert!(!tracing::enabled!(tracing::Level::DEBUG)));
    logged(Look::Json, "debug", || assert!(tracing::enabled!(tracing::Level::DEBUG)));
}
