//! Records as they are made.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Recent;
use crate::exchange::Record;

/// How many are read in one go.
const BATCH: usize = 64;

/// The records that a node makes from now on, one after the other.
///
/// It has no queue of its own: it reads on in those that the node keeps in memory, and who is too
/// slow for that is told how many were overwritten.
#[derive(Debug)]
pub struct RecordFeed {
    /// `None` where the node keeps none.
    recent: Option<Arc<Recent>>,
    at: u64,
    read: VecDeque<Record>,
}

/// What comes next of a [`RecordFeed`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fed {
    /// A request has ended at this node, or a subscription has come further.
    Record(Record),
    /// So many records were overwritten before they were read.
    Missed(u64),
}

impl RecordFeed {
    pub(crate) fn of(recent: Option<Arc<Recent>>) -> Self {
        let at = recent.as_ref().map_or(0, |recent| recent.newest());
        Self { recent, at, read: VecDeque::new() }
    }

    /// Waits for the next record; `None` once the node has stopped, and at once where it keeps none
    /// (`limits.exchange_recent`). Dropping the wait loses none.
    pub async fn next(&mut self) -> Option<Fed> {
        loop {
            if let Some(record) = self.read.pop_front() {
                return Some(Fed::Record(record));
            }
            let recent = self.recent.as_ref()?;
            let (page, news) = recent.page_or_news(self.at, BATCH);
            self.at = page.next;
            self.read.extend(page.records);
            if page.missed > 0 {
                return Some(Fed::Missed(page.missed));
            }
            if self.read.is_empty() {
                if page.ended {
                    return None;
                }
                news.await;
            }
        }
    }
}
