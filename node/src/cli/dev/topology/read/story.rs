//! Reads the steps of a story.

use std::time::Duration;

use bothways::exchange::Outcome;
use serde_json::{Map, Value as Json};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{EVERY, Entry, Reader};
use crate::cli::dev::topology::{Call, Lined, Step, StoryCall};

/// The kinds of steps: the key that tells the kind, and all that it may have.
const KINDS: [(&str, &[&str]); 4] = [
    ("away", &["away"]),
    ("back", &["back"]),
    ("hears", &["node", "hears"]),
    ("method", &["node", "to", "method", "params", "as", "gives", "expect"]),
];
const NO_KIND: &str = "a step is a request (`node`, `to`, `method`), an event (`node`, `hears`), or \
                       the name of a node behind `away` or `back`";

impl Reader<'_> {
    pub(super) fn story(&mut self, (key, value): Entry<'_>) -> Vec<Lined<Step>> {
        let Some(steps) = value.get_ref().as_array() else {
            self.tell(key.span().start, "`story` is a list: write [[story]]");
            return Vec::new();
        };
        steps.iter().filter_map(|step| self.step(step)).collect()
    }

    fn step(&mut self, value: &Spanned<DeValue<'_>>) -> Option<Lined<Step>> {
        let at = value.span().start;
        let fields = value.get_ref().as_table();
        let kind = KINDS.iter().find(|(kind, _)| fields.is_some_and(|has| has.contains_key(*kind)));
        let (Some(fields), Some((kind, known))) = (fields, kind) else {
            self.tell(at, NO_KIND);
            return None;
        };
        for (name, _) in fields.iter().filter(|(name, _)| !known.contains(&name.get_ref().as_ref()))
        {
            self.unknown(name, known);
        }
        let before = self.problems.len();
        let step = match *kind {
            "away" => self.named(fields, "away").map(Step::Away),
            "back" => self.named(fields, "back").map(Step::Back),
            "hears" => self.hears(fields),
            _ => self.story_call(fields).map(|call| Step::Call(Box::new(call))),
        };
        if step.is_none() && self.problems.len() == before {
            self.tell(at, NO_KIND);
        }
        Some(Lined { line: self.line(at), value: step? })
    }

    fn hears(&mut self, fields: &DeTable<'_>) -> Option<Step> {
        Some(Step::Hears { node: self.named(fields, "node")?, topic: self.named(fields, "hears")? })
    }

    fn story_call(&mut self, fields: &DeTable<'_>) -> Option<StoryCall> {
        let (mut params, mut expect, mut gives) =
            (Json::Object(Map::new()), Outcome::Ok, Map::new());
        for entry @ (key, value) in fields {
            match key.get_ref().as_ref() {
                "params" => params = self.json(value)?,
                "expect" => expect = self.parsed(entry)?,
                "gives" => gives = self.object(entry)?,
                _ => {}
            }
        }
        let call = Call {
            to: self.named(fields, "to")?,
            method: self.named(fields, "method")?,
            params,
            after: Duration::ZERO,
            every: EVERY,
            times: Some(1),
            expect,
        };
        let name = fields.contains_key("as").then(|| self.named(fields, "as"));
        Some(StoryCall { node: self.named(fields, "node")?, call, name: name.flatten(), gives })
    }

    /// The word behind a key, if it is there.
    fn named<T: std::str::FromStr<Err: ToString>>(
        &mut self,
        fields: &DeTable<'_>,
        key: &str,
    ) -> Option<T> {
        self.parsed(fields.get_key_value(key)?)
    }

    /// A table of any values.
    pub(super) fn object(&mut self, (key, value): Entry<'_>) -> Option<Map<String, Json>> {
        match self.json(value)? {
            Json::Object(fields) => Some(fields),
            _ => {
                let what = format!("`{0}` is a table: write {0} = {{ … }}", key.get_ref());
                self.tell(key.span().start, what);
                None
            }
        }
    }
}
