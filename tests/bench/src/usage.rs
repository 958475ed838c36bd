//! What a process uses: CPU time and memory, as `/proc` tells them; and where it may run.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The kernel's unit of a process's CPU time (`USER_HZ`, 100 on every Linux that Rust runs on).
const TICK: Duration = Duration::from_millis(10);

/// The CPU time of a process so far: all its threads, those that have ended included; to 10 ms.
pub(crate) fn cpu_time(pid: u32) -> Result<Duration> {
    let path = format!("/proc/{pid}/stat");
    let stat = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    // The name in parentheses may hold anything; utime and stime are the 12th and 13th behind it.
    let (_, behind) = stat.rsplit_once(')').context("a stat line without a name")?;
    let mut fields = behind.split_ascii_whitespace().skip(11);
    let mut ticks = || -> Result<u32> { Ok(fields.next().context("a short stat line")?.parse()?) };
    Ok(TICK * (ticks()? + ticks()?))
}

/// The memory of a process that is in RAM, in KiB.
pub(crate) fn resident_kib(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let rollup = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Rss:")).context("no Rss line")?;
    let kib = line.trim().strip_suffix(" kB").context("an Rss line without its unit")?;
    Ok(kib.parse()?)
}

/// Holds this thread, and those that it starts from now on, to one core: the last that it may use.
pub(crate) fn stay_on_one_core() -> Result<()> {
    let allowed = sched_getaffinity(None)?;
    let core = (0..CpuSet::MAX_CPU).rev().find(|core| allowed.is_set(*core));
    let mut one = CpuSet::new();
    one.set(core.context("no core is allowed")?);
    Ok(sched_setaffinity(None, &one)?)
}
