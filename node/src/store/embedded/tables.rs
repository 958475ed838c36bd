//! How one write changes what stands in the file.

mod trimming;

use redb::{ReadableTable, Table, WriteTransaction};

use super::layout::{
    AGE_MS, CHANGES, CHANGES_BYTES, INDEX, LoggedChange, META, NEWEST, OLDEST, ONCE, ONCE_AGES,
    OnceKey, RECORDS, change_of, once_key,
};
use crate::store::{Change, ChangeKind, Expect, Key, Once, Revision, StoreError, Write};

/// The tables within one write transaction.
pub(super) struct Tables<'t> {
    records: Table<'t, &'static str, (u64, &'static [u8])>,
    index: Table<'t, &'static str, &'static str>,
    changes: Table<'t, u64, LoggedChange<'static>>,
    once: Table<'t, OnceKey<'static>, (&'static [u8; 32], u64)>,
    once_ages: Table<'t, u64, (u64, OnceKey<'static>)>,
    meta: Table<'t, &'static str, u64>,
    newest: u64,
    oldest: u64,
    changes_bytes: u64,
    age_ms: u64,
}

impl<'t> Tables<'t> {
    /// Opens the tables, making those that are missing, at an age of the store.
    pub(super) fn open(
        transaction: &'t WriteTransaction,
        age_ms: u64,
    ) -> Result<Self, redb::Error> {
        let meta = transaction.open_table(META)?;
        let number = |name| Ok::<_, redb::Error>(meta.get(name)?.map_or(0, |found| found.value()));
        let (newest, oldest) = (number(NEWEST)?, number(OLDEST)?);
        let changes_bytes = number(CHANGES_BYTES)?;
        Ok(Self {
            records: transaction.open_table(RECORDS)?,
            index: transaction.open_table(INDEX)?,
            changes: transaction.open_table(CHANGES)?,
            once: transaction.open_table(ONCE)?,
            once_ages: transaction.open_table(ONCE_AGES)?,
            meta,
            newest,
            oldest,
            changes_bytes,
            age_ms,
        })
    }

    /// The revision of the newest change, those of this transaction included.
    pub(super) fn newest(&self) -> u64 {
        self.newest
    }

    /// Notes how far this transaction has come: the last step before its commit.
    pub(super) fn finish(mut self) -> Result<(), redb::Error> {
        self.meta.insert(NEWEST, self.newest)?;
        self.meta.insert(OLDEST, self.oldest)?;
        self.meta.insert(CHANGES_BYTES, self.changes_bytes)?;
        self.meta.insert(AGE_MS, self.age_ms)?;
        Ok(())
    }

    /// Does one write, or says why not; a refused write leaves nothing behind.
    ///
    /// The outer error is the file's, and spoils the whole transaction.
    pub(super) fn apply(
        &mut self,
        write: &Write,
    ) -> Result<Result<Change, StoreError>, redb::Error> {
        if let Some(once) = &write.once {
            match self.done(once)? {
                Ok(None) => {}
                Ok(Some(before)) => return Ok(Ok(before)),
                Err(refused) => return Ok(Err(refused)),
            }
        }
        let found = self.records.get(write.key.as_str())?.map(|record| record.value().0);
        if let Err(refused) = judge(write, found.map(Revision)) {
            return Ok(Err(refused));
        }
        self.store(write).map(Ok)
    }

    fn done(&self, once: &Once) -> Result<Result<Option<Change>, StoreError>, redb::Error> {
        find_done(&self.once, &self.changes, once)
    }

    fn store(&mut self, write: &Write) -> Result<Change, redb::Error> {
        self.newest += 1;
        let (revision, key) = (self.newest, write.key.as_str());
        let value = match &write.kind {
            ChangeKind::Put(value) => {
                self.records.insert(key, (revision, value.as_ref()))?;
                self.find_by(&write.index, key)?;
                self.changes_bytes += value.len() as u64;
                Some(value.as_ref())
            }
            ChangeKind::Delete => {
                self.records.remove(key)?;
                self.find_no_more_by(&write.index, key)?;
                None
            }
        };
        self.find_no_more_by(&write.unindex, key)?;
        self.changes.insert(revision, (self.age_ms, key, value))?;
        if let Some(once) = &write.once {
            self.once.insert(once_key(once), (&once.params, revision))?;
            self.once_ages.insert(revision, (self.age_ms, once_key(once)))?;
        }
        let key = write.key.clone();
        Ok(Change { revision: Revision(revision), key, kind: write.kind.clone() })
    }

