//! Records as spans of OTLP in JSON: an `ExportTraceServiceRequest` that any collector takes.
//!
//! <https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>; attributes as the semantic
//! conventions for RPC have them. Both ends of a request record one id, and OTLP wants one for each
//! span. So the answering end's span has the id that was recorded: what is caused there names that
//! one as its parent, be it a request of the handler or a span of the program around it. The asking
//! end's span has an id that is derived from it, and is the parent of the other.

use bothways_protocol::{Code, NodeName, SpanId};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::record::{Direction, Outcome, Record};

/// Spans that serialize to an `ExportTraceServiceRequest`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Export {
    resource_spans: Vec<ResourceSpans>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ResourceSpans {
    resource: Resource,
    scope_spans: [ScopeSpans; 1],
}

#[derive(Debug, Serialize)]
struct Resource {
    attributes: Vec<Attribute>,
}

#[derive(Debug, Serialize)]
struct ScopeSpans {
    scope: Scope,
    spans: Vec<Span>,
}

#[derive(Debug, Serialize)]
struct Scope {
    name: &'static str,
    version: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Span {
    trace_id: String,
    span_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_span_id: Option<String>,
    name: String,
    /// 2 is a server's span, 3 a client's.
    kind: u8,
    start_time_unix_nano: String,
    end_time_unix_nano: String,
    attributes: Vec<Attribute>,
    status: Status,
}

#[derive(Debug, Serialize)]
struct Attribute {
    key: &'static str,
    value: AnyValue,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
enum AnyValue {
    StringValue(String),
    /// A 64-bit number is text in JSON.
    IntValue(String),
}

/// Nothing where it is unset, 2 for an error.
#[derive(Debug, Serialize, Default)]
struct Status {
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
}

impl Export {
    /// The spans of some nodes.
    pub(super) fn of<'n>(nodes: impl IntoIterator<Item = (&'n NodeName, Vec<Span>)>) -> Self {
        let of_node = |(node, spans): (&NodeName, Vec<Span>)| ResourceSpans {
            resource: Resource { attributes: vec![text("service.name", node)] },
            scope_spans: [ScopeSpans {
                scope: Scope { name: "bothways", version: env!("CARGO_PKG_VERSION") },
                spans,
            }],
        };
        Self { resource_spans: nodes.into_iter().map(of_node).collect() }
    }

    /// The records of one node, each as that node alone knows it.
    pub(crate) fn of_node(node: &NodeName, records: &[Record]) -> Self {
        Self::of([(node, records.iter().map(Span::of).collect())])
    }
}

impl Span {
    /// The span of a record, as its node alone knows it.
    pub(super) fn of(record: &Record) -> Self {
        let own = record.span_id;
        let (span_id, parent, kind) = match record.dir {
            Direction::Out => (at_asker(own), record.parent_id, 3),
            Direction::In => (own, Some(at_asker(own)), 2),
        };
        Self {
            trace_id: record.trace_id.to_string(),
            span_id: span_id.to_string(),
            parent_span_id: parent.map(|id| id.to_string()),
            name: record.method.to_string(),
            kind,
            start_time_unix_nano: nanoseconds(record.started_us),
            end_time_unix_nano: nanoseconds(record.ended_us()),
            attributes: attributes(record),
            status: status(record),
        }
    }

    /// The same between these two moments, in microseconds since 1970.
    pub(super) fn between(self, from_us: i64, to_us: i64) -> Self {
        let (from, to) = (nanoseconds(from_us), nanoseconds(to_us));
        Self { start_time_unix_nano: from, end_time_unix_nano: to, ..self }
    }

    /// The same under another parent.
    pub(super) fn under(self, parent: Option<SpanId>) -> Self {
        Self { parent_span_id: parent.map(|id| id.to_string()), ..self }
    }

    /// Adds that something is missing of its request.
    pub(super) fn note_missing(&mut self, what: &str) {
        self.attributes.push(text("bothways.missing", what));
    }
}

/// The id of the asking end's span: always the same for the same request.
pub(super) fn at_asker(id: SpanId) -> SpanId {
    let digest = Sha256::new().chain_update(b"bothways, at the asker").chain_update(id.0);
    let mut derived = [0; 8];
    derived.copy_from_slice(&digest.finalize()[..8]);
    SpanId(derived)
}

fn nanoseconds(us: i64) -> String {
    (i128::from(us.max(0)) * 1_000).to_string()
}

fn attributes(record: &Record) -> Vec<Attribute> {
    let mut attributes = vec![
        text("rpc.system.name", "bothways"),
        text("rpc.method", &record.method),
        text("rpc.response.status_code", record.code.as_str()),
        text("service.peer.name", &record.peer),
        number("bothways.attempt", record.attempt.into()),
        number("bothways.deadline_ms", record.deadline_ms),
        number("bothways.sent_bytes", record.sent_bytes),
        number("bothways.received_bytes", record.received_bytes),
    ];
    attributes.extend(record.events.map(|events| number("bothways.events", events)));
    if let Outcome::Failed(code) = record.code {
        attributes.push(text("error.type", code.as_str()));
    }
    attributes
}

/// A client's span failed where its request did; a server's, where the server is to blame.
fn status(record: &Record) -> Status {
    let Outcome::Failed(code) = record.code else { return Status::default() };
    let ours = matches!(
        code,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    );
    match record.dir {
        Direction::In if !ours => Status::default(),
        _ => Status { code: Some(2), message: Some(code.as_str()) },
    }
}

fn text(key: &'static str, value: &(impl ToString + ?Sized)) -> Attribute {
    Attribute { key, value: AnyValue::StringValue(value.to_string()) }
}

fn number(key: &'static str, value: u64) -> Attribute {
    Attribute { key, value: AnyValue::IntValue(value.to_string()) }
}
