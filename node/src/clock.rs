//! The wall clock, for records; durations come from `Instant`, which never jumps.

use std::cell::Cell;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long the wall clock is taken to run on as it did: a jump is seen that much later.
const READ_EVERY: Duration = Duration::from_millis(50);

thread_local! {
    /// When this thread last read the wall clock, and what it said.
    static READ: Cell<Option<(Instant, i64)>> = const { Cell::new(None) };
}

/// Microseconds since 1970 UTC.
pub(crate) fn unix_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// Milliseconds since 1970 UTC.
pub(crate) fn unix_ms() -> u64 {
    u64::try_from(unix_us() / 1000).unwrap_or_default()
}

/// The wall clock at a moment that is over, in microseconds since 1970 UTC, as it goes `now`. For
/// what is needed with each request: it reads the wall clock now and then.
pub(crate) fn unix_us_at(moment: Instant, now: Instant) -> i64 {
    let lately = READ.get().filter(|(read, _)| now.saturating_duration_since(*read) < READ_EVERY);
    let (read, unix_us) = lately.unwrap_or_else(|| {
        let fresh = (Instant::now(), unix_us());
        READ.set(Some(fresh));
        fresh
    });
    match moment.checked_duration_since(read) {
        Some(later) => unix_us.saturating_add_unsigned(micros(later)),
        None => unix_us.saturating_sub_unsigned(micros(read - moment)),
    }
}

/// A duration in whole microseconds.
pub(crate) fn micros(duration: Duration) -> u64 {
    duration.as_micros().try_into().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_has_the_time_that_the_wall_clock_had_then() {
        let now = Instant::now();
        let wall = unix_us();
        for back_ms in [0, 1, 49, 51, 60_000] {
            let back = Duration::from_millis(back_ms);
            let told = unix_us_at(now - back, now);
            let off = (wall - told - i64::try_from(back_ms * 1000).unwrap()).abs();
            assert!(off < 1_000_000, "{back:?} ago is {off} us off");
        }
    }

    #[test]
    fn what_was_read_long_ago_is_read_again() {
        let (now, forged) = (Instant::now(), 1_000_000);
        READ.set(Some((now, forged)));
        assert_eq!(unix_us_at(now, now), forged);
        assert_eq!(unix_us_at(now, now + READ_EVERY / 2), forged);
        assert!(unix_us_at(now, now + READ_EVERY) > forged * 1_000);
    }
}
