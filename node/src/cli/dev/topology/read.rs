//! Reads a topology's TOML: every key must be known, every value of its kind, and whatever is not
//! is told with its line.

mod story;

use std::borrow::Cow;
use std::str::FromStr;
use std::time::Duration;

use bothways::exchange::Outcome;
use bothways_protocol::NodeName;
use serde_json::Value as Json;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Call, Lined, Problem, Written, WrittenNode};
use crate::cli::caller::duration;

/// The time between two requests, where nothing is said.
const EVERY: Duration = Duration::from_secs(2);
const NODE_KEYS: [&str; 7] = ["role", "listen", "dials", "services", "settings", "watch", "calls"];

type Entry<'t> = (&'t Spanned<Cow<'t, str>>, &'t Spanned<DeValue<'t>>);

/// Reads as much as can be read; what is wrong goes to `problems`.
pub(super) fn read(text: &str, problems: &mut Vec<Problem>) -> Written {
    let mut reader = Reader { text, problems };
    match DeTable::parse(text) {
        Ok(table) => reader.root(table.get_ref()),
        Err(error) => {
            let at = error.span().map_or(0, |span| span.start);
            reader.tell(at, format!("no TOML: {}", error.message()));
            Written::default()
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    problems: &'a mut Vec<Problem>,
}

impl Reader<'_> {
    /// The line of the byte at this offset.
    fn line(&self, at: usize) -> usize {
        1 + self.text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count()
    }

    fn tell(&mut self, at: usize, what: impl Into<String>) {
        let line = self.line(at);
        self.problems.push(Problem { line, what: what.into() });
    }

    fn unknown(&mut self, name: &Spanned<Cow<'_, str>>, known: &[&str]) {
        let (word, at) = (name.get_ref(), name.span().start);
        self.tell(at, format!("unknown key `{word}`{}", suggestion(word, known.iter().copied())));
    }

    fn root(&mut self, root: &DeTable<'_>) -> Written {
        let mut written = Written::default();
        for (name, value) in root {
            match (name.get_ref().as_ref(), value.get_ref()) {
                ("network", _) => written.network = self.parsed((name, value)),
                ("nodes", DeValue::Table(nodes)) => {
                    written.nodes = nodes.iter().filter_map(|node| self.node(node)).collect();
                }
                ("nodes", _) => {
                    self.tell(name.span().start, "`nodes` is a table: write [nodes.NAME]");
                }
                ("story", _) => written.story = self.story((name, value)),
                _ => self.unknown(name, &["network", "nodes", "story"]),
            }
        }
        written
    }

    fn node(&mut self, (name, value): Entry<'_>) -> Option<WrittenNode> {
        let at = name.span().start;
        let Some(fields) = value.get_ref().as_table() else {
            self.tell(at, format!("`{0}` is a table: write [nodes.{0}]", name.get_ref()));
            return None;
        };
        let name = self.word(at, name.get_ref())?;
        let name = Lined { line: self.line(at), value: name };
        let mut node = WrittenNode {
            name,
            role: Default::default(),
            listen: None,
            dials: Vec::new(),
            services: None,
            settings: Lined::default(),
            watch: Vec::new(),
            calls: Vec::new(),
        };
        for entry @ (key, _) in fields {
            match key.get_ref().as_ref() {
                "role" => node.role = self.parsed(entry).unwrap_or_default(),
                "listen" => node.listen = self.bool(entry),
                "dials" => node.dials = self.list(entry),
                "services" => node.services = Some(self.list(entry)),
                "settings" => {
                    let line = self.line(key.span().start);
                    node.settings = Lined { line, value: self.object(entry).unwrap_or_default() };
                }
                "watch" => node.watch = self.watch(entry),
                "calls" => node.calls = self.calls(entry),
                _ => self.unknown(key, &NODE_KEYS),
            }
        }
        Some(node)
    }

    fn watch(&mut self, (key, value): Entry<'_>) -> Vec<(Lined<NodeName>, Vec<Lined<String>>)> {
        let Some(peers) = value.get_ref().as_table() else {
            let what = "`watch` says at whom: write watch.NAME = [\"people.*\"]";
            self.tell(key.span().start, what);
            return Vec::new();
        };
        let read = peers.iter().filter_map(|entry @ (peer, _)| {
            let at = peer.span().start;
            let value = self.word(at, peer.get_ref())?;
            Some((Lined { line: self.line(at), value }, self.list(entry)))
        });
        read.collect()
    }

    fn calls(&mut self, (key, value): Entry<'_>) -> Vec<Lined<Call>> {
        let Some(calls) = value.get_ref().as_array() else {
            self.tell(key.span().start, "`calls` is a list: write [[nodes.NAME.calls]]");
            return Vec::new();
        };
        calls.iter().filter_map(|call| self.call(call)).collect()
    }

    fn call(&mut self, value: &Spanned<DeValue<'_>>) -> Option<Lined<Call>> {
        let at = value.span().start;
        let Some(fields) = value.get_ref().as_table() else {
            self.tell(at, "a call is a table: write [[nodes.NAME.calls]]");
            return None;
        };
        let before = self.problems.len();
        let (mut to, mut method): (Option<NodeName>, _) = (None, None);
        let (mut params, mut after, mut every) =
            (Json::Object(Default::default()), Duration::ZERO, EVERY);
        let (mut times, mut expect) = (None, Outcome::Ok);
        for entry @ (key, value) in fields {
            match key.get_ref().as_ref() {
                "to" => to = self.parsed(entry),
                "method" => method = self.parsed(entry),
                "params" => params = self.json(value)?,
                "after" => after = self.duration(entry)?,
                "every" => every = self.duration(entry)?,
                "times" => times = self.times(entry),
                "expect" => expect = self.parsed(entry)?,
                _ => self
                    .unknown(key, &["to", "method", "params", "after", "every", "times", "expect"]),
            }
        }
        match (to, method) {
            (Some(to), Some(method)) => {
                let value = Call { to, method, params, after, every, times, expect };
                Some(Lined { line: self.line(at), value })
            }
            _ if self.problems.len() > before => None,
            _ => {
                self.tell(at, "a call needs `to` and `method`");
                None
            }
        }
    }

    /// A word of a certain kind: the text says what is wrong with another one.
    fn parsed<T: FromStr<Err: ToString>>(&mut self, (key, value): Entry<'_>) -> Option<T> {
        match value.get_ref().as_str() {
            Some(word) => self.word(value.span().start, word),
            None => {
                self.tell(key.span().start, format!("`{}` is a text, in quotes", key.get_ref()));
                None
            }
        }
    }

    fn word<T: FromStr<Err: ToString>>(&mut self, at: usize, word: &str) -> Option<T> {
        match word.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.tell(at, T::Err::to_string(&error));
                None
            }
        }
    }

    fn bool(&mut self, (key, value): Entry<'_>) -> Option<Lined<bool>> {
        let (at, said) = (key.span().start, value.get_ref().as_bool());
        if said.is_none() {
            self.tell(at, format!("`{}` is true or false", key.get_ref()));
        }
        Some(Lined { line: self.line(at), value: said? })
    }

    fn list<T: FromStr<Err: ToString>>(&mut self, (key, value): Entry<'_>) -> Vec<Lined<T>> {
        let Some(items) = value.get_ref().as_array() else {
            self.tell(key.span().start, format!("`{}` is a list of texts", key.get_ref()));
            return Vec::new();
        };
        let read = items.iter().filter_map(|item| {
            let line = self.line(item.span().start);
            self.parsed((key, item)).map(|value| Lined { line, value })
        });
        read.collect()
    }

    fn duration(&mut self, (key, value): Entry<'_>) -> Option<Duration> {
        let said = value.get_ref().as_str().and_then(|text| duration(text).ok());
        if said.is_none() {
            let what = format!("`{}` is a time, as text, such as \"500ms\"", key.get_ref());
            self.tell(key.span().start, what);
        }
        said
    }

    fn times(&mut self, (key, value): Entry<'_>) -> Option<u32> {
        let said = value.get_ref().as_integer();
        let said = said.and_then(|times| u32::from_str_radix(times.as_str(), times.radix()).ok());
        let said = said.filter(|times| *times > 0);
        if said.is_none() {
            self.tell(key.span().start, "`times` is 1 or more");
        }
        said
    }

    fn json(&mut self, value: &Spanned<DeValue<'_>>) -> Option<Json> {
        let at = value.span().start;
        Some(match value.get_ref() {
            DeValue::String(text) => Json::from(text.as_ref()),
            DeValue::Boolean(bool) => Json::from(*bool),
            DeValue::Datetime(time) => Json::from(time.to_string()),
            DeValue::Array(items) => {
                Json::Array(items.iter().map(|item| self.json(item)).collect::<Option<_>>()?)
            }
            DeValue::Table(fields) => {
                let field = |(key, value): Entry<'_>| {
                    Some((key.get_ref().clone().into_owned(), self.json(value)?))
                };
                Json::Object(fields.iter().map(field).collect::<Option<_>>()?)
            }
            DeValue::Integer(number) => {
                match i64::from_str_radix(number.as_str(), number.radix()) {
                    Ok(number) => Json::from(number),
                    Err(_) => {
                        self.tell(at, "this number does not fit into 64 bits");
                        return None;
                    }
                }
            }
            DeValue::Float(number) => {
                let finite = number.as_str().parse::<f64>().ok().and_then(json_number);
                if finite.is_none() {
                    self.tell(at, "this number has no JSON form");
                }
                finite?
            }
        })
    }
}

fn json_number(number: f64) -> Option<Json> {
    serde_json::Number::from_f64(number).map(Json::Number)
}

/// `: did you mean …?` where a known word is close.
pub(super) fn suggestion<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let far = 1.max(word.chars().count() / 3);
    let close = known.into_iter().map(|known| (strsim::osa_distance(word, known), known));
    match close.filter(|(distance, _)| *distance <= far).min() {
        Some((_, known)) => format!(": did you mean `{known}`?"),
        None => String::new(),
    }
}
