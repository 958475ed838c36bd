//! When this process started, as the system knows it.

use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::param::clock_ticks_per_second;
use rustix::time::{ClockId, clock_gettime};

/// The start's place among what stands behind the name in `/proc/self/stat` (proc_pid_stat(5)).
const START: usize = 19;

/// Seconds from 1970 to the start of this process; `None` where the system does not tell.
pub(super) fn started() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name is in brackets, and may hold some.
    let (_, behind_name) = stat.rsplit_once(") ")?;
    let ticks: u64 = behind_name.split(' ').nth(START)?.parse().ok()?;
    let started = Duration::from_millis(ticks * 1000 / clock_ticks_per_second().max(1));
    let since_boot = Duration::try_from(clock_gettime(ClockId::Boottime)).ok()?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    Some((now.checked_sub(since_boot)? + started).as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_started_within_the_hour_and_not_in_the_future() {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
        let started = started().unwrap();
        assert!(started < now + 1.0 && started > now - 3600.0, "{started} {now}");
    }
}
