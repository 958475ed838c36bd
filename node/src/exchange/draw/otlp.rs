//! The exchanges as OTLP in JSON: each end's span with what only all records together tell. Times are
//! by the reference clock, in the order of cause.

use std::collections::BTreeMap;

use bothways_protocol::{NodeName, SpanId};

use super::super::merge::{Exchange, Exchanges, Tree};
use super::super::record::{Direction, Record};
use super::super::spans::{Export, Span, at_asker};

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
    Export::of(nodes)
}

fn span(tree: &Tree, exchange: &Exchange, record: &Record) -> Span {
    let times = exchange.times;
    let (from, to, parent) = match record.dir {
        Direction::Out => (times.sent, times.seen, parent_of(tree, exchange)),
        Direction::In => {
            let parent = exchange.ends.asked().map(|asked| at_asker(asked.span_id));
            (times.received, times.answered, parent)
        }
    };
    let (from, to) = (from.unwrap_or(record.started_us), to.unwrap_or(record.ended_us()));
    let mut span = Span::of(record).between(from, to).under(parent);
    exchange.gaps.iter().take(1).for_each(|gap| span.note_missing(gap.word()));
    span
}

/// The span under which a request was issued: that of the request which its node answered, as far
/// as there is a record of it.
fn parent_of(tree: &Tree, exchange: &Exchange) -> Option<SpanId> {
    let Some(parent) = exchange.parent else { return exchange.ends.first().parent_id };
    let ends = &tree.exchanges[parent].ends;
    let id = ends.first().span_id;
    Some(if ends.answered().is_some() { id } else { at_asker(id) })
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
        for part in ["\"rpc.method\"", "\"people.get\"", "\"error.type\"", "\"intValue\":\"1\""] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}
