//! A result for a person: a record as names and values, records as a table, anything else as text.

use bothways::visible;
use ciborium::Value;

use super::output::{Out, fields};
use bothways::json::{named, text};

/// What a person sees of a result.
pub(super) fn human(result: &Value, out: Out) -> String {
    match result {
        Value::Null => String::new(),
        Value::Array(items) => table(items, out),
        Value::Map(entries) => record(entries, out),
        other => visible(&text(other)).into_owned(),
    }
}

/// Names and values, then the lists of records, each as a table under its name.
fn record(entries: &[(Value, Value)], out: Out) -> String {
    let entries = named(entries);
    let (tables, plain): (Vec<_>, Vec<_>) =
        entries.iter().partition(|(_, value)| records(value.0).is_some());
    let mut parts = Vec::new();
    if !plain.is_empty() {
        let names: Vec<_> = plain.iter().map(|(name, _)| visible(name)).collect();
        let values = plain.iter().map(|(_, value)| text(value.0));
        parts.push(fields(names.iter().map(AsRef::as_ref).zip(values)));
    }
    for (name, value) in tables {
        parts.push(format!("{}:\n{}\n", visible(name), human(value.0, out)));
    }
    parts.join("\n")
}

/// Records as rows under all the names that they use, other items one to a line.
fn table(items: &[Value], out: Out) -> String {
    let Some(records) = records_of(items) else {
        return items.iter().map(|item| format!("{}\n", visible(&text(item)))).collect();
    };
    let mut headings: Vec<String> = Vec::new();
    for (name, _) in records.iter().flatten() {
        if !headings.contains(name) {
            headings.push(name.clone());
        }
    }
    let cell = |record: &Vec<(String, String)>, heading: &String| {
        record.iter().find(|(name, _)| name == heading).map(|(_, value)| value.clone())
    };
    let row = |record: &Vec<(String, String)>| {
        headings.iter().map(|heading| cell(record, heading).unwrap_or_default()).collect()
    };
    out.table(&headings, records.iter().map(row))
}

type Record = Vec<(String, String)>;

fn records(value: &Value) -> Option<Vec<Record>> {
    records_of(value.as_array()?)
}

/// The items, if there are some and all are records.
fn records_of(items: &[Value]) -> Option<Vec<Record>> {
    let record = |item: &Value| -> Option<Record> {
        let entries = named(item.as_map()?);
        Some(entries.into_iter().map(|(name, value)| (name, text(value.0))).collect())
    };
    items.iter().map(record).collect::<Option<Vec<_>>>().filter(|records| !records.is_empty())
}

#[cfg(test)]
mod tests {
    use clap::ColorChoice;

    use super::super::Format;
    use super::*;
    use bothways::json::parse;

    fn shown(json: &str) -> String {
        human(&parse(json).unwrap(), Out::new(Format::Table, ColorChoice::Never))
    }

    #[test]
    fn a_record_is_names_and_values() {
        let text = shown(r#"{"name":"Ann","revision":7,"tags":["a","b"],"title":null}"#);
        let expected = "name      Ann\nrevision  7\ntags      [\"a\",\"b\"]\ntitle     null\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn records_are_a_table_with_the_names_that_they_use() {
        let text = shown(r#"{"people":[{"id":1,"name":"Ann"},{"id":2,"title":"Dr"}],"next":null}"#);
        let expected = "next  null\n\npeople:\nID  NAME  TITLE\n1   Ann\n2         Dr\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn other_results_are_text() {
        assert_eq!(shown("null"), "");
        assert_eq!(shown("\"pong\""), "pong");
        assert_eq!(shown("[1,\"a\"]"), "1\na\n");
        assert_eq!(shown("[]"), "");
    }

    #[test]
    fn what_a_peer_sends_is_escaped_wherever_it_stands() {
        let evil = r#""\u001b[2J\n\u202e""#;
        for json in [
            evil.to_owned(),
            format!("[{evil}]"),
            format!("{{{evil}:{evil}}}"),
            format!("[{{{evil}:{evil}}}]"),
            format!("{{{evil}:[{{{evil}:{evil}}}]}}"),
        ] {
            let text = shown(&json);
            assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text:?}");
        }
    }
}
