//! How many messages wait in each box: a recipient's, and a sender's.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::store::Key;

/// The boxes whose messages are counted at a time; with one more, all are counted anew.
const BOXES_MAX: usize = 2048;

/// How old a count must be before a full box is counted anew: some of it may have expired.
const COUNT_AGAIN: Duration = Duration::from_secs(5);

/// Counts in memory: taken from the store where there is none, then kept up with what is sent and
/// read. Sends that are at work at the same time may take a box over its bound by their number.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    counts: Mutex<HashMap<Key, Count>>,
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

impl Waiting {
    /// Whether there is room for one more, of at most so many.
    pub(super) fn room(&self, of: &Key, max: usize) -> Room {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        match counts.get(of) {
            None => Room::Unknown,
            Some(count) if count.waiting < max => Room::Yes,
            Some(count) if count.counted.elapsed() < COUNT_AGAIN => Room::No,
            Some(_) => Room::Unknown,
        }
    }

    /// So many wait in this box.
    pub(super) fn counted(&self, of: &Key, waiting: usize) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= BOXES_MAX && !counts.contains_key(of) {
            counts.clear();
        }
        counts.insert(of.clone(), Count { waiting, counted: Instant::now() });
    }

    /// One more waits.
    pub(super) fn came(&self, of: &Key) {
        self.change(of, |count| count.saturating_add(1));
    }

    /// One less waits.
    pub(super) fn left(&self, of: &Key) {
        self.change(of, |count| count.saturating_sub(1));
    }

    fn change(&self, of: &Key, change: impl Fn(usize) -> usize) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(of) {
            count.waiting = change(count.waiting);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_is_counted_once_and_then_kept_up() {
        let (waiting, desk) = (Waiting::default(), "inbox.desk".parse().unwrap());
        assert_eq!(waiting.room(&desk, 2), Room::Unknown);
        waiting.came(&desk);
        assert_eq!(waiting.room(&desk, 2), Room::Unknown, "what was not counted is not kept up");
        waiting.counted(&desk, 1);
        assert_eq!(waiting.room(&desk, 2), Room::Yes);
        waiting.came(&desk);
        assert_eq!(waiting.room(&desk, 2), Room::No);
        waiting.left(&desk);
        assert_eq!(waiting.room(&desk, 2), Room::Yes);
    }

    #[test]
    fn there_are_never_more_counts_than_their_bound() {
        let waiting = Waiting::default();
        for number in 0..3 * BOXES_MAX {
            waiting.counted(&format!("inbox.n{number}").parse().unwrap(), 1);
            assert!(waiting.counts.lock().unwrap().len() <= BOXES_MAX);
        }
    }
}
