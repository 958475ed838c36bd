//! `node.records`: a node gives the records that it keeps in memory to those who may read them.

use std::collections::BTreeSet;
use std::sync::Arc;

use bothways_protocol::{Code, Effect, Failure, Method, NodeName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Context, Router};
use crate::client::Outbound;
use crate::exchange::{READS_RECORDS, Record, RecordFields};

/// How many records are given where nothing is said, and at the most.
const LIMIT_DEFAULT: u16 = 256;
const LIMIT_MAX: u16 = 1_000;
/// The largest result, in bytes.
const RESULT_BYTES: usize = 1024 * 1024;
/// What a record takes beside its names, and what is around all of them, in bytes.
const RECORD_BYTES: usize = 400;
const AROUND_BYTES: usize = 256;

/// Asks a node for its records of requests, the oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadRecords {
    /// Only those behind this one: `next` of the page before. All that are kept, where nothing is
    /// said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// No more than so many; 256 where nothing is said, and never more than 1,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u16>,
}

/// Some of a node's records of requests.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RecordPage {
    /// The records, in the order in which they were made.
    pub records: Vec<RecordFields>,
    /// Where to read on: the next page is the one after this.
    pub next: u64,
    /// How many records between the page before and this one are no longer kept.
    pub missed: u64,
    /// When the node began to count, in milliseconds since 1970: where it is another than before,
    /// the node was started anew, and so were its numbers.
    pub since_ms: u64,
}

impl Method for ReadRecords {
    const NAME: &'static str = READS_RECORDS;
    const EFFECT: Effect = Effect::Reads;
    const ABOUT: &'static str =
        "Gives the node's newest records of requests, to those whom it lets read them";
    const MESSAGE_BYTES: usize = RESULT_BYTES;
    const REQUEST_BYTES: usize = 64 * 1024;
    type Result = RecordPage;

    fn example() -> Self {
        Self { after: Some(0), limit: Some(LIMIT_DEFAULT) }
    }
}

/// The service behind it.
#[derive(Debug)]
pub(super) struct Records {
    outbound: Arc<Outbound>,
    readers: BTreeSet<NodeName>,
    since_ms: u64,
}

impl Records {
    pub(super) fn new(outbound: Arc<Outbound>, readers: BTreeSet<NodeName>) -> Arc<Self> {
        Arc::new(Self { outbound, readers, since_ms: crate::clock::unix_ms() })
    }

    pub(super) fn routes(self: &Arc<Self>) -> Router {
        Router::default().on(self, Self::read)
    }

    #[allow(clippy::unused_async, reason = "a handler is an async method")]
    async fn read(&self, context: Context, asked: ReadRecords) -> Result<RecordPage, Failure> {
        self.check_reader(context.peer())?;
        let ReadRecords { after, limit } = asked;
        let since_ms = self.since_ms;
        let Some(recent) = self.outbound.recorder.recent() else {
            return Ok(RecordPage { since_ms, ..RecordPage::default() });
        };
        let limit = usize::from(limit.unwrap_or(LIMIT_DEFAULT).min(LIMIT_MAX));
        let mut room = RESULT_BYTES.min(self.outbound.limits.message_bytes) - AROUND_BYTES;
        let page = recent.page(after.unwrap_or(0), limit, |record| {
            let bytes = bytes_of(record);
            let fits = bytes <= room;
            room = room.saturating_sub(bytes);
            fits
        });
        let records = page.records.iter().map(RecordFields::of).collect();
        Ok(RecordPage { records, next: page.next, missed: page.missed, since_ms })
    }

    fn check_reader(&self, peer: &NodeName) -> Result<(), Failure> {
        let name = &self.outbound.name;
        if peer == name || self.readers.contains(peer) {
            return Ok(());
        }
        let sentence = format!(
            "{name} gives its records to its readers alone: {peer} becomes one where the \
             configuration of {name} names it in exchange.readers"
        );
        Err(Failure::new(Code::PermissionDenied, sentence).reason("readers"))
    }
}

/// How many bytes a record takes in a message, at the most.
fn bytes_of(record: &Record) -> usize {
    let names = [record.node.as_str(), record.peer.as_str(), record.method.as_str()];
    RECORD_BYTES + names.map(str::len).iter().sum::<usize>()
}

#[cfg(test)]
mod tests {
    use bothways_protocol::{Encoded, IdempotencyKey, SpanId, TraceId};

    use super::*;
    use crate::exchange::{Direction, MethodText, Outcome};

    #[test]
    fn no_record_takes_more_than_it_is_counted_for() {
        let long = "x".repeat(63);
        let record = Record {
            node: long.parse().unwrap(),
            dir: Direction::Out,
            peer: long.parse().unwrap(),
            method: MethodText::foreign(&"\u{1b}".repeat(99)),
            code: Outcome::Failed(Code::ResourceExhausted),
            started_us: i64::MIN,
            duration_us: u64::MAX,
            deadline_ms: u64::MAX,
            sent_bytes: u64::MAX,
            received_bytes: u64::MAX,
            trace_id: TraceId([0xff; 16]),
            span_id: SpanId([0xff; 8]),
            parent_id: Some(SpanId([0xff; 8])),
            key: Some(IdempotencyKey([0xff; 16])),
            attempt: u32::MAX,
            events: Some(u64::MAX),
        };
        let page = |records: Vec<RecordFields>| {
            let numbers =
                RecordPage { next: u64::MAX, missed: u64::MAX, since_ms: u64::MAX, records };
            Encoded::of(&numbers).unwrap().bytes().len()
        };
        let (none, one) = (page(Vec::new()), page(vec![RecordFields::of(&record)]));
        assert!(none + 8 <= AROUND_BYTES, "{none}");
        assert!(one - none <= bytes_of(&record), "{}", one - none);
    }
}
