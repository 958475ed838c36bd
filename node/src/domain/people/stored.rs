//! How a person stands in the store.

use bothways_protocol::NodeName;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::messages::{PersonId, PersonName, Title, TitleChange, UpdatePerson};
use crate::store::{Change, ChangeKind, Key, Record, StoreError};

/// A person without what the record says anyway (id, revision).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredPerson {
    pub(super) name: PersonName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) title: Option<Title>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) created_by: Option<NodeName>,
    /// How often the person was changed; those who watch are told of the first write by this.
    /// People of before there was anything to watch have 0 until their next change.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) updates: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_zero(updates: &u64) -> bool {
    *updates == 0
}

/// The value of a record: a CBOR map of one entry, the version and what it has. What changes its
/// form becomes a version of its own here, and the older ones stay readable.
#[derive(Serialize, Deserialize)]
enum Versioned<Person> {
    #[serde(rename = "1")]
    V1(Person),
}

impl StoredPerson {
    pub(super) fn of_record(record: &Record) -> Result<Self, StoreError> {
        let read = ciborium::from_reader(record.value.as_ref());
        let Versioned::V1(person) = read.map_err(|error| damaged(&record.key, &error))?;
        Ok(person)
    }

    pub(super) fn to_bytes(&self) -> Result<Bytes, StoreError> {
        let mut value = Vec::new();
        let written = ciborium::into_writer(&Versioned::V1(self), &mut value);
        written.map_err(|error| damaged(&folder(), &error))?;
        Ok(value.into())
    }

    /// The person after an update.
    pub(super) fn changed(self, params: &UpdatePerson) -> Self {
        let title = match &params.title {
            None => self.title,
            Some(TitleChange::Clear) => None,
            Some(TitleChange::To(title)) => Some(title.clone()),
        };
        let name = params.name.clone().unwrap_or(self.name);
        Self { name, title, updates: self.updates.saturating_add(1), ..self }
    }

    /// Whether no write came before this one.
    pub(super) fn is_new(&self) -> bool {
        self.updates == 0
    }
}

impl PersonId {
    /// Where this person stands in the store.
    pub(super) fn key(self) -> Key {
        format!("{}.{self}", folder()).parse().expect("a UUID is a word of a key")
    }

    /// Whom a key stands for.
    pub(super) fn of_key(key: &Key) -> Result<Self, StoreError> {
        let id = key.as_str().strip_prefix("people.").unwrap_or_default();
        id.parse().map_err(|error| damaged(key, &error))
    }
}

/// What all people stand below.
pub(super) fn folder() -> Key {
    "people".parse().expect("a word is a key")
}

/// The record as a change left it.
pub(super) fn record_of(change: Change) -> Result<Record, StoreError> {
    let Change { revision, key, kind } = change;
    match kind {
        ChangeKind::Put(value) => Ok(Record { key, revision, value }),
        ChangeKind::Delete => {
            Err(damaged(&key, &format!("revision {revision} is a delete, a person was expected")))
        }
    }
}

fn damaged(key: &Key, why: &impl ToString) -> StoreError {
    StoreError::Corrupt { what: key.to_string(), why: why.to_string() }
}
