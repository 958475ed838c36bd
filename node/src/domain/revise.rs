//! A change to one record that is made once, to whatever stands there, whoever else writes.

use bothways_protocol::Failure;
use bytes::Bytes;

use super::stored::record_of;
use crate::store::{ChangeKind, Expect, Key, Once, Record, Revision, Store, StoreError, Write};

/// How often a change that expects no revision is tried again, when others are faster.
pub(super) const TRIES: usize = 16;

/// The record to change.
pub(super) struct Target<'a> {
    pub(super) store: &'a dyn Store,
    pub(super) key: Key,
    /// The revision that the caller has seen, if it said one.
    pub(super) expect: Option<u64>,
    /// What makes the change act once.
    pub(super) once: Option<&'a Once>,
}

/// What a rule makes of a record.
pub(super) enum Revised {
    /// This value, found under the first of these other keys, and no more under the second.
    To { value: Bytes, index: Vec<Key>, unindex: Vec<Key> },
    /// It is as it should be already: nothing is written.
    Unchanged,
}

/// The record as it is now.
pub(super) struct Outcome {
    pub(super) record: Record,
    /// Whether this call has changed it, and not an earlier one of the same request.
    pub(super) changed: bool,
}

/// Why one try changed nothing.
enum Stopped {
    /// Somebody else changed the record first.
    Outrun(StoreError),
    Refused(Failure),
}

impl Target<'_> {
    /// Reads the record, changes it by the rule and writes it back; again, where others are faster.
    /// The same request, sent again or twice at once, gets the record as its one write left it.
    ///
    /// # Errors
    /// What the rule refuses; `aborted` where the record is at another revision than expected
    /// (detail `revision`: the one found), or others changed it faster than this could, time and
    /// again; and as [`Store::write`].
    pub(super) async fn revise(
        &self,
        rule: impl Fn(Option<&Record>) -> Result<Revised, Failure>,
    ) -> Result<Outcome, Failure> {
        let mut tries = 0;
        loop {
            if let Some(before) = self.done().await? {
                return Ok(before);
            }
            tries += 1;
            let refused = match self.try_once(&rule).await {
                Ok(outcome) => return Ok(outcome),
                Err(Stopped::Outrun(_)) if self.expect.is_none() && tries < TRIES => continue,
                Err(Stopped::Outrun(outrun)) => outrun.into(),
                Err(Stopped::Refused(failure)) => failure,
            };
            // What refuses it may be what the same request has just written.
            return self.done().await?.ok_or(refused);
        }
    }

    async fn try_once(
        &self,
        rule: impl Fn(Option<&Record>) -> Result<Revised, Failure>,
    ) -> Result<Outcome, Stopped> {
        let found = self.store.get(&self.key).await?;
        let revised = rule(found.as_ref()).map_err(Stopped::Refused)?;
        let (value, index, unindex) = match (revised, &found) {
            (Revised::To { value, index, unindex }, _) => (value, index, unindex),
            (Revised::Unchanged, Some(record)) => return Ok(Outcome::as_it_was(record.clone())),
            (Revised::Unchanged, None) => return Err(self.missing().into()),
        };
        let Some(record) = found else { return Err(self.missing().into()) };
        let expect = Expect::Revision(self.expect.map_or(record.revision, Revision));
        let (key, kind, once) = (self.key.clone(), ChangeKind::Put(value), self.once.cloned());
        let written = self.store.write(Write { key, expect, kind, index, unindex, once }).await?;
        Ok(Outcome { record: record_of(written)?, changed: true })
    }

    /// The record as the same request left it before.
    async fn done(&self) -> Result<Option<Outcome>, StoreError> {
        let Some(once) = self.once else { return Ok(None) };
        let before = self.store.done(once).await?.map(record_of).transpose()?;
        Ok(before.map(Outcome::as_it_was))
    }

    fn missing(&self) -> StoreError {
        StoreError::Missing { key: self.key.clone() }
    }
}

impl Outcome {
    fn as_it_was(record: Record) -> Self {
        Self { record, changed: false }
    }
}

impl From<StoreError> for Stopped {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict { .. } => Self::Outrun(error),
            other => Self::Refused(other.into()),
        }
    }
}
