//! Exchanges as the page draws them: each request with both of its ends, in the order of cause.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::exchange::{Clock, Exchange, Exchanges, Gap, RecordFields, Tree};

/// What `/v1/exchange` answers.
#[derive(Debug, Serialize)]
pub(super) struct Drawn {
    exchanges: Vec<Traced>,
    nodes: Vec<DrawnNode>,
    /// Peers that gave no records: of what they answered, only the asking end is known.
    missing: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Traced {
    trace_id: String,
    requests: Vec<Asked>,
}

/// One request.
#[derive(Debug, Serialize)]
struct Asked {
    span_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_id: Option<String>,
    from: String,
    to: String,
    method: String,
    code: &'static str,
    /// By the clock of the merge, like the other times; those of the ends are by their own.
    started_us: i64,
    duration_us: u64,
    sent_us: Option<i64>,
    received_us: Option<i64>,
    answered_us: Option<i64>,
    seen_us: Option<i64>,
    attempt: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    deadline_ms: u64,
    sent_bytes: u64,
    received_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    events: Option<u64>,
    lost: Option<&'static str>,
    gaps: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    out: Option<RecordFields>,
    #[serde(rename = "in", skip_serializing_if = "Option::is_none")]
    inward: Option<RecordFields>,
}

#[derive(Debug, Serialize)]
struct DrawnNode {
    name: String,
    /// How far its clock is ahead of the merge's, and how sure that is.
    offset_us: i64,
    sure_us: Option<u64>,
    records: u64,
}

impl Drawn {
    pub(super) fn of(
        exchanges: &Exchanges,
        counts: &BTreeMap<String, u64>,
        missing: Vec<String>,
    ) -> Self {
        let node = |clock: &Clock| DrawnNode {
            name: clock.node.to_string(),
            offset_us: clock.ahead_us,
            sure_us: clock.within_us,
            records: counts.get(clock.node.as_str()).copied().unwrap_or_default(),
        };
        Self {
            exchanges: exchanges.trees.iter().map(Traced::of).collect(),
            nodes: exchanges.clocks.iter().map(node).collect(),
            missing,
        }
    }
}

impl Traced {
    fn of(tree: &Tree) -> Self {
        let began = tree.span_us().0;
        let parent = |exchange: &Exchange| {
            let parent = tree.exchanges.get(exchange.parent?)?;
            Some(parent.ends.first().span_id.to_string())
        };
        let asked = |exchange| Asked::of(exchange, parent(exchange), began);
        let requests = tree.exchanges.iter().map(asked).collect();
        Self { trace_id: tree.trace_id.to_string(), requests }
    }
}

impl Asked {
    fn of(exchange: &Exchange, parent_id: Option<String>, began: i64) -> Self {
        let (record, times) = (exchange.ends.first(), exchange.times);
        let first = times.sent.or(times.received).unwrap_or(began);
        Self {
            span_id: record.span_id.to_string(),
            parent_id: parent_id.or_else(|| record.parent_id.map(|id| id.to_string())),
            from: exchange.asker().to_string(),
            to: exchange.answerer().to_string(),
            method: exchange.method().to_string(),
            code: exchange.code().as_str(),
            started_us: first,
            duration_us: exchange.duration_us(),
            sent_us: times.sent,
            received_us: times.received,
            answered_us: times.answered,
            seen_us: times.seen,
            attempt: record.attempt,
            key: record.key.map(|key| key.to_string()),
            deadline_ms: record.deadline_ms,
            sent_bytes: record.sent_bytes,
            received_bytes: record.received_bytes,
            events: exchange.ends.answered().or(Some(record)).and_then(|record| record.events),
            lost: exchange.gaps.iter().find_map(|gap| lost(*gap)),
            gaps: exchange.gaps.iter().map(|gap| gap.word()).collect(),
            out: exchange.ends.asked().map(RecordFields::of),
            inward: exchange.ends.answered().map(RecordFields::of),
        }
    }
}

/// What a gap means to who looks at the picture, where it is worth a mark.
fn lost(gap: Gap) -> Option<&'static str> {
    match gap {
        Gap::NeverReceived => Some("sent_never_received"),
        Gap::ResponseLost => Some("answered_response_lost"),
        Gap::Unanswered | Gap::AnswererMissing | Gap::AskerMissing => Some("record_missing"),
        Gap::NotSent | Gap::ParentMissing | Gap::Circular => None,
    }
}
