//! One line of a node's log, understood.

use bothways::exchange::{Log, Record};
use serde_json::{Map, Value};

/// A line, with when and by whom it was written.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Entry {
    /// The node's name; the supervisor writes for the node that it tells of.
    pub(in crate::cli) node: String,
    /// In microseconds since 1970; the time of the line before it, for text without one.
    pub(in crate::cli) at_us: Option<i64>,
    pub(in crate::cli) line: Line,
}

/// What a line holds.
#[derive(Debug, Clone)]
pub(in crate::cli) enum Line {
    /// One end of a request.
    Request(Box<Record>),
    /// Anything else that the node has to tell.
    Event(Event),
    /// What is no line of the log: a panic, an error before there was a log.
    Text(String),
}

/// An event of the log.
#[derive(Debug, Clone, Default)]
pub(in crate::cli) struct Event {
    pub(in crate::cli) level: String,
    pub(in crate::cli) target: String,
    pub(in crate::cli) message: String,
    pub(in crate::cli) fields: Vec<(String, String)>,
}

impl Event {
    /// The field of this name, or nothing.
    pub(in crate::cli) fn field(&self, name: &str) -> &str {
        let field = self.fields.iter().find(|(field, _)| field == name);
        field.map_or("", |(_, value)| value.as_str())
    }
}

impl Entry {
    /// Understands a line, whatever it is.
    pub(in crate::cli) fn read(node: &str, text: &str) -> Self {
        let Ok(Value::Object(mut fields)) = serde_json::from_str(text) else {
            return Self { node: node.to_owned(), at_us: None, line: Line::Text(text.to_owned()) };
        };
        let timestamp = take(&mut fields, "timestamp").parse::<jiff::Timestamp>();
        let at_us = timestamp.ok().map(jiff::Timestamp::as_microsecond);
        let ended = Log::read(format!("{text}\n").as_bytes());
        let record = ended.ok().and_then(|log| log.records.into_iter().next());
        let line = match record {
            Some(record) => Line::Request(Box::new(record)),
            None => Line::Event(Event {
                level: take(&mut fields, "level"),
                target: take(&mut fields, "target"),
                message: take(&mut fields, "message"),
                fields: fields.into_iter().map(|(name, value)| (name, shown(value))).collect(),
            }),
        };
        Self { node: node.to_owned(), at_us, line }
    }
}

fn take(fields: &mut Map<String, Value>, name: &str) -> String {
    fields.remove(name).map(shown).unwrap_or_default()
}

fn shown(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}
