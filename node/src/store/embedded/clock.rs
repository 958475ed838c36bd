//! The age of a store, by which it knows what is too old to keep.

use std::time::Instant;

/// How long the store has been open in its life: grows while the process runs, and goes on where
/// the last process left it. No wall clock comes into it, so none can make keys look old.
pub(super) struct Clock {
    before_ms: u64,
    opened: Instant,
}

impl Clock {
    pub(super) fn going_on(before_ms: u64) -> Self {
        Self { before_ms, opened: Instant::now() }
    }

    pub(super) fn age_ms(&self) -> u64 {
        let now = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.before_ms.saturating_add(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_never_younger_than_it_was_when_it_was_closed() {
        let clock = Clock::going_on(5_000);
        let first = clock.age_ms();
        assert!(first >= 5_000);
        assert!(clock.age_ms() >= first);
        assert_eq!(Clock::going_on(u64::MAX).age_ms(), u64::MAX);
    }
}
