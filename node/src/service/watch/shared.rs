//! What was told lately, kept for all who watch: a change is read and encoded once.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use bothways_protocol::EventTail;

use super::topics::place;
use super::{Audience, Feed};
use crate::store::{Change, Revision, StoreError};

/// The most changes that are kept.
const KEPT_MAX: usize = 1024;
/// The most that their events may be, in bytes.
const KEPT_MAX_BYTES: usize = 1024 * 1024;

/// A change as those who watch see it.
#[derive(Debug)]
pub(super) struct Shown {
    /// The topic, by its place among the feed's.
    pub(super) topic: usize,
    pub(super) audience: Audience,
    pub(super) tail: EventTail,
}

/// The newest changes as they are told; those behind are read anew.
#[derive(Debug, Default)]
pub(super) struct Shared {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// In the order of their revisions; `None` where there is nothing to tell.
    told: VecDeque<(Revision, Option<Arc<Shown>>)>,
    bytes: usize,
}

impl Shared {
    /// What a change is to those who watch; `None` where it is nothing.
    pub(super) fn show<F: Feed>(
        &self,
        feed: &F,
        change: &Change,
    ) -> Result<Option<Arc<Shown>>, StoreError> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = kept.find(change.revision) {
            return Ok(found);
        }
        let shown = shown(feed, change)?.map(Arc::new);
        kept.keep(change.revision, shown.clone());
        Ok(shown)
    }
}

impl Kept {
    fn find(&self, revision: Revision) -> Option<Option<Arc<Shown>>> {
        let at = self.told.binary_search_by_key(&revision, |(revision, _)| *revision).ok()?;
        Some(self.told[at].1.clone())
    }

    /// Keeps the newest ones: who is behind reads the rest for itself.
    fn keep(&mut self, revision: Revision, shown: Option<Arc<Shown>>) {
        if self.told.back().is_some_and(|(newest, _)| *newest >= revision) {
            return;
        }
        self.bytes += size(shown.as_ref());
        self.told.push_back((revision, shown));
        while self.told.len() > KEPT_MAX || self.bytes > KEPT_MAX_BYTES {
            let Some((_, oldest)) = self.told.pop_front() else { break };
            self.bytes -= size(oldest.as_ref());
        }
    }
}

fn size(shown: Option<&Arc<Shown>>) -> usize {
    shown.map_or(0, |shown| shown.tail.bytes())
}

fn shown<F: Feed>(feed: &F, change: &Change) -> Result<Option<Shown>, StoreError> {
    let Some(told) = feed.tell(change)? else { return Ok(None) };
    let topic = place(told.topic, F::TOPICS).ok_or_else(|| StoreError::Corrupt {
        what: change.key.to_string(),
        why: format!("{} is no topic of {}", told.topic, F::SERVICE),
    })?;
    Ok(Some(Shown { topic, audience: told.audience, tail: EventTail::of(told.topic, &told.body) }))
}