    fn find_by(&mut self, index: &[Key], key: &str) -> Result<(), redb::Error> {
        for other in index {
            self.index.insert(other.as_str(), key)?;
        }
        Ok(())
    }

    fn find_no_more_by(&mut self, index: &[Key], key: &str) -> Result<(), redb::Error> {
        for other in index {
            // Another record may be found there since.
            if self.index.get(other.as_str())?.is_some_and(|found| found.value() == key) {
                self.index.remove(other.as_str())?;
            }
        }
        Ok(())
    }
}

/// Whether a write may go on, given the record's revision.
fn judge(write: &Write, found: Option<Revision>) -> Result<(), StoreError> {
    let key = || write.key.clone();
    match (write.expect, found) {
        (Expect::Absent, Some(found)) => Err(StoreError::Exists { key: key(), found }),
        (Expect::Revision(_), None) => Err(StoreError::Missing { key: key() }),
        (Expect::Revision(expected), Some(found)) if expected != found => {
            Err(StoreError::Conflict { key: key(), expected, found })
        }
        (_, None) if write.kind == ChangeKind::Delete => Err(StoreError::Missing { key: key() }),
        _ => Ok(()),
    }
}

/// The change that was made under an idempotency key, if the params are those of then.
pub(super) fn find_done(
    keys: &impl ReadableTable<OnceKey<'static>, (&'static [u8; 32], u64)>,
    changes: &impl ReadableTable<u64, LoggedChange<'static>>,
    once: &Once,
) -> Result<Result<Option<Change>, StoreError>, redb::Error> {
    let Some(entry) = keys.get(once_key(once))? else { return Ok(Ok(None)) };
    let (params, revision) = entry.value();
    if *params != once.params {
        return Ok(Err(StoreError::KeyReused));
    }
    let change = changes.get(revision)?.map(|logged| change_of(revision, logged.value()));
    Ok(change.transpose().and_then(|found| {
        found.map(Some).ok_or_else(|| StoreError::Corrupt {
            what: format!("change {revision}"),
            why: "an idempotency key refers to it, and it is gone".to_owned(),
        })
    }))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn a_write_goes_on_only_where_the_record_is_as_expected() {
        let revision = |n| Expect::Revision(Revision(n));
        let table = [
            // expect, deletes, found, refused as
            (Expect::Any, false, None, None),
            (Expect::Any, false, Some(3), None),
            (Expect::Any, true, Some(3), None),
            (Expect::Any, true, None, Some("missing")),
            (Expect::Absent, false, None, None),
            (Expect::Absent, false, Some(3), Some("exists")),
            (Expect::Absent, true, None, Some("missing")),
            (revision(3), false, Some(3), None),
            (revision(3), true, Some(3), None),
            (revision(3), false, Some(4), Some("conflict")),
            (revision(3), true, Some(2), Some("conflict")),
            (revision(3), false, None, Some("missing")),
        ];
        for (expect, deletes, found, refused) in table {
            let kind = if deletes { ChangeKind::Delete } else { ChangeKind::Put(Bytes::new()) };
            let key = "a".parse().unwrap();
            let write =
                Write { key, expect, kind, index: Vec::new(), unindex: Vec::new(), once: None };
            let judged = judge(&write, found.map(Revision)).err().map(|error| match error {
                StoreError::Missing { .. } => "missing",
                StoreError::Exists { .. } => "exists",
                StoreError::Conflict { .. } => "conflict",
                other => panic!("{other}"),
            });
            assert_eq!(judged, refused, "{expect:?}, deletes {deletes}, found {found:?}");
        }
    }
}
