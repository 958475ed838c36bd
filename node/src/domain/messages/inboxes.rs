//! How many messages wait for each recipient.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bothways_protocol::NodeName;

/// The recipients whose messages are counted at a time; with one more, all are counted anew.
const RECIPIENTS_MAX: usize = 1024;

/// How old a count must be before a full inbox is counted anew: some of it may have expired.
const COUNT_AGAIN: Duration = Duration::from_secs(5);

/// Counts in memory: taken from the store where there is none, then kept up with what is sent and
/// read. Sends that are at work at the same time may take an inbox over its bound by their number.
#[derive(Debug, Default)]
pub(super) struct Inboxes {
    counts: Mutex<HashMap<NodeName, Count>>,
}

#[derive(Debug, Clone, Copy)]
struct Count {
    waiting: usize,
    counted: Instant,
}

/// Whether one more message may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    Yes,
    No,
    /// The store has to be asked.
    Unknown,
}

impl Inboxes {
    /// Whether there is room for one more, of at most so many.
    pub(super) fn room(&self, to: &NodeName, max: usize) -> Room {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        match counts.get(to) {
            None => Room::Unknown,
            Some(count) if count.waiting < max => Room::Yes,
            Some(count) if count.counted.elapsed() < COUNT_AGAIN => Room::No,
            Some(_) => Room::Unknown,
        }
    }

    /// So many wait for this recipient.
    pub(super) fn counted(&self, to: &NodeName, waiting: usize) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= RECIPIENTS_MAX && !counts.contains_key(to) {
            counts.clear();
        }
        counts.insert(to.clone(), Count { waiting, counted: Instant::now() });
    }

    /// One more waits.
    pub(super) fn came(&self, to: &NodeName) {
        self.change(to, |waiting| waiting.saturating_add(1));
    }

    /// One less waits.
    pub(super) fn left(&self, to: &NodeName) {
        self.change(to, |waiting| waiting.saturating_sub(1));
    }

    fn change(&self, to: &NodeName, change: impl Fn(usize) -> usize) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(to) {
            count.waiting = change(count.waiting);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inbox_is_counted_once_and_then_kept_up() {
        let (inboxes, to) = (Inboxes::default(), "desk".parse().unwrap());
        assert_eq!(inboxes.room(&to, 2), Room::Unknown);
        inboxes.came(&to);
        assert_eq!(inboxes.room(&to, 2), Room::Unknown, "what was not counted is not kept up");
        inboxes.counted(&to, 1);
        assert_eq!(inboxes.room(&to, 2), Room::Yes);
        inboxes.came(&to);
        assert_eq!(inboxes.room(&to, 2), Room::No);
        inboxes.left(&to);
        assert_eq!(inboxes.room(&to, 2), Room::Yes);
    }

    #[test]
    fn there_are_never_more_counts_than_their_bound() {
        let inboxes = Inboxes::default();
        for number in 0..3 * RECIPIENTS_MAX {
            inboxes.counted(&format!("n{number}").parse().unwrap(), 1);
            assert!(inboxes.counts.lock().unwrap().len() <= RECIPIENTS_MAX);
        }
    }
}
