//! The settings as people write them: each value with where it comes from.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Serialize, Serializer};
use thiserror::Error;

use super::keys::KEYS;
use super::value::Value;

/// One key that can be set: by a file, by the environment, mostly by a flag.
#[derive(Debug, Clone)]
pub struct Key {
    /// The path in the file, such as `log.level`.
    pub path: &'static str,
    /// What its value looks like.
    pub shape: Shape,
    /// What it is for, in one phrase.
    pub about: &'static str,
    /// The value where nothing is said, if there is one.
    pub default: Option<Value>,
    /// A value as it stands in a file.
    pub(super) sample: String,
}

/// What a value looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// Text.
    Text,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A path; in a file, relative ones start at the file's folder.
    Path,
    /// Texts.
    List,
    /// A whole number in this range.
    Number(RangeInclusive<u64>),
    /// A whole number in this range for each of some names.
    Numbers(RangeInclusive<u64>),
}

impl Key {
    /// All keys, in the order in which people are told of them.
    #[must_use]
    pub fn all() -> &'static [Self] {
        &KEYS
    }

    /// The key at this path.
    #[must_use]
    pub fn at(path: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.path == path)
    }

    /// The key that this environment variable sets.
    #[must_use]
    pub fn of_variable(variable: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.variable() == variable)
    }

    /// The environment variable that sets it, such as `BOTHWAYS_LOG_LEVEL`.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("BOTHWAYS_{}", self.path.to_uppercase().replace('.', "_"))
    }

    /// The table of the file in which it stands, and its name there.
    #[must_use]
    pub fn table_and_name(&self) -> (Option<&'static str>, &'static str) {
        match self.path.split_once('.') {
            Some((table, name)) => (Some(table), name),
            None => (None, self.path),
        }
    }

    /// A line that could stand in a file, such as `listen = ["127.0.0.1:4433"]`.
    #[must_use]
    pub fn example(&self) -> String {
        format!("{} = {}", self.table_and_name().1, self.sample)
    }
}

/// Where a value comes from: a later one wins over an earlier one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Nobody said anything.
    Default,
    /// A line of a file.
    File {
        /// The file, as it was named.
        path: Arc<Path>,
        /// The line, counted from 1.
        line: usize,
    },
    /// An environment variable.
    Environment(String),
    /// A flag.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Environment(variable) => f.write_str(variable),
            Self::Flag(flag) => f.write_str(flag),
        }
    }
}

impl Serialize for Origin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A value and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Said<T> {
    /// The value.
    pub value: T,
    /// Where it comes from.
    pub origin: Origin,
}

/// What people said, all layers together, each key and value well formed by itself.
///
/// Made by [`Settings::gather`](Self::gather); [`Settings::check`](Self::check) makes a
/// [`Plan`](super::Plan) of it.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    pub(super) values: BTreeMap<&'static str, Said<Value>>,
    pub(super) peers: BTreeMap<String, Said<String>>,
    pub(super) warnings: Vec<String>,
}

impl Settings {
    /// The value of a key, or its default.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<Said<Value>> {
        let default = |value| Said { value, origin: Origin::Default };
        let said = self.values.get(path).cloned();
        said.or_else(|| Key::at(path)?.default.clone().map(default))
    }

    /// The peers to dial: name and address, as written.
    pub fn peers(&self) -> impl Iterator<Item = (&str, &Said<String>)> {
        self.peers.iter().map(|(name, said)| (name.as_str(), said))
    }

    /// What is allowed, but probably not meant.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    pub(super) fn text(&self, path: &str) -> Option<Said<String>> {
        self.pick(path, |value| match value {
            Value::Text(text) => Some(text),
            _ => None,
        })
    }

    pub(super) fn list(&self, path: &str) -> Option<Said<Vec<String>>> {
        self.pick(path, |value| match value {
            Value::List(items) => Some(items),
            _ => None,
        })
    }

    pub(super) fn path(&self, path: &str) -> Option<Said<PathBuf>> {
        self.pick(path, |value| match value {
            Value::Path(path) => Some(path),
            _ => None,
        })
    }

    pub(super) fn number(&self, path: &str) -> Option<Said<u64>> {
        self.pick(path, |value| match value {
            Value::Number(number) => Some(number),
            _ => None,
        })
    }

    pub(super) fn numbers(&self, path: &str) -> Option<Said<BTreeMap<String, u64>>> {
        self.pick(path, |value| match value {
            Value::Numbers(numbers) => Some(numbers),
            _ => None,
        })
    }

    fn pick<T>(&self, path: &str, of: impl FnOnce(Value) -> Option<T>) -> Option<Said<T>> {
        let Said { value, origin } = self.get(path)?;
        of(value).map(|value| Said { value, origin })
    }
}

/// One thing that is wrong with the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it was said, if somewhere.
    pub origin: Option<Origin>,
    /// What is wrong and what would be right.
    pub what: String,
}

impl Problem {
    pub(super) fn at(origin: &Origin, what: impl Into<String>) -> Self {
        Self { origin: Some(origin.clone()), what: what.into() }
    }

    pub(super) fn new(what: impl Into<String>) -> Self {
        Self { origin: None, what: what.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Some(origin) => write!(f, "{origin}: {}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

/// Settings of which nothing can be made.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("cannot read the configuration {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Some settings are wrong; all that were found are here.
    #[error("{}", list(.0))]
    Wrong(Vec<Problem>),
}

impl SettingsError {
    /// The problems, one by one.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::Read { .. } => &[],
            Self::Wrong(problems) => problems,
        }
    }
}

fn list(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_an_example_and_a_default_that_its_shape_allows() {
        for key in Key::all() {
            let line = key.example();
            let table = toml::de::DeTable::parse(&line).unwrap();
            let value = &table.get_ref()[key.table_and_name().1];
            let read = Value::from_toml(key, value.get_ref(), Path::new("")).unwrap();
            if let Some(default) = &key.default {
                assert_eq!(&read, default, "{line}");
            }
        }
    }

    #[test]
    fn each_key_has_a_variable_of_its_own() {
        for key in Key::all() {
            assert_eq!(Key::of_variable(&key.variable()).unwrap().path, key.path);
        }
    }
}
