//! What was told lately, kept for all who watch: a change is read and encoded once.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bothways_protocol::EventTail;

use super::topics::place;
use super::{Audience, Feed};
use crate::store::{Change, Changes, Revision, StoreError};

/// The most changes that are kept.
const KEPT_MAX: usize = 1024;
/// The most that their events may be, in bytes.
const KEPT_MAX_BYTES: usize = 1024 * 1024;
/// The most changes that are read in one go.
const READ_MAX: usize = 64;

/// A change as those who watch see it.
#[derive(Debug)]
pub(super) struct Shown {
    /// The topic, by its place among the feed's.
    pub(super) topic: usize,
    pub(super) audience: Audience,
    pub(super) tail: EventTail,
}

/// The newest changes as they are told; those who are behind them read the store.
#[derive(Debug, Default)]
pub(super) struct Shared {
    kept: Mutex<Kept>,
}

/// All that there is to tell of the changes behind one revision, through another.
#[derive(Debug, Default)]
struct Kept {
    behind: Revision,
    through: Revision,
    /// In the order of their revisions.
    told: VecDeque<(Revision, Shown)>,
    bytes: usize,
}

impl Shared {
    /// Hands out what there is to tell behind a revision, until there is enough of it, and says how
    /// far that is; `None` where it is not kept.
    pub(super) fn tell(
        &self,
        behind: Revision,
        mut take: impl FnMut(Revision, &Shown) -> Enough,
    ) -> Option<Revision> {
        let kept = self.kept();
        if behind < kept.behind || behind >= kept.through {
            return None;
        }
        let first = kept.told.partition_point(|(revision, _)| *revision <= behind);
        for (revision, shown) in kept.told.range(first..) {
            if let Enough::Yes = take(*revision, shown) {
                return Some(*revision);
            }
        }
        Some(kept.through)
    }

    /// Keeps what there is to tell up to a revision. What cannot be read is not kept: whoever
    /// follows finds that out for itself.
    pub(super) async fn read_up_to<F: Feed>(&self, feed: &F, newest: Revision) {
        let mut at = self.kept().begin_before(newest);
        while at < newest {
            let read = feed.store().changes_after(at, &feed.prefix(), READ_MAX).await;
            let Ok(Changes { changes, through }) = read else {
                return self.kept().begin_at(newest);
            };
            let told = changes.iter().filter_map(|change| {
                let shown = shown(feed, change).transpose()?;
                Some(shown.map(|shown| (change.revision, shown)))
            });
            let Ok(told) = told.collect::<Result<Vec<_>, _>>() else {
                return self.kept().begin_at(newest);
            };
            self.kept().keep(at, told, through);
            at = through;
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether there is enough to be written.
pub(super) enum Enough {
    Yes,
    No,
}

#[cfg(test)]
impl Shared {
    /// How many are kept, and their bytes.
    pub(super) fn held(&self) -> (usize, usize) {
        let kept = self.kept();
        (kept.told.len(), kept.bytes)
    }
}

impl Kept {
    /// Where to read on; nobody has followed for a long time, where that is far behind.
    fn begin_before(&mut self, newest: Revision) -> Revision {
        let oldest = Revision(newest.0.saturating_sub(KEPT_MAX as u64));
        if self.through < oldest {
            self.begin_at(oldest);
        }
        self.through
    }

    fn begin_at(&mut self, revision: Revision) {
        *self = Self { behind: revision, through: revision, ..Self::default() };
    }

    /// Keeps what was read behind a revision, where nobody else was faster.
    fn keep(&mut self, behind: Revision, told: Vec<(Revision, Shown)>, through: Revision) {
        if behind != self.through {
            return;
        }
        for (revision, shown) in told {
            self.bytes += shown.tail.bytes();
            self.told.push_back((revision, shown));
        }
        self.through = through;
        while self.told.len() > KEPT_MAX || self.bytes > KEPT_MAX_BYTES {
            let Some((revision, oldest)) = self.told.pop_front() else { break };
            self.bytes -= oldest.tail.bytes();
            self.behind = revision;
        }
    }
}

/// What a change is to those who watch; `None` where it is nothing.
pub(super) fn shown<F: Feed>(feed: &F, change: &Change) -> Result<Option<Shown>, StoreError> {
    let Some(told) = feed.tell(change)? else { return Ok(None) };
    let topic = place(told.topic, F::TOPICS).ok_or_else(|| StoreError::Corrupt {
        what: change.key.to_string(),
        why: format!("{} is no topic of {}", told.topic, F::SERVICE),
    })?;
    Ok(Some(Shown { topic, audience: told.audience, tail: EventTail::of(told.topic, &told.body) }))
}

#[cfg(test)]
mod tests {
    use bothways_protocol::Encoded;

    use super::*;

    fn told(revisions: impl IntoIterator<Item = u64>) -> Vec<(Revision, Shown)> {
        let tail = EventTail::of("people.created", &Encoded::of(&1).unwrap());
        let shown = || Shown { topic: 0, audience: Audience::All, tail: tail.clone() };
        revisions.into_iter().map(|revision| (Revision(revision), shown())).collect()
    }

    fn tell(shared: &Shared, behind: u64, enough: usize) -> Option<(Vec<u64>, u64)> {
        let mut seen = Vec::new();
        let through = shared.tell(Revision(behind), |revision, _| {
            seen.push(revision.0);
            if seen.len() >= enough { Enough::Yes } else { Enough::No }
        })?;
        Some((seen, through.0))
    }

    #[test]
    fn what_is_kept_is_told_without_a_gap_or_not_at_all() {
        let shared = Shared::default();
        shared.kept().begin_at(Revision(10));
        shared.kept().keep(Revision(10), told([11, 13]), Revision(15));
        // Somebody else was faster; and a gap.
        shared.kept().keep(Revision(10), told([11]), Revision(12));
        shared.kept().keep(Revision(16), told([17]), Revision(17));
        assert_eq!(tell(&shared, 9, 99), None);
        assert_eq!(tell(&shared, 10, 99), Some((vec![11, 13], 15)));
        assert_eq!(tell(&shared, 10, 1), Some((vec![11], 11)));
        assert_eq!(tell(&shared, 13, 99), Some((vec![], 15)));
        assert_eq!(tell(&shared, 15, 99), None);
    }

    #[test]
    fn who_is_behind_what_is_kept_reads_the_store() {
        let (shared, many) = (Shared::default(), KEPT_MAX as u64 + 2);
        shared.kept().keep(Revision(0), told(1..=many), Revision(many));
        assert_eq!(tell(&shared, 1, 99), None);
        assert_eq!(tell(&shared, 2, 1), Some((vec![3], 3)));
    }
}
