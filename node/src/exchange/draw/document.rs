//! The exchanges as JSON, for programs: a stable form.

use serde::{Serialize, Serializer};

use super::super::merge::{Clock, Exchange, Exchanges, Gap, Tree};
use super::super::record::Record;

/// The version of the form below; fields may be added under the same number.
const VERSION: u32 = 1;

/// What [`document`] returns: it serializes to
///
/// ```json
/// {
///   "version": 1,
///   "clocks": [{"node", "reference", "ahead_us", "within_us" or null}],
///   "absent": ["name of a node of which there is no record"],
///   "traces": [{
///     "trace_id", "started_us", "duration_us",
///     "exchanges": [{
///       "span_id", "parent" or null, "retry_of" or null, "depth",
///       "asker", "answerer", "method", "code", "attempt", "key" or null,
///       "duration_us", "deadline_ms",
///       "events": of a subscription, how many have come; else null
///       "sent_us", "received_us", "answered_us", "seen_us": each a number or null,
///       "asked" and "answered": null or
///           {"started_us", "duration_us", "deadline_ms", "code", "sent_bytes", "received_bytes",
///            "events": a number or null},
///       "gaps": ["never_received", …]
///     }],
///     "steps": [{"exchange", "event": "sent" | "received" | "answered" | "seen", "at_us"}]
///   }]
/// }
/// ```
///
/// `parent`, `retry_of` and `exchange` count the trace's exchanges from 0. Times are microseconds
/// since 1970: those of an exchange and of a step by the reference clock and in the order of cause,
/// those in `asked` and `answered` as that node's own clock had them.
#[derive(Debug, Serialize)]
pub struct Document<'a> {
    version: u32,
    clocks: Vec<ClockEntry<'a>>,
    absent: Vec<&'a str>,
    traces: Vec<TraceEntry<'a>>,
}

/// The exchanges as a document that serializes to JSON.
#[must_use]
pub fn document(exchanges: &Exchanges) -> Document<'_> {
    Document {
        version: VERSION,
        clocks: exchanges.clocks.iter().map(ClockEntry::of).collect(),
        absent: exchanges.absent.iter().map(AsRef::as_ref).collect(),
        traces: exchanges.trees.iter().map(TraceEntry::of).collect(),
    }
}

#[derive(Debug, Serialize)]
struct ClockEntry<'a> {
    node: &'a str,
    reference: &'a str,
    ahead_us: i64,
    within_us: Option<u64>,
}

impl<'a> ClockEntry<'a> {
    fn of(clock: &'a Clock) -> Self {
        let Clock { node, reference, ahead_us, within_us } = clock;
        let (node, reference) = (node.as_str(), reference.as_str());
        Self { node, reference, ahead_us: *ahead_us, within_us: *within_us }
    }
}

#[derive(Debug, Serialize)]
struct TraceEntry<'a> {
    trace_id: String,
    started_us: i64,
    duration_us: u64,
    exchanges: Vec<ExchangeEntry<'a>>,
    steps: Vec<StepEntry>,
}

impl<'a> TraceEntry<'a> {
    fn of(tree: &'a Tree) -> Self {
        let (from, to) = tree.span_us();
        let step = |step: &super::super::merge::Step| StepEntry {
            exchange: step.exchange,
            event: step.event.word(),
            at_us: step.at_us,
        };
        Self {
            trace_id: tree.trace_id.to_string(),
            started_us: from,
            duration_us: to.abs_diff(from),
            exchanges: tree.exchanges.iter().map(ExchangeEntry::of).collect(),
            steps: tree.steps.iter().map(step).collect(),
        }
    }
}

#[derive(Debug, Serialize)]
struct ExchangeEntry<'a> {
    span_id: String,
    parent: Option<usize>,
    retry_of: Option<usize>,
    depth: usize,
    asker: &'a str,
    answerer: &'a str,
    method: &'a str,
    code: &'static str,
    attempt: u32,
    key: Option<String>,
    duration_us: u64,
    deadline_ms: u64,
    events: Option<u64>,
    sent_us: Option<i64>,
    received_us: Option<i64>,
    answered_us: Option<i64>,
    seen_us: Option<i64>,
    asked: Option<EndEntry>,
    answered: Option<EndEntry>,
    #[serde(serialize_with = "words")]
    gaps: &'a [Gap],
}

