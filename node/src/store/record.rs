//! The words of the store: keys, revisions, records and changes.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use thiserror::Error;

use super::Once;

/// The longest key, in bytes.
pub const KEY_MAX_BYTES: usize = 256;

/// The largest value, in bytes: what a NATS server takes by default, less room for headers.
pub const VALUE_MAX_BYTES: usize = 1_000_000;

/// About how much one page of records or changes holds, in bytes of their values.
pub const PAGE_MAX_BYTES: usize = 1024 * 1024;

/// Where in the store's one order of changes something stands: 1 is the first change, and 0 is
/// before all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Revision(pub u64);

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// What tells one store from every other: drawn at random when the store is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StoreId(pub [u8; 8]);

impl fmt::Display for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&hex::encode(self.0))
    }
}

/// The name of a record: words of `A-Z`, `a-z`, `0-9`, `-`, `_` and `=` with dots between them,
/// such as `people.0199…`; 1 to [`KEY_MAX_BYTES`] bytes. A NATS subject can carry it as it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Arc<str>);

/// A text that is no key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is no key: words of A-Z, a-z, 0-9, -, _ and =, with dots between, up to 256 bytes")]
pub struct KeyError(String);

impl Key {
    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Key {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        if text.len() <= KEY_MAX_BYTES && text.split('.').all(is_word) {
            Ok(Self(text.into()))
        } else {
            Err(KeyError(text.chars().take(KEY_MAX_BYTES).collect()))
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

fn is_word(word: &str) -> bool {
    let allowed = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'=');
    !word.is_empty() && word.bytes().all(allowed)
}

/// What the keys of a listing begin with: everything, or whole words and a dot.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Prefix(String);

impl Prefix {
    /// Every key.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// The keys that stand below a key: below `people`, those that begin with `people.`.
    #[must_use]
    pub fn below(key: &Key) -> Self {
        Self(format!("{key}."))
    }

    /// The prefix as text: empty, or words that end in a dot.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a key begins with this prefix.
    #[must_use]
    pub fn holds(&self, key: &str) -> bool {
        key.starts_with(&self.0)
    }
}

/// What is stored under a key now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its name.
    pub key: Key,
    /// The change that made it what it is.
    pub revision: Revision,
    /// Its content.
    pub value: Bytes,
}

/// What a write did to a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeKind {
    /// The record has this value since.
    Put(Bytes),
    /// The record is gone since.
    Delete,
}

/// One write as the log keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its place in the store's order.
    pub revision: Revision,
    /// The record that it changed.
    pub key: Key,
    /// What it did.
    pub kind: ChangeKind,
}

/// What a write demands of the record that it changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Nothing; a delete still needs something to delete.
    Any,
    /// That there is none.
    Absent,
    /// That it is as this change left it.
    Revision(Revision),
}

/// One change that somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// The record to change.
    pub key: Key,
    /// What has to hold of it.
    pub expect: Expect,
    /// What to do to it.
    pub kind: ChangeKind,
    /// Other keys under which the record is found ([`Store::list_index`](super::Store::list_index)).
    ///
    /// A put adds them, and keeps those that earlier puts have added; one that leads to another
    /// record leads to this one since. A delete removes those that it names: it carries the same
    /// list as the puts. They are not part of the change log.
    pub index: Vec<Key>,
    /// Other keys under which it is found no more, where it was.
    pub unindex: Vec<Key>,
    /// What makes it act once, where the asker may ask again.
    pub once: Option<Once>,
}

/// Some records in key order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The records.
    pub records: Vec<Record>,
    /// The last key of this page, where more follow it: what to give as `after`.
    pub next: Option<Key>,
    /// The store's newest revision when the page was read: following the changes behind the
    /// revision of a listing's first page misses nothing.
    pub revision: Revision,
}

/// Some changes in the order in which they were made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// The changes.
    pub changes: Vec<Change>,
    /// How far the log was read: everything asked for up to here is in `changes`. Behind the
    /// last of them where what follows is of other keys.
    pub through: Revision,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_words_with_dots_between() {
        for good in ["a", "people.01-9_=Z", &"x".repeat(256)] {
            assert!(good.parse::<Key>().is_ok(), "{good:?}");
        }
        for bad in ["", ".", "a.", ".a", "a..b", "a b", "a*", "a.>", "ä", "a\0", &"x".repeat(257)]
        {
            assert!(bad.parse::<Key>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_prefix_holds_what_stands_below_whole_words() {
        let people = Prefix::below(&"people".parse().unwrap());
        assert!(people.holds("people.1") && people.holds("people.1.2"));
        assert!(!people.holds("people") && !people.holds("peoples.1"));
        assert!(Prefix::all().holds("anything"));
    }
}
