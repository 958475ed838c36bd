//! A setting's value, and how it is read from text and from TOML.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use toml::Spanned;
use toml::de::{DeInteger, DeValue};

use super::settings::{Key, Shape};

/// The value of one setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// Text, or one word of several.
    Text(String),
    /// Texts in a list.
    List(Vec<String>),
    /// A whole number.
    Number(u64),
    /// A path.
    Path(PathBuf),
    /// A whole number for each of some names.
    Numbers(BTreeMap<String, u64>),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::List(items) if items.is_empty() => f.write_str("none"),
            Self::List(items) => f.write_str(&items.join(", ")),
            Self::Number(number) => number.fmt(f),
            Self::Path(path) => path.display().fmt(f),
            Self::Numbers(numbers) if numbers.is_empty() => f.write_str("none"),
            Self::Numbers(numbers) => {
                let each = numbers.iter().map(|(name, number)| format!("{name}={number}"));
                f.write_str(&each.collect::<Vec<_>>().join(", "))
            }
        }
    }
}

impl Value {
    /// Reads a value from the text of a flag or of an environment variable: lists are separated
    /// by commas, and no text at all is the empty list; numbers for names are `name=number`.
    pub(super) fn from_text(key: &Key, text: &str) -> Result<Self, String> {
        match &key.shape {
            Shape::List => {
                let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
                Ok(Self::List(items.map(ToOwned::to_owned).collect()))
            }
            Shape::Number(_) => match text.trim().replace('_', "").parse() {
                Ok(number) => Self::number(key, number),
                Err(_) => Err(wrong(key, &format!("{text:?}"))),
            },
            Shape::Numbers(_) => {
                let pair = |pair: &str| {
                    let (name, number) = pair.split_once('=')?;
                    Some((name.trim().to_owned(), number.trim().replace('_', "").parse().ok()?))
                };
                let pairs = text.split(',').map(str::trim).filter(|pair| !pair.is_empty());
                let pairs: Option<Vec<_>> = pairs.map(pair).collect();
                Self::numbers(key, pairs.ok_or_else(|| wrong(key, &format!("{text:?}")))?)
            }
            Shape::Text | Shape::Choice(_) | Shape::Path => Self::text(key, text, Path::new("")),
        }
    }

    /// Reads a value from TOML; a relative path starts at `folder`.
    pub(super) fn from_toml(key: &Key, value: &DeValue<'_>, folder: &Path) -> Result<Self, String> {
        match (&key.shape, value) {
            (Shape::List, DeValue::Array(items)) => {
                let text = |item: &DeValue<'_>| match item {
                    DeValue::String(text) => Ok(text.as_ref().to_owned()),
                    other => Err(wrong(key, &format!("a list that holds {}", kind_of(other)))),
                };
                let items = items.iter().map(|item| text(item.get_ref()));
                Ok(Self::List(items.collect::<Result<_, _>>()?))
            }
            (Shape::Number(_), DeValue::Integer(number)) => Self::number(key, whole(key, number)?),
            (Shape::Numbers(_), DeValue::Table(entries)) => {
                let pair = |(name, value): (&Spanned<Cow<'_, str>>, &Spanned<DeValue<'_>>)| {
                    let number = match value.get_ref() {
                        DeValue::Integer(number) => whole(key, number)?,
                        other => {
                            let is = format!("a table that holds {}", kind_of(other));
                            return Err(wrong(key, &is));
                        }
                    };
                    Ok((name.get_ref().as_ref().to_owned(), number))
                };
                Self::numbers(key, entries.iter().map(pair).collect::<Result<_, _>>()?)
            }
            (Shape::Text | Shape::Choice(_) | Shape::Path, DeValue::String(text)) => {
                Self::text(key, text, folder)
            }
            _ => Err(wrong(key, kind_of(value))),
        }
    }

    fn number(key: &Key, number: u64) -> Result<Self, String> {
        match &key.shape {
            Shape::Number(range) if !range.contains(&number) => Err(format!(
                "`{}` is {number}: it must lie between {} and {}",
                key.path,
                range.start(),
                range.end()
            )),
            _ => Ok(Self::Number(number)),
        }
    }

    fn numbers(key: &Key, pairs: Vec<(String, u64)>) -> Result<Self, String> {
        let mut numbers = BTreeMap::new();
        for (name, number) in pairs {
            match &key.shape {
                Shape::Numbers(range) if !range.contains(&number) => {
                    return Err(format!(
                        "`{}` has {name} = {number}: it must lie between {} and {}",
                        key.path,
                        range.start(),
                        range.end()
                    ));
                }
                _ if numbers.contains_key(&name) => {
                    return Err(format!("`{}` has {name} twice", key.path));
                }
                _ => _ = numbers.insert(name, number),
            }
        }
        Ok(Self::Numbers(numbers))
    }

    fn text(key: &Key, text: &str, folder: &Path) -> Result<Self, String> {
        match &key.shape {
            _ if text.trim().is_empty() => Err(wrong(key, "empty")),
            Shape::Path => Ok(Self::Path(folder.join(text))),
            Shape::Choice(words) if !words.contains(&text) => Err(wrong(key, &format!("{text:?}"))),
            _ => Ok(Self::Text(text.to_owned())),
        }
    }
}

fn whole(key: &Key, number: &DeInteger<'_>) -> Result<u64, String> {
    let number = u64::from_str_radix(number.as_str(), number.radix());
    number.map_err(|_| wrong(key, "a negative number, or too large"))
}

/// Says what a key is and what it should be.
fn wrong(key: &Key, is: &str) -> String {
    let should = match &key.shape {
        Shape::Text => "text".to_owned(),
        Shape::Path => "a path, as text".to_owned(),
        Shape::List => "a list of texts".to_owned(),
        Shape::Number(range) => {
            format!("a whole number between {} and {}", range.start(), range.end())
        }
        Shape::Numbers(range) => {
            format!("whole numbers between {} and {} under names", range.start(), range.end())
        }
        Shape::Choice(words) => words.join(" or "),
    };
    format!("`{}` is {is}: it should be {should}, such as {}", key.path, key.example())
}

fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
