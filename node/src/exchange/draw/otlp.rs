//! The exchanges as OTLP in JSON: an `ExportTraceServiceRequest` that any collector takes.
//!
//! <https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>; attributes as the semantic
//! conventions for RPC have them. Both ends of a request log one span id, and OTLP has one for each
//! end: the asking end keeps it, the answering one has an id that is derived from it, and what its
//! handler asked in turn stands under that. Times are by the reference clock, in the order of
//! cause.

use std::collections::BTreeMap;

use bothways_protocol::{Code, NodeName, SpanId};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::super::merge::{Exchange, Exchanges, Tree};
use super::super::record::{Direction, Outcome, Record};

/// What [`otlp`] returns: it serializes to an `ExportTraceServiceRequest`.
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
struct Span {
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

/// The exchanges as spans, by node.
#[must_use]
pub fn otlp(exchanges: &Exchanges) -> Export {
    let mut nodes: BTreeMap<&NodeName, Vec<Span>> = BTreeMap::new();
    for tree in &exchanges.trees {
        for exchange in &tree.exchanges {
            for end in [Direction::Out, Direction::In] {
                if let Some(record) = exchange.ends.at(end) {
                    nodes.entry(&record.node).or_default().push(span(tree, exchange, record));
                }
            }
        }
    }
    let of_node = |(node, spans): (&NodeName, Vec<Span>)| ResourceSpans {
        resource: Resource { attributes: vec![text("service.name", node)] },
        scope_spans: [ScopeSpans {
            scope: Scope { name: "bothways", version: env!("CARGO_PKG_VERSION") },
            spans,
        }],
    };
    Export { resource_spans: nodes.into_iter().map(of_node).collect() }
}

fn span(tree: &Tree, exchange: &Exchange, record: &Record) -> Span {
    let (times, own) = (exchange.times, record.span_id);
    let (from, to, span_id, parent, kind) = match record.dir {
        Direction::Out => (times.sent, times.seen, own, parent_of(tree, exchange), 3),
        Direction::In => {
            let parent = exchange.ends.asked().map(|asked| asked.span_id);
            (times.received, times.answered, at_answerer(own), parent, 2)
        }
    };
    Span {
        trace_id: record.trace_id.to_string(),
        span_id: span_id.to_string(),
        parent_span_id: parent.map(|id| id.to_string()),
        name: record.method.to_string(),
        kind,
        start_time_unix_nano: nanoseconds(from.unwrap_or(record.started_us)),
        end_time_unix_nano: nanoseconds(to.unwrap_or(record.ended_us())),
        attributes: attributes(exchange, record),
        status: status(record),
    }
}

/// The span under which a request was issued, as far as it is exported.
fn parent_of(tree: &Tree, exchange: &Exchange) -> Option<SpanId> {
    let Some(parent) = exchange.parent else { return exchange.ends.first().parent_id };
    let ends = &tree.exchanges[parent].ends;
    let id = ends.first().span_id;
    Some(if ends.answered().is_some() { at_answerer(id) } else { id })
}

/// The id of the answering end's span: always the same for the same request.
fn at_answerer(id: SpanId) -> SpanId {
    let digest = Sha256::new().chain_update(b"bothways, at the answerer").chain_update(id.0);
    let mut derived = [0; 8];
    derived.copy_from_slice(&digest.finalize()[..8]);
    SpanId(derived)
}

fn nanoseconds(us: i64) -> String {
    (i128::from(us.max(0)) * 1_000).to_string()
}

fn attributes(exchange: &Exchange, record: &Record) -> Vec<Attribute> {
    let mut attributes = vec![text("rpc.system", "bothways")];
    match record.method.as_str().rsplit_once('.') {
        Some((service, method)) if record.method.is_name() => {
            attributes.extend([text("rpc.service", service), text("rpc.method", method)]);
        }
        _ => attributes.push(text("rpc.method", &record.method)),
    }
    attributes.extend([
        text("bothways.peer", &record.peer),
        number("bothways.attempt", record.attempt.into()),
        number("bothways.deadline_ms", record.deadline_ms),
        number("bothways.sent_bytes", record.sent_bytes),
        number("bothways.received_bytes", record.received_bytes),
    ]);
    attributes.extend(record.events.map(|events| number("bothways.events", events)));
    if let Outcome::Failed(code) = record.code {
        attributes.push(text("error.type", code.as_str()));
    }
    attributes.extend(exchange.gaps.iter().map(|gap| text("bothways.missing", gap.word())).take(1));
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};

    use super::super::sample;
    use super::*;

    fn spans(export: &Value) -> Vec<&Value> {
        let nodes = export["resourceSpans"].as_array().unwrap().iter();
        nodes.flat_map(|node| node["scopeSpans"][0]["spans"].as_array().unwrap()).collect()
    }

    #[test]
    fn each_end_is_a_span_of_its_node_under_what_caused_it() {
        let export = serde_json::to_value(otlp(&sample::exchanges())).unwrap();
        let spans = spans(&export);
        let ids: BTreeSet<_> = spans.iter().map(|span| span["spanId"].as_str().unwrap()).collect();
        assert_eq!((spans.len(), ids.len()), (13, 13), "one for each record, none twice");
        let named = |name: &str, kind: u8| {
            let found = spans.iter().find(|span| span["name"] == name && span["kind"] == kind);
            *found.unwrap()
        };
        let (asked, answered) = (named("people.create", 3), named("people.create", 2));
        assert_eq!(answered["parentSpanId"], asked["spanId"]);
        assert_eq!(named("messages.deliver", 3)["parentSpanId"], answered["spanId"]);
        assert_eq!(asked.get("parentSpanId"), None);
        let service = &export["resourceSpans"][0]["resource"]["attributes"][0];
        let expected = json!({"key": "service.name", "value": {"stringValue": "cli"}});
        assert_eq!(service, &expected);
    }

    #[test]
    fn a_span_has_the_types_that_the_specification_asks_for() {
        let export = serde_json::to_value(otlp(&sample::exchanges())).unwrap();
        for span in spans(&export) {
            assert_eq!(span["traceId"].as_str().unwrap().len(), 32);
            assert_eq!(span["spanId"].as_str().unwrap().len(), 16);
            let time = |key: &str| span[key].as_str().unwrap().parse::<u64>().unwrap();
            assert!(time("startTimeUnixNano") <= time("endTimeUnixNano"), "{span}");
        }
        let failed = spans(&export).into_iter().find(|span| span["name"] == "people.get").unwrap();
        assert_eq!(failed["status"], json!({"code": 2, "message": "not_found"}));
        let text = failed["attributes"].to_string();
        for part in ["\"rpc.service\"", "\"people\"", "\"error.type\"", "\"intValue\":\"1\""] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}
