//! What readers see: the tables as the last durable group of writes left them.

use std::ops::Bound;

use bytes::Bytes;
use redb::{Database, ReadOnlyTable, ReadableDatabase};

use super::layout::{
    CHANGES, INDEX, LoggedChange, META, NEWEST, OLDEST, ONCE, OnceKey, RECORDS, change_of,
    stored_key,
};
use super::tables::find_done;
use super::tail::{Gathered, SCAN_MAX};
use crate::store::{
    Change, Changes, Key, Once, PAGE_MAX_BYTES, Page, Prefix, Record, Revision, StoreError,
};

/// The tables at one revision.
pub(super) struct Snapshot {
    records: ReadOnlyTable<&'static str, (u64, &'static [u8])>,
    index: ReadOnlyTable<&'static str, &'static str>,
    changes: ReadOnlyTable<u64, LoggedChange<'static>>,
    once: ReadOnlyTable<OnceKey<'static>, (&'static [u8; 32], u64)>,
    newest: Revision,
    oldest: Revision,
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot").field("newest", &self.newest).finish_non_exhaustive()
    }
}

impl Snapshot {
    /// The tables as the last commit left them.
    pub(super) fn of(database: &Database) -> Result<Self, redb::Error> {
        let transaction = database.begin_read()?;
        let meta = transaction.open_table(META)?;
        let number = |name| Ok::<_, redb::Error>(meta.get(name)?.map_or(0, |found| found.value()));
        Ok(Self {
            records: transaction.open_table(RECORDS)?,
            index: transaction.open_table(INDEX)?,
            changes: transaction.open_table(CHANGES)?,
            once: transaction.open_table(ONCE)?,
            newest: Revision(number(NEWEST)?),
            oldest: Revision(number(OLDEST)?),
        })
    }

    pub(super) fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        let found = self.records.get(key.as_str()).map_err(unreadable)?;
        Ok(found.map(|record| {
            let (revision, value) = record.value();
            let value = Bytes::copy_from_slice(value);
            Record { key: key.clone(), revision: Revision(revision), value }
        }))
    }

    pub(super) fn list(
        &self,
        prefix: &Prefix,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Page, StoreError> {
        let range = self.records.range::<&str>(behind(prefix, after)).map_err(unreadable)?;
        let mut page = Page { records: Vec::new(), next: None, revision: self.newest };
        let mut bytes = 0;
        for entry in range {
            let (key, record) = entry.map_err(unreadable)?;
            if !prefix.holds(key.value()) {
                break;
            }
            if page.records.len() >= limit || bytes >= PAGE_MAX_BYTES {
                page.next = page.records.last().map(|record| record.key.clone());
                break;
            }
            let (revision, value) = record.value();
            bytes += value.len();
            page.records.push(Record {
                key: stored_key(key.value())?,
                revision: Revision(revision),
                value: Bytes::copy_from_slice(value),
            });
        }
        Ok(page)
    }

    /// The records behind index keys; an index key that leads nowhere is passed over.
    pub(super) fn list_index(
        &self,
        prefix: &Prefix,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Page, StoreError> {
        let range = self.index.range::<&str>(behind(prefix, after)).map_err(unreadable)?;
        let mut page = Page { records: Vec::new(), next: None, revision: self.newest };
        let mut last = None;
        let mut bytes = 0;
        for (passed, entry) in range.enumerate() {
            let (other, key) = entry.map_err(unreadable)?;
            if !prefix.holds(other.value()) {
                break;
            }
            if page.records.len() >= limit || bytes >= PAGE_MAX_BYTES || passed >= SCAN_MAX {
                page.next = last;
                break;
            }
            if let Some(record) = self.get(&stored_key(key.value())?)? {
                bytes += record.value.len();
                page.records.push(record);
            }
            last = Some(stored_key(other.value())?);
        }
        Ok(page)
    }

    pub(super) fn changes_after(
        &self,
        after: Revision,
        prefix: &Prefix,
        limit: usize,
    ) -> Result<Changes, StoreError> {
        self.check_kept(after)?;
        let range = (Bound::Excluded(after.0), Bound::Unbounded);
        let mut gathered = Gathered::behind(after, limit);
        for entry in self.changes.range::<u64>(range).map_err(unreadable)? {
            let (revision, logged) = entry.map_err(unreadable)?;
            let (revision, logged) = (revision.value(), logged.value());
            let bytes = prefix.holds(logged.1).then(|| logged.2.map_or(0, <[u8]>::len));
            if !gathered.pass(Revision(revision), bytes, || change_of(revision, logged))? {
                break;
            }
        }
        Ok(gathered.found())
    }

    /// Whether the log still has all that was changed behind a revision.
    pub(super) fn check_kept(&self, after: Revision) -> Result<(), StoreError> {
        let (oldest, newest) = (self.oldest, self.newest);
        if after < oldest || after > newest {
            return Err(StoreError::OutOfRange { asked: after, oldest, newest });
        }
        Ok(())
    }

    /// The revisions of all changes in the file, those included that can no longer be followed.
    #[cfg(test)]
    pub(super) fn logged(&self) -> Result<Vec<u64>, redb::Error> {
        let changes = self.changes.range::<u64>(..)?;
        changes.map(|entry| Ok(entry?.0.value())).collect()
    }

    /// The revision of the last change that this snapshot has.
    pub(super) fn newest(&self) -> Revision {
        self.newest
    }

    pub(super) fn done(&self, once: &Once) -> Result<Option<Change>, StoreError> {
        find_done(&self.once, &self.changes, once).map_err(unreadable)?
    }
}

/// Where a listing begins: behind a key, or with the first that the prefix holds.
fn behind<'a>(prefix: &'a Prefix, after: Option<&'a Key>) -> (Bound<&'a str>, Bound<&'a str>) {
    let start = match after {
        Some(key) if key.as_str() >= prefix.as_str() => Bound::Excluded(key.as_str()),
        _ => Bound::Included(prefix.as_str()),
    };
    (start, Bound::Unbounded)
}

fn unreadable(error: impl Into<redb::Error>) -> StoreError {
    match error.into() {
        redb::Error::Corrupted(why) => StoreError::Corrupt { what: "the file".to_owned(), why },
        redb::Error::DatabaseClosed => StoreError::Closed,
        other => StoreError::Unreadable { why: other.to_string().into() },
    }
}

#[cfg(test)]
mod tests {
    use redb::backends::InMemoryBackend;

    use super::*;
    use crate::store::embedded::tables::Tables;

    #[test]
    fn one_read_passes_so_many_index_keys_that_lead_nowhere() {
        let database = redb::Builder::new().create_with_backend(InMemoryBackend::new()).unwrap();
        let transaction = database.begin_write().unwrap();
        drop(Tables::open(&transaction, 0).unwrap());
        let mut index = transaction.open_table(INDEX).unwrap();
        for n in 0..5_000 {
            index.insert(format!("by.{n:04}").as_str(), "nobody").unwrap();
        }
        drop(index);
        transaction.commit().unwrap();
        let below = Prefix::below(&"by".parse().unwrap());
        let page = Snapshot::of(&database).unwrap().list_index(&below, None, 10).unwrap();
        assert_eq!((page.records, page.next), (vec![], Some("by.4095".parse().unwrap())));
    }
}
