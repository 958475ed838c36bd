//! What is said in the log of peers that misbehave: not more than so much in a second, however much
//! they do.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lines about one kind of trouble in one second.
const LINES_PER_SECOND: u32 = 10;

/// Counts the lines about one kind of trouble.
#[derive(Debug, Default)]
pub(crate) struct Complaints(Mutex<Second>);

/// A line that may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line {
    /// How many were not since the last one, where it was some.
    pub(crate) left_out: Option<u64>,
}

#[derive(Debug, Default)]
struct Second {
    began: Option<Instant>,
    lines: u32,
    left_out: u64,
}

impl Complaints {
    /// Whether a line may be written now.
    pub(crate) fn may_speak(&self, now: Instant) -> Option<Line> {
        let mut second = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let over = |began| now.saturating_duration_since(began) >= Duration::from_secs(1);
        if second.began.is_none_or(over) {
            (second.began, second.lines) = (Some(now), 0);
        }
        if second.lines >= LINES_PER_SECOND {
            second.left_out += 1;
            return None;
        }
        second.lines += 1;
        let left_out = std::mem::take(&mut second.left_out);
        Some(Line { left_out: (left_out > 0).then_some(left_out) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_leaves_few_lines_and_tells_how_many_are_missing() {
        let (complaints, now) = (Complaints::default(), Instant::now());
        for _ in 0..LINES_PER_SECOND {
            assert_eq!(complaints.may_speak(now), Some(Line { left_out: None }));
        }
        for _ in 0..1_000 {
            assert_eq!(complaints.may_speak(now), None);
        }
        let later = now + Duration::from_secs(1);
        assert_eq!(complaints.may_speak(later), Some(Line { left_out: Some(1_000) }));
        assert_eq!(complaints.may_speak(later), Some(Line { left_out: None }));
    }
}
