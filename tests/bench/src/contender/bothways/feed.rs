//! A service that tells of changes, which are made on request, in a store in memory: so that no
//! fsync is in what is measured.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use bothways::protocol::{Effect, Encoded, Failure, Method};
use bothways::service::{Audience, Context, Feed, Router, Told};
use bothways::store::{
    Change, ChangeKind, Embedded, Expect, Key, Prefix, Store, StoreBounds, StoreError,
};
use futures_util::future::try_join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::cases::BODY_BYTES;
use crate::fan_out::body;

/// What stands around 24 to 255 bytes.
const AROUND_BYTES: usize = 2;

/// Asks for so many changes.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(super) struct Publish {
    pub(super) count: usize,
}

impl Method for Publish {
    const NAME: &'static str = "bench.publish";
    const EFFECT: Effect = Effect::Reads;
    const ABOUT: &'static str = "Changes one record, as often as is asked for";
    type Result = ();

    fn example() -> Self {
        Self { count: 1 }
    }
}

/// One record that changes.
#[derive(Debug)]
struct Changing {
    store: Arc<dyn Store>,
    key: Key,
    next: AtomicU64,
}

pub(super) fn routes() -> Result<Router> {
    let store = Arc::new(Embedded::in_memory(&StoreBounds::default())?);
    let key = "changing.record".parse()?;
    let changing = Arc::new(Changing { store, key, next: AtomicU64::new(0) });
    Ok(Router::default()
        .on(&changing, Changing::publish) // bench.publish
        .watch(&changing)) // bench.watch, bench.acknowledge
}

impl Changing {
    async fn publish(&self, _: Context, publish: Publish) -> Result<(), Failure> {
        let change = |_| {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let body = body(number, BODY_BYTES - AROUND_BYTES);
            self.store.put(self.key.clone(), Expect::Any, body.into(), None)
        };
        try_join_all((0..publish.count).map(change)).await?;
        Ok(())
    }
}

impl Feed for Changing {
    const SERVICE: &'static str = "bench";
    const TOPICS: &'static [&'static str] = &["bench.changed"];
    const ABOUT: &'static str = "Tells of each change of the record";

    fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    fn prefix(&self) -> Prefix {
        Prefix::all()
    }

    fn tell(&self, change: &Change) -> Result<Option<Told>, StoreError> {
        let ChangeKind::Put(value) = &change.kind else { return Ok(None) };
        let body = Encoded::of(&ByteBuf::from(value.to_vec()));
        let damaged = |error: &dyn std::fmt::Display| StoreError::Corrupt {
            what: change.key.to_string(),
            why: error.to_string(),
        };
        let body = body.map_err(|error| damaged(&error))?;
        Ok(Some(Told { topic: Self::TOPICS[0], body, audience: Audience::All }))
    }
}
