//! The newest records of one node, in memory: a bounded ring, which overwrites the oldest.
//!
//! Records are numbered from 1 in the order in which they came, so who reads on knows how many were
//! overwritten in between. What a record costs here is one short lock and one copy.

mod feed;

use std::collections::VecDeque;
use std::mem::take;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use super::record::Record;

pub use feed::{Fed, RecordFeed};

/// The newest records of one node.
#[derive(Debug)]
pub(crate) struct Recent {
    kept: Mutex<Kept>,
    /// At least one.
    most: usize,
    news: Notify,
}

#[derive(Debug, Default)]
struct Kept {
    records: VecDeque<Record>,
    /// How many have ever come: the number of the newest.
    count: u64,
    ended: bool,
    /// Somebody has read all, and waits for more.
    awaited: bool,
}

/// Some records, one after the other, and where the next stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) records: Vec<Record>,
    /// The number of the last one that is read or missed: to read on behind.
    pub(crate) next: u64,
    /// How many were overwritten before they were read.
    pub(crate) missed: u64,
    /// Nothing will come any more.
    pub(crate) ended: bool,
}

impl Recent {
    /// Keeps so many; `None` where that is none.
    pub(crate) fn of(most: usize) -> Option<Self> {
        (most > 0).then(|| Self { kept: Mutex::default(), most, news: Notify::new() })
    }

    /// Keeps one more.
    pub(crate) fn keep(&self, record: Record) {
        let mut kept = self.lock();
        kept.count += 1;
        let oldest = if kept.records.len() < self.most { None } else { kept.records.pop_front() };
        kept.records.push_back(record);
        let awaited = take(&mut kept.awaited);
        drop(kept);
        // A long name is freed without the lock.
        drop(oldest);
        if awaited {
            self.news.notify_waiters();
        }
    }

    /// All that are kept, the oldest first.
    pub(crate) fn all(&self) -> Vec<Record> {
        self.lock().records.iter().cloned().collect()
    }

    /// The number of the newest one.
    pub(crate) fn newest(&self) -> u64 {
        self.lock().count
    }

    /// Those behind this number: no more than `most`, and none behind one that has no room.
    pub(crate) fn page(
        &self,
        after: u64,
        most: usize,
        has_room: impl FnMut(&Record) -> bool,
    ) -> Page {
        self.lock().page(after, most, has_room)
    }

    /// The same for one who waits where there is none, and what becomes ready with the next record,
    /// or with the end.
    fn page_or_news(&self, after: u64, most: usize) -> (Page, Notified<'_>) {
        let mut kept = self.lock();
        let page = kept.page(after, most, |_| true);
        kept.awaited |= page.records.is_empty();
        // It is woken from here on, polled or not.
        (page, self.news.notified())
    }

    /// Nothing will come any more: whoever waits is told.
    pub(crate) fn end(&self) {
        self.lock().ended = true;
        self.news.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn page(&self, after: u64, most: usize, mut has_room: impl FnMut(&Record) -> bool) -> Page {
        let first = self.count - self.records.len() as u64;
        // A number that was never reached is that of another start of the node.
        let after = if after > self.count { 0 } else { after };
        let from = after.max(first);
        let skipped = usize::try_from(from - first).unwrap_or(usize::MAX);
        let unread = self.records.iter().skip(skipped).take(most);
        let records: Vec<_> = unread.take_while(|record| has_room(record)).cloned().collect();
        let next = from + records.len() as u64;
        Page { records, next, missed: from - after, ended: self.ended }
    }
}

const _: () = assert!(size_of::<Record>() <= 288, "it is copied for each request, twice");

#[cfg(test)]
mod tests;
