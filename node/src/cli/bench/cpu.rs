//! The CPU time of processes on this machine.

use std::fs;
use std::time::Duration;

/// The kernel's unit of a process's CPU time (`USER_HZ`, 100 on every Linux that Rust runs on).
pub(super) const TICK: Duration = Duration::from_millis(10);

/// The CPU time of a process so far, of all its threads, to 10 ms; nothing where the system does
/// not tell.
pub(super) fn cpu_time(pid: u32) -> Option<Duration> {
    of_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The two fields of `/proc/PID/stat` (proc_pid_stat(5)): utime and stime, the 12th and 13th
/// behind the name in parentheses, which may hold anything.
fn of_stat(stat: &str) -> Option<Duration> {
    let (_, behind) = stat.rsplit_once(')')?;
    let mut fields = behind.split_ascii_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u32>().ok();
    Some(TICK * ticks()?.checked_add(ticks()?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_process_may_hold_anything() {
        let stat = "7 (a ) 1 2) S 1 7 7 0 -1 4194560 1 0 0 0 250 50 0 0 20 0 3 0 99";
        assert_eq!(of_stat(stat), Some(Duration::from_secs(3)));
        for bad in ["", "7 (a) S 1", "7 (a) S 1 7 7 0 -1 4194560 1 0 0 0 x 50"] {
            assert_eq!(of_stat(bad), None, "{bad}");
        }
    }
}
