//! What a store lets go of: old changes, and old idempotency keys. Some with each transaction, and
//! at most twice as many as it can add: so it keeps up, and costs no single write much.

use std::time::Duration;

use redb::{ReadableTable, ReadableTableMetadata};

use super::Tables;
use crate::store::StoreBounds;
use crate::store::embedded::layout::value_bytes;
use crate::store::embedded::writer::GROUP_MAX;

/// The most idempotency keys that one transaction forgets, and the most changes that it trims.
const STEPS_MAX: usize = 2 * GROUP_MAX;

impl Tables<'_> {
    /// Forgets the idempotency keys that are too old, and the oldest where `incoming` more would
    /// be too many.
    pub(in crate::store::embedded) fn forget(
        &mut self,
        bounds: &StoreBounds,
        incoming: u64,
    ) -> Result<(), redb::Error> {
        let too_old = millis(bounds.keys_for);
        let mut too_many = (self.once.len()? + incoming).saturating_sub(bounds.keys);
        for _ in 0..STEPS_MAX {
            let Some((revision, age)) = self.oldest_once()? else { break };
            if too_many == 0 && self.age_ms.saturating_sub(age) < too_old {
                break;
            }
            too_many = too_many.saturating_sub(1);
            if let Some(entry) = self.once_ages.remove(revision)? {
                self.once.remove(entry.value().1)?;
            }
            if revision <= self.oldest {
                // It was trimmed, and kept for the sake of its key alone.
                self.changes.remove(revision)?;
            }
        }
        Ok(())
    }

    /// Trims the changes that are too old, and the oldest where their values are too much.
    ///
    /// A change that an idempotency key refers to is not followed any more either, but stays
    /// until its key is forgotten: it is the answer to a repeated write.
    pub(in crate::store::embedded) fn trim(
        &mut self,
        bounds: &StoreBounds,
    ) -> Result<(), redb::Error> {
        let too_old = millis(bounds.changes_for);
        for _ in 0..STEPS_MAX {
            let Some((revision, age, bytes)) = self.oldest_change()? else { break };
            let is_old = self.age_ms.saturating_sub(age) >= too_old;
            if !is_old && self.changes_bytes <= bounds.changes_bytes {
                break;
            }
            self.oldest = revision;
            self.changes_bytes = self.changes_bytes.saturating_sub(bytes);
            if self.once_ages.get(revision)?.is_none() {
                self.changes.remove(revision)?;
            }
        }
        Ok(())
    }

    /// Revision and age of the key that is forgotten first.
    fn oldest_once(&self) -> Result<Option<(u64, u64)>, redb::Error> {
        let first = self.once_ages.first()?;
        Ok(first.map(|(revision, entry)| (revision.value(), entry.value().0)))
    }

    /// Revision, age and bytes of value of the change that is trimmed first.
    fn oldest_change(&self) -> Result<Option<(u64, u64, u64)>, redb::Error> {
        let revision = self.oldest + 1;
        let logged = self.changes.get(revision)?;
        Ok(logged.map(|logged| (revision, logged.value().0, value_bytes(logged.value()))))
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
