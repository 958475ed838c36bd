//! How a service's records stand in the store.

use bothways_protocol::Encoded;
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::store::{Change, ChangeKind, Key, Record, StoreError};

/// The value of a record: a CBOR map of one entry, the version and what it has. What changes its
/// form becomes a version of its own here, and the older ones stay readable.
#[derive(Serialize, Deserialize)]
enum Versioned<T> {
    #[serde(rename = "1")]
    V1(T),
}

/// What a record holds.
pub(super) fn read<T: DeserializeOwned>(record: &Record) -> Result<T, StoreError> {
    let value = Encoded::check(record.value.clone());
    let value = value.map_err(|error| damaged(&record.key, &error))?;
    let Versioned::V1(value) = value.decode().map_err(|error| damaged(&record.key, &error))?;
    Ok(value)
}

/// The value of a record that is to hold this.
pub(super) fn to_bytes<T: Serialize>(folder: &Key, value: &T) -> Result<Bytes, StoreError> {
    let mut bytes = Vec::new();
    let written = ciborium::into_writer(&Versioned::V1(value), &mut bytes);
    written.map_err(|error| damaged(folder, &error))?;
    Ok(bytes.into())
}

/// The record as a change left it.
pub(super) fn record_of(change: Change) -> Result<Record, StoreError> {
    let Change { revision, key, kind } = change;
    match kind {
        ChangeKind::Put(value) => Ok(Record { key, revision, value }),
        ChangeKind::Delete => {
            Err(damaged(&key, &format!("revision {revision} is a delete, a record was expected")))
        }
    }
}

pub(super) fn damaged(key: &Key, why: &impl ToString) -> StoreError {
    StoreError::Corrupt { what: key.to_string(), why: why.to_string() }
}
