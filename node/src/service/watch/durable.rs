//! Durable subscriptions: their places stand in the store, below `cursors`.

use bothways_protocol::{Code, DurableName, Failure, NodeName, Retry};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::store::{Expect, Key, Once, Prefix, Revision, Store, StoreError};

/// How many durable subscriptions one peer has.
const PER_PEER: usize = 64;

/// One durable subscription of one peer.
pub(super) struct Durable<'a> {
    store: &'a dyn Store,
    caller: &'a NodeName,
    key: Key,
}

/// Where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    /// Everything up to here is acknowledged.
    pub(super) at: Revision,
    /// The write that noted it.
    written: Revision,
}

/// The value of the record: a CBOR map of one entry, the version and what it has.
#[derive(Serialize, Deserialize)]
enum Versioned {
    #[serde(rename = "1")]
    V1 { through: u64 },
}

impl<'a> Durable<'a> {
    pub(super) fn of(
        store: &'a dyn Store,
        service: &str,
        caller: &'a NodeName,
        name: &DurableName,
    ) -> Self {
        let key = format!("{}.{service}.{name}", folder(caller));
        Self { store, caller, key: key.parse().expect("names are words of a key") }
    }

    /// Where it stands, if it was begun.
    pub(super) async fn standing(&self) -> Result<Option<Standing>, StoreError> {
        let Some(record) = self.store.get(&self.key).await? else { return Ok(None) };
        let damaged = |error: ciborium::de::Error<std::io::Error>| StoreError::Corrupt {
            what: self.key.to_string(),
            why: error.to_string(),
        };
        let Versioned::V1 { through } =
            ciborium::from_reader(record.value.as_ref()).map_err(damaged)?;
        Ok(Some(Standing { at: Revision(through), written: record.revision }))
    }

    /// Begins it at a place, unless somebody else has begun it meanwhile.
    pub(super) async fn begin(&self, at: Revision) -> Result<(), Failure> {
        let below = Prefix::below(&folder(self.caller));
        let others = self.store.list(&below, None, PER_PEER).await?.records.len();
        if others >= PER_PEER {
            let sentence = format!("a peer has {PER_PEER} durable subscriptions at the most");
            let failure = Failure::new(Code::ResourceExhausted, sentence);
            return Err(failure.reason("durables").retry(Retry::Never));
        }
        match self.store.put(self.key.clone(), Expect::Absent, value(at), None).await {
            Ok(_) | Err(StoreError::Exists { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Moves it on; [`StoreError::Conflict`] where it has moved meanwhile.
    pub(super) async fn move_on(
        &self,
        from: Standing,
        to: Revision,
        once: Option<Once>,
    ) -> Result<(), StoreError> {
        let expect = Expect::Revision(from.written);
        self.store.put(self.key.clone(), expect, value(to), once).await.map(drop)
    }
}

/// What all durable subscriptions of a peer stand below.
fn folder(caller: &NodeName) -> Key {
    format!("cursors.{caller}").parse().expect("a name is a word of a key")
}

fn value(at: Revision) -> Bytes {
    let mut value = Vec::new();
    ciborium::into_writer(&Versioned::V1 { through: at.0 }, &mut value).expect("memory takes it");
    value.into()
}
