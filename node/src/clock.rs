//! The wall clock, for records; durations come from `Instant`, which never jumps.

use std::time::{SystemTime, UNIX_EPOCH};

/// Microseconds since 1970 UTC.
pub(crate) fn unix_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// Milliseconds since 1970 UTC.
pub(crate) fn unix_ms() -> u64 {
    u64::try_from(unix_us() / 1000).unwrap_or_default()
}
