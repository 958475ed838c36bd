//! How long to wait before spans are sent again.

use std::time::Duration;

/// The first wait; each is twice the one before.
const FIRST: Duration = Duration::from_millis(500);
/// The longest.
const LONGEST: Duration = Duration::from_secs(30);

/// The waits of one batch.
#[derive(Debug, Default)]
pub(super) struct Retry {
    failures: u32,
}

impl Retry {
    /// Another batch: it has not failed yet.
    pub(super) fn begin(&mut self) {
        self.failures = 0;
    }

    /// The next wait: what the receiver asks for, up to the longest, or else at random between half
    /// of a time that doubles and all of it. `random` is from 0 to 1.
    pub(super) fn wait(&mut self, asked: Option<Duration>, random: f64) -> Duration {
        let longest = FIRST.saturating_mul(1 << self.failures.min(16)).min(LONGEST);
        self.failures += 1;
        match asked {
            Some(asked) => asked.min(LONGEST),
            None => longest.mul_f64(0.5 + random / 2.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wait_is_twice_the_one_before_up_to_the_longest() {
        let mut retry = Retry::default();
        let waits: Vec<_> = (0..9).map(|_| retry.wait(None, 1.0).as_millis()).collect();
        assert_eq!(waits, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
        retry.begin();
        assert_eq!(retry.wait(None, 0.0).as_millis(), 250);
        assert_eq!(retry.wait(Some(Duration::from_secs(7)), 0.0).as_secs(), 7);
        assert_eq!(retry.wait(Some(Duration::from_hours(7)), 0.0), LONGEST);
    }
}
