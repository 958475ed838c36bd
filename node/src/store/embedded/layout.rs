//! What stands in the file: its tables, and how what is in them is read.

use bytes::Bytes;
use redb::TableDefinition;

use crate::store::{Change, ChangeKind, Key, Once, Revision, StoreError};

/// Key → the revision of the change that made the record, and its value.
pub(super) const RECORDS: TableDefinition<'static, &str, (u64, &[u8])> =
    TableDefinition::new("records");

/// Index key → the key of the record that is found under it.
pub(super) const INDEX: TableDefinition<'static, &str, &str> = TableDefinition::new("index");

/// Revision → [`LoggedChange`]. Behind [`OLDEST`] they are all here; up to it, those
/// alone that [`ONCE`] refers to: the answer to a repeated write is read here.
pub(super) const CHANGES: TableDefinition<'static, u64, LoggedChange<'static>> =
    TableDefinition::new("changes");

/// The store's age when the change was made (milliseconds), the record's key, and its value or
/// that it was deleted.
pub(super) type LoggedChange<'a> = (u64, &'a str, Option<&'a [u8]>);

/// [`OnceKey`] → the digest of the params, and the revision of the change that was made.
pub(super) const ONCE: TableDefinition<'static, OnceKey<'static>, (&[u8; 32], u64)> =
    TableDefinition::new("once");

/// Revision → the store's age then (milliseconds), and the key in [`ONCE`]: what to forget first.
pub(super) const ONCE_AGES: TableDefinition<'static, u64, (u64, OnceKey<'static>)> =
    TableDefinition::new("once_ages");

/// The idempotency key, the caller and the method.
pub(super) type OnceKey<'a> = (&'a [u8; 16], &'a str, &'a str);

/// A few numbers under a name.
pub(super) const META: TableDefinition<'static, &str, u64> = TableDefinition::new("meta");

/// In [`META`]: how the tables are to be read, [`FORMAT_OURS`].
pub(super) const FORMAT: &str = "format";
/// In [`META`]: the revision of the newest change.
pub(super) const NEWEST: &str = "newest";
/// In [`META`]: the revision behind which all changes are in the log.
pub(super) const OLDEST: &str = "oldest";
/// In [`META`]: how long the store has been open in its life, in milliseconds.
pub(super) const AGE_MS: &str = "age_ms";

/// In [`META`]: the store's [`StoreId`](crate::store::StoreId), as a number.
pub(super) const ID: &str = "id";
/// In [`META`]: the bytes of the values in the log behind [`OLDEST`].
pub(super) const CHANGES_BYTES: &str = "changes_bytes";

/// The format that this code reads and writes.
pub(super) const FORMAT_OURS: u64 = 2;
/// The format without [`INDEX`], [`ID`] and [`CHANGES_BYTES`], which is brought to ours.
pub(super) const FORMAT_WITHOUT_INDEX: u64 = 1;

/// The parts of an idempotency key, as they stand in the file.
pub(super) fn once_key(once: &Once) -> OnceKey<'_> {
    (&once.key.0, once.caller.as_str(), once.method.as_str())
}

/// A change as it is read back.
pub(super) fn change_of(revision: u64, logged: LoggedChange<'_>) -> Result<Change, StoreError> {
    let (_age, key, value) = logged;
    let kind =
        value.map_or(ChangeKind::Delete, |value| ChangeKind::Put(Bytes::copy_from_slice(value)));
    Ok(Change { revision: Revision(revision), key: stored_key(key)?, kind })
}

/// How many bytes of value a change has.
pub(super) fn value_bytes(logged: LoggedChange<'_>) -> u64 {
    logged.2.map_or(0, |value| value.len() as u64)
}

/// A key as it is read back.
pub(super) fn stored_key(text: &str) -> Result<Key, StoreError> {
    text.parse().map_err(|error: crate::store::KeyError| StoreError::Corrupt {
        what: "a key".to_owned(),
        why: error.to_string(),
    })
}
