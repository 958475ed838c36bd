//! What a node remembers: records by key, every change of them in one order, and which writes were
//! done under which idempotency key.
//!
//! This layer knows bytes under keys; what they mean is the domain's. It imports nothing of ours
//! but the protocol's words. [`Embedded`] is the backend within the process; whatever else stands
//! behind [`Store`] has to pass the same conformance suite.

#[cfg(test)]
mod conformance;
mod embedded;
mod error;
mod record;

use std::fmt;

use bothways_protocol::{IdempotencyKey, MethodName, NodeName};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::sync::watch;

pub use embedded::{Embedded, StoreBounds};
pub use error::{OpenError, ReadOnlyUntil, StoreError};
pub use record::{
    Change, ChangeKind, Changes, Expect, KEY_MAX_BYTES, Key, KeyError, PAGE_MAX_BYTES, Page,
    Prefix, Record, Revision, StoreId, VALUE_MAX_BYTES, Write,
};

/// What makes a write act once: who asked for which method under which key, with which params.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Once {
    /// The caller, as its certificate names it.
    pub caller: NodeName,
    /// The method asked for.
    pub method: MethodName,
    /// The key that the caller drew.
    pub key: IdempotencyKey,
    /// SHA-256 of the encoded params: the same key with other params is refused.
    pub params: [u8; 32],
}

/// How a store is at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreState {
    /// The newest durable revision.
    pub revision: Revision,
    /// How many bytes its file has; in memory, what would be its file. 0 once it is closed.
    pub bytes: u64,
    /// Whether it takes no writes, because one could not be made durable.
    pub read_only: bool,
}

/// Records by key, each write of which is a change in one order, durable before it is answered.
///
/// A read sees every write that was answered before it began, and none that is not yet durable.
/// A write that has been handed over is finished even when its future is dropped.
pub trait Store: fmt::Debug + Send + Sync {
    /// The record under a key, if there is one.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`], [`StoreError::Corrupt`], [`StoreError::Closed`].
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Record>, StoreError>>;

    /// Changes one record, and answers once the change is durable.
    ///
    /// A write that carries a [`Once`] which was done before changes nothing and answers what was
    /// written then, before any expectation is looked at.
    ///
    /// # Errors
    /// - [`StoreError::Exists`], [`StoreError::Missing`], [`StoreError::Conflict`]: the record is
    ///   not as expected.
    /// - [`StoreError::KeyReused`]: the idempotency key was used with other params.
    /// - [`StoreError::TooLarge`]: the value is over [`VALUE_MAX_BYTES`].
    /// - [`StoreError::ReadOnly`]: refused, because an earlier write could not be made durable;
    ///   it says until when. Reads go on.
    /// - [`StoreError::InDoubt`]: whether this write is durable is not known.
    /// - [`StoreError::Closed`].
    fn write(&self, write: Write) -> BoxFuture<'_, Result<Change, StoreError>>;

    /// Records whose keys begin with a prefix, in key order, behind the key `after`.
    ///
    /// At most `limit` records and about [`PAGE_MAX_BYTES`], at least one where there is one.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`], [`StoreError::Corrupt`], [`StoreError::Closed`].
    fn list<'a>(
        &'a self,
        prefix: &'a Prefix,
        after: Option<&'a Key>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, StoreError>>;

    /// The records that are found under index keys ([`Write::index`]) which begin with a prefix, in
    /// the order of their index keys, behind the index key `after`.
    ///
    /// As [`Store::list`], but [`Page::next`] is an index key. An index key whose record is gone
    /// is passed over, so a page with a `next` can hold fewer records than `limit`, or none.
    ///
    /// # Errors
    /// As [`Store::list`].
    fn list_index<'a>(
        &'a self,
        prefix: &'a Prefix,
        after: Option<&'a Key>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, StoreError>>;

    /// Changes behind a revision, in order, of the keys that begin with a prefix.
    ///
    /// At most `limit` changes and about [`PAGE_MAX_BYTES`]; [`Changes::through`] says how far the
    /// log was read, and is where to read on.
    ///
    /// # Errors
    /// [`StoreError::OutOfRange`] where changes behind `after` are no longer kept
    /// ([`StoreBounds::changes_for`], [`StoreBounds::changes_bytes`]), or `after` is
    /// behind the newest revision; else as [`Store::list`].
    fn changes_after<'a>(
        &'a self,
        after: Revision,
        prefix: &'a Prefix,
        limit: usize,
    ) -> BoxFuture<'a, Result<Changes, StoreError>>;

    /// The change that a write made, if it was done before.
    ///
    /// # Errors
    /// [`StoreError::KeyReused`] where it was done with other params; else as [`Store::get`].
    fn done<'a>(&'a self, once: &'a Once) -> BoxFuture<'a, Result<Option<Change>, StoreError>>;

    /// What tells this store from every other one: drawn when it was made, and kept in it.
    fn id(&self) -> StoreId;

    /// The newest durable revision, and a way to wait for the next: when it has moved on, reads
    /// see what it stands for.
    fn newest(&self) -> watch::Receiver<Revision>;

    /// How the store is at the moment.
    fn state(&self) -> StoreState;

    /// Finishes the writes that were handed over, then lets go of the data; later calls answer
    /// [`StoreError::Closed`]. Closing twice is closing once.
    ///
    /// # Errors
    /// [`StoreError::ReadOnly`] where the store was read-only: what it acknowledged is safe.
    fn close(&self) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Puts a value under a key: [`Store::write`] in short, without index keys.
    ///
    /// # Errors
    /// As [`Store::write`].
    fn put(
        &self,
        key: Key,
        expect: Expect,
        value: Bytes,
        once: Option<Once>,
    ) -> BoxFuture<'_, Result<Change, StoreError>> {
        let (index, unindex) = (Vec::new(), Vec::new());
        self.write(Write { key, expect, kind: ChangeKind::Put(value), index, unindex, once })
    }

    /// Deletes what is under a key: [`Store::write`] in short, without index keys.
    ///
    /// # Errors
    /// As [`Store::write`]; [`StoreError::Missing`] where there is nothing.
    fn delete(
        &self,
        key: Key,
        expect: Expect,
        once: Option<Once>,
    ) -> BoxFuture<'_, Result<Change, StoreError>> {
        let (index, unindex) = (Vec::new(), Vec::new());
        self.write(Write { key, expect, kind: ChangeKind::Delete, index, unindex, once })
    }
}
