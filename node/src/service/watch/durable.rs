//! Durable subscriptions: their places stand in the store, below `cursors`.

use bothways_protocol::{Code, DurableName, Failure, NodeName, Retry};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::store::{Expect, Key, Once, Prefix, Record, Revision, Store, StoreError};

type ReadError = ciborium::de::Error<std::io::Error>;

/// How many durable subscriptions one peer has.
const PER_PEER: usize = 64;

/// One durable subscription of one peer.
pub(super) struct Durable<'a> {
    store: &'a dyn Store,
    caller: &'a NodeName,
    key: Key,
}

/// Where it stands.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Standing {
    /// Everything up to here is acknowledged, or was left behind.
    pub(super) at: Revision,
    /// What it is told; nothing here is everything.
    pub(super) topics: Vec<String>,
    /// The write that noted it.
    written: Revision,
}

/// The value of the record: a CBOR map of one entry, the version and what it has.
#[derive(Serialize, Deserialize)]
enum Versioned {
    #[serde(rename = "1")]
    V1 {
        through: u64,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        topics: Vec<String>,
    },
}

impl<'a> Durable<'a> {
    pub(super) fn of(
        store: &'a dyn Store,
        service: &str,
        caller: &'a NodeName,
        name: &DurableName,
    ) -> Self {
        let key = format!("{}.{name}", folder_at(caller, service));
        Self { store, caller, key: key.parse().expect("names are words of a key") }
    }

    /// All of a caller's at a service, each with where it stands, in the order of their names.
    pub(super) async fn all(
        store: &'a dyn Store,
        service: &str,
        caller: &NodeName,
    ) -> Result<Vec<(DurableName, Revision)>, StoreError> {
        let below = Prefix::below(&folder_at(caller, service));
        let page = store.list(&below, None, PER_PEER).await?;
        page.records.iter().map(|record| Ok((name_of(record)?, standing(record)?.at))).collect()
    }

    /// Where it stands, if it was begun.
    pub(super) async fn standing(&self) -> Result<Option<Standing>, StoreError> {
        self.store.get(&self.key).await?.as_ref().map(standing).transpose()
    }

    /// Begins it at a place, or begins it anew there.
    pub(super) async fn begin(&self, at: Revision, topics: Vec<String>) -> Result<(), Failure> {
        let below = Prefix::below(&folder(self.caller));
        let all = self.store.list(&below, None, PER_PEER).await?.records;
        if all.len() >= PER_PEER && !all.iter().any(|record| record.key == self.key) {
            let sentence = format!(
                "a peer has {PER_PEER} durable subscriptions at the most, over all services: end one \
                 that is not needed with <service>.forget (<service>.durables lists them)"
            );
            let failure = Failure::new(Code::ResourceExhausted, sentence);
            return Err(failure.reason("durables").retry(Retry::Never));
        }
        self.store.put(self.key.clone(), Expect::Any, value(at, topics), None).await?;
        Ok(())
    }

    /// Moves it on; [`StoreError::Conflict`] where it has moved meanwhile.
    pub(super) async fn move_on(
        &self,
        from: Standing,
        to: Revision,
        once: Option<Once>,
    ) -> Result<(), StoreError> {
        let expect = Expect::Revision(from.written);
        self.store.put(self.key.clone(), expect, value(to, from.topics), once).await.map(drop)
    }

    /// Ends it; [`StoreError::Missing`] where there is none.
    pub(super) async fn forget(&self, once: Option<Once>) -> Result<(), StoreError> {
        self.store.delete(self.key.clone(), Expect::Any, once).await.map(drop)
    }
}

/// What all durable subscriptions of a peer at a service stand below.
fn folder_at(caller: &NodeName, service: &str) -> Key {
    format!("{}.{service}", folder(caller)).parse().expect("a service's name is a word of a key")
}

/// What all durable subscriptions of a peer stand below.
fn folder(caller: &NodeName) -> Key {
    format!("cursors.{caller}").parse().expect("a name is a word of a key")
}

fn name_of(record: &Record) -> Result<DurableName, StoreError> {
    let name = record.key.as_str().rsplit('.').next().unwrap_or_default();
    name.parse().map_err(|error| damaged(record, &error))
}

/// Where the subscription stands that a record is of.
fn standing(record: &Record) -> Result<Standing, StoreError> {
    let read = ciborium::from_reader(record.value.as_ref());
    let Versioned::V1 { through, topics } =
        read.map_err(|error: ReadError| damaged(record, &error))?;
    Ok(Standing { at: Revision(through), topics, written: record.revision })
}

fn damaged(record: &Record, why: &dyn std::fmt::Display) -> StoreError {
    StoreError::Corrupt { what: record.key.to_string(), why: why.to_string() }
}

fn value(at: Revision, topics: Vec<String>) -> Bytes {
    let mut value = Vec::new();
    let versioned = Versioned::V1 { through: at.0, topics };
    ciborium::into_writer(&versioned, &mut value).expect("memory takes it");
    value.into()
}
