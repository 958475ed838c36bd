//! When a subscriber's cursor moves without an event: what it stands behind is trimmed one day,
//! and it has missed nothing.

use std::time::{Duration, Instant};

use crate::store::Revision;

/// Changes that were not for a subscriber, from which on its cursor moves sooner.
const MANY: u64 = 1024;
/// How many times sooner.
const SOONER: u32 = 10;

/// How far a subscriber knows that it has come.
#[derive(Debug)]
pub(super) struct Passing {
    told: Revision,
    since: Instant,
    /// The longest that it is not told of a few changes.
    within: Duration,
}

impl Passing {
    /// Of a subscriber that begins here.
    pub(super) fn behind(told: Revision, within: Duration) -> Self {
        Self { told, since: Instant::now(), within }
    }

    /// The subscriber is being told this cursor.
    pub(super) fn note_told(&mut self, cursor: Revision) {
        self.told = cursor;
    }

    /// What it is being told is on its way.
    pub(super) fn note_sent(&mut self) {
        self.since = Instant::now();
    }

    /// How long until it is to be told that it has come to here; `None` where it knows.
    pub(super) fn due_in(&self, at: Revision) -> Option<Duration> {
        let due = due_after(at.0.saturating_sub(self.told.0), self.within)?;
        Some(due.saturating_sub(self.since.elapsed()))
    }
}

/// How long after its last word a subscriber is told that so many changes have passed it.
fn due_after(passed: u64, within: Duration) -> Option<Duration> {
    match passed {
        0 => None,
        1..MANY => Some(within),
        MANY.. => Some(within / SOONER),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_moves_where_something_has_passed_and_sooner_where_much_has() {
        let (long, soon) = (Duration::from_secs(600), Duration::from_secs(60));
        let table = [
            (0, None),
            (1, Some(long)),
            (1023, Some(long)),
            (1024, Some(soon)),
            (u64::MAX, Some(soon)),
        ];
        for (passed, due) in table {
            assert_eq!(due_after(passed, long), due, "{passed}");
        }
    }

    #[test]
    fn who_was_just_told_is_told_again_only_when_something_has_passed() {
        let mut passing = Passing::behind(Revision(5), Duration::ZERO);
        assert_eq!(passing.due_in(Revision(5)), None);
        assert_eq!(passing.due_in(Revision(6)), Some(Duration::ZERO));
        passing.note_told(Revision(6));
        assert_eq!(passing.due_in(Revision(6)), None);
        let passing = Passing::behind(Revision(5), Duration::from_secs(600));
        assert!(passing.due_in(Revision(6)).unwrap() > Duration::from_secs(500));
    }
}