impl<'a> ExchangeEntry<'a> {
    fn of(exchange: &'a Exchange) -> Self {
        let (record, times) = (exchange.ends.first(), exchange.times);
        Self {
            span_id: record.span_id.to_string(),
            parent: exchange.parent,
            retry_of: exchange.retry_of,
            depth: exchange.depth,
            asker: record.asker().as_str(),
            answerer: record.answerer().as_str(),
            method: record.method.as_str(),
            code: record.code.as_str(),
            attempt: record.attempt,
            key: record.key.map(|key| key.to_string()),
            duration_us: record.duration_us,
            deadline_ms: record.deadline_ms,
            events: exchange.ends.events(),
            sent_us: times.sent,
            received_us: times.received,
            answered_us: times.answered,
            seen_us: times.seen,
            asked: exchange.ends.asked().map(EndEntry::of),
            answered: exchange.ends.answered().map(EndEntry::of),
            gaps: &exchange.gaps,
        }
    }
}

/// One end as its own record has it.
#[derive(Debug, Serialize)]
struct EndEntry {
    started_us: i64,
    duration_us: u64,
    deadline_ms: u64,
    code: &'static str,
    sent_bytes: u64,
    received_bytes: u64,
    events: Option<u64>,
}

impl EndEntry {
    fn of(record: &Record) -> Self {
        let Record { started_us, duration_us, deadline_ms, sent_bytes, received_bytes, .. } =
            *record;
        let (code, events) = (record.code.as_str(), record.events);
        Self { started_us, duration_us, deadline_ms, code, sent_bytes, received_bytes, events }
    }
}

#[derive(Debug, Serialize)]
struct StepEntry {
    exchange: usize,
    event: &'static str,
    at_us: i64,
}

fn words<S: Serializer>(gaps: &[Gap], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(gaps.iter().map(|gap| gap.word()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::sample;
    use super::*;

    /// Programs rely on these, in the order of the alphabet.
    const FIELDS: &str = "answered answered_us answerer asked asker attempt code deadline_ms depth \
        duration_us events gaps key method parent received_us retry_of seen_us sent_us span_id";

    fn value(exchanges: &Exchanges) -> Value {
        serde_json::to_value(document(exchanges)).unwrap()
    }

    #[test]
    fn the_document_tells_of_both_ends_and_of_what_is_missing() {
        let document = value(&sample::exchanges());
        assert_eq!(document["version"], 1);
        assert_eq!(document["absent"], json!(["desk", "ghost"]));
        let clock = &document["clocks"][4];
        assert_eq!((&clock["node"], &clock["reference"]), (&json!("phone"), &json!("hub")));

        let lost = &document["traces"][0]["exchanges"][2];
        let mut fields: Vec<_> = lost.as_object().unwrap().keys().map(String::as_str).collect();
        fields.sort_unstable();
        assert_eq!(fields.join(" "), FIELDS);
        assert_eq!(lost["gaps"], json!(["never_received"]));
        assert_eq!((&lost["parent"], &lost["depth"]), (&json!(0), &json!(1)));
        assert_eq!((&lost["answered"], &lost["received_us"]), (&Value::Null, &Value::Null));
        assert_eq!(lost["asked"]["code"], "deadline_exceeded");
        assert_eq!(document["traces"][0]["exchanges"][3]["retry_of"], 2);
        let first = json!({"exchange": 0, "event": "sent", "at_us": 1_763_999_999_999_999_i64});
        assert_eq!(document["traces"][0]["steps"][0], first);
    }

    #[test]
    fn what_a_peer_sent_is_escaped_text() {
        let document = value(&sample::hostile());
        let method = document["traces"][0]["exchanges"][0]["method"].as_str().unwrap();
        assert!(method.is_ascii() && !method.contains('\n'), "{method}");
    }
}
