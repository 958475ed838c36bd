//! A record as its fields are written, in logs and in messages: the same names, all of them text or
//! numbers.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::log::{Fault, Fields};
use super::record::Record;

/// One end of a request, field by field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "Record")]
pub struct RecordFields {
    /// The node that made the record.
    pub node: String,
    /// `out` where it asked, `in` where it answered.
    pub dir: String,
    /// The node at the other end.
    pub peer: String,
    /// What was asked for.
    pub method: String,
    /// `ok`, or the error code that it ended with.
    pub code: String,
    /// When it began, in microseconds since 1970 by the node's clock.
    pub started_us: i64,
    /// How long it took there, in microseconds.
    pub duration_us: u64,
    /// The time that it was given, in milliseconds.
    pub deadline_ms: u64,
    /// Bytes of messages that were sent.
    pub sent_bytes: u64,
    /// Bytes of messages that were received.
    pub received_bytes: u64,
    /// The trace that it belongs to: 32 hexadecimal digits.
    pub trace_id: String,
    /// Its own id, the same at both ends: 16 hexadecimal digits.
    pub span_id: String,
    /// The request that caused it, where the node knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<String>,
    /// The idempotency key of a write: 32 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// 1 for the first attempt.
    pub attempt: u32,
    /// How many events a subscription has delivered until now; only there for subscriptions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<u64>,
}

impl RecordFields {
    /// The fields of a record.
    #[must_use]
    pub fn of(record: &Record) -> Self {
        Self {
            node: record.node.to_string(),
            dir: record.dir.to_string(),
            peer: record.peer.to_string(),
            method: record.method.to_string(),
            code: record.code.to_string(),
            started_us: record.started_us,
            duration_us: record.duration_us,
            deadline_ms: record.deadline_ms,
            sent_bytes: record.sent_bytes,
            received_bytes: record.received_bytes,
            trace_id: record.trace_id.to_string(),
            span_id: record.span_id.to_string(),
            parent_id: record.parent_id.map(|id| id.to_string()),
            key: record.key.map(|key| key.to_string()),
            attempt: record.attempt,
            events: record.events,
        }
    }

    /// The record that they are the fields of.
    ///
    /// # Errors
    /// The first field that has no right value.
    pub fn check(&self) -> Result<Record, Fault> {
        let fields = Fields {
            node: Cow::from(&self.node),
            dir: Cow::from(&self.dir),
            peer: Cow::from(&self.peer),
            method: Some(Cow::from(&self.method)),
            code: Cow::from(&self.code),
            started_us: Some(self.started_us),
            duration_us: Some(self.duration_us),
            deadline_ms: Some(self.deadline_ms),
            sent_bytes: Some(self.sent_bytes),
            received_bytes: Some(self.received_bytes),
            trace_id: Cow::from(&self.trace_id),
            span_id: Cow::from(&self.span_id),
            parent_id: self.parent_id.as_deref().map(Cow::from),
            key: self.key.as_deref().map(Cow::from),
            attempt: Some(self.attempt),
            events: self.events,
        };
        fields.check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::draw::sample;

    #[test]
    fn a_record_reads_back_from_its_fields_as_it_was() {
        for tree in sample::exchanges().trees.iter().chain(&sample::watched().trees) {
            for exchange in &tree.exchanges {
                let record = exchange.ends.first();
                let json = serde_json::to_string(&RecordFields::of(record)).unwrap();
                let fields: RecordFields = serde_json::from_str(&json).unwrap();
                assert_eq!(fields.check().as_ref(), Ok(record));
            }
        }
    }

    #[test]
    fn a_field_that_is_wrong_is_named() {
        let mut fields = RecordFields::of(sample::watched().trees[0].exchanges[0].ends.first());
        fields.peer = "\u{1b}[2J".to_owned();
        assert_eq!(fields.check(), Err(Fault::Field("peer")));
    }
}
