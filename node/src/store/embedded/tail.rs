//! The last changes, in memory: who follows the log at its end shares them with all who do.

use std::collections::VecDeque;

use crate::store::{Change, ChangeKind, Changes, PAGE_MAX_BYTES, Prefix, Revision, StoreError};

/// How many changes are kept in memory.
const CHANGES_MAX: usize = 4096;
/// How many bytes of keys and values they have.
const BYTES_MAX: usize = 8 * 1024 * 1024;

/// How many entries of the log or of the index one read passes, where few of them lead to what is
/// asked for.
pub(super) const SCAN_MAX: usize = 4096;

/// The last changes without a gap, up to the newest.
#[derive(Debug)]
pub(super) struct Tail {
    /// All changes behind this revision are here.
    behind: Revision,
    changes: VecDeque<Change>,
    bytes: usize,
}

impl Tail {
    /// An empty tail of a log that stands at a revision.
    pub(super) fn behind(newest: Revision) -> Self {
        Self { behind: newest, changes: VecDeque::new(), bytes: 0 }
    }

    /// The revision of the last change.
    pub(super) fn newest(&self) -> Revision {
        Revision(self.behind.0 + self.changes.len() as u64)
    }

    /// Adds a change, where it is the next one, and lets go of the first ones where it is too much.
    pub(super) fn push(&mut self, change: &Change) {
        if change.revision.0 != self.newest().0 + 1 {
            return;
        }
        self.bytes += size_of(change);
        self.changes.push_back(change.clone());
        while self.changes.len() > CHANGES_MAX || self.bytes > BYTES_MAX {
            let Some(first) = self.changes.pop_front() else { break };
            self.bytes -= size_of(&first);
            self.behind = first.revision;
        }
    }

    /// What [`Store::changes_after`](crate::store::Store::changes_after) answers, where all of it
    /// is here.
    pub(super) fn read(
        &self,
        after: Revision,
        prefix: &Prefix,
        limit: usize,
    ) -> Result<Option<Changes>, StoreError> {
        let Some(passed) = after.0.checked_sub(self.behind.0) else { return Ok(None) };
        let mut gathered = Gathered::behind(after, limit);
        for change in self.changes.iter().skip(usize::try_from(passed).unwrap_or(usize::MAX)) {
            let bytes = prefix.holds(change.key.as_str()).then(|| value_len(change));
            if !gathered.pass(change.revision, bytes, || Ok(change.clone()))? {
                break;
            }
        }
        Ok(Some(gathered.found()))
    }
}

fn size_of(change: &Change) -> usize {
    change.key.as_str().len() + value_len(change)
}

fn value_len(change: &Change) -> usize {
    match &change.kind {
        ChangeKind::Put(value) => value.len(),
        ChangeKind::Delete => 0,
    }
}

/// Changes that are read from wherever they are, up to what one answer holds.
pub(super) struct Gathered {
    found: Changes,
    bytes: usize,
    passed: usize,
    limit: usize,
}

impl Gathered {
    pub(super) fn behind(after: Revision, limit: usize) -> Self {
        let found = Changes { changes: Vec::new(), through: after };
        Self { found, bytes: 0, passed: 0, limit }
    }

    /// Passes the next change, and takes it where it was asked for (it then has `bytes`); false
    /// where it no longer fits.
    pub(super) fn pass(
        &mut self,
        revision: Revision,
        bytes: Option<usize>,
        change: impl FnOnce() -> Result<Change, StoreError>,
    ) -> Result<bool, StoreError> {
        if self.passed >= SCAN_MAX {
            return Ok(false);
        }
        if let Some(bytes) = bytes {
            if self.found.changes.len() >= self.limit || self.bytes >= PAGE_MAX_BYTES {
                return Ok(false);
            }
            self.bytes += bytes;
            self.found.changes.push(change()?);
        }
        self.passed += 1;
        self.found.through = revision;
        Ok(true)
    }

    pub(super) fn found(self) -> Changes {
        self.found
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn change(revision: u64, bytes: usize) -> Change {
        let kind = ChangeKind::Put(Bytes::from(vec![0; bytes]));
        Change { revision: Revision(revision), key: "a.1".parse().unwrap(), kind }
    }

    fn read(tail: &Tail, after: u64) -> Option<Vec<u64>> {
        let found = tail.read(Revision(after), &Prefix::all(), usize::MAX).unwrap()?;
        Some(found.changes.iter().map(|change| change.revision.0).collect())
    }

    #[test]
    fn it_answers_what_it_has_whole_and_nothing_else() {
        let mut tail = Tail::behind(Revision(7));
        for revision in [8, 3, 8, 9, 11] {
            tail.push(&change(revision, 1));
        }
        let table = [(6, None), (7, Some(vec![8, 9])), (8, Some(vec![9])), (9, Some(vec![]))];
        for (after, expected) in table {
            assert_eq!(read(&tail, after), expected, "after {after}");
        }
        assert_eq!(tail.newest(), Revision(9));
    }

    #[test]
    fn one_read_passes_so_many_changes_that_nobody_asked_for() {
        let mut gathered = Gathered::behind(Revision(0), usize::MAX);
        let passed = (1..).find(|revision| {
            let there = || Ok(change(*revision, 1));
            !gathered.pass(Revision(*revision), None, there).unwrap()
        });
        assert_eq!(passed, Some(4097));
        assert_eq!(gathered.found().through, Revision(4096));
    }

    #[test]
    fn it_holds_so_many_changes_and_so_many_bytes() {
        let mut tail = Tail::behind(Revision(0));
        (1..=5000).for_each(|revision| tail.push(&change(revision, 10)));
        assert_eq!((tail.changes.len(), tail.behind), (CHANGES_MAX, Revision(5000 - 4096)));
        (5001..=5020).for_each(|revision| tail.push(&change(revision, 1_000_000)));
        assert_eq!((tail.changes.len(), tail.behind), (8, Revision(5012)));
        assert_eq!(tail.bytes, 8 * 1_000_003);
        assert_eq!(tail.newest(), Revision(5020));
    }
}
