//! What sessions cost on which nothing happens.

use std::time::Duration;

use anyhow::Result;

use super::by_hand;
use crate::case::Measure;
use crate::end::DriverJob;
use crate::load::Reading;
use crate::usage::{cpu_time, resident_kib};

/// How long after the last session the listener is looked at.
const SETTLED: Duration = Duration::from_secs(2);

/// Holds so many sessions, and reads the listener's memory, and its CPU time in a window.
pub(super) async fn measure(job: &DriverJob, count: usize, window: Duration) -> Result<Reading> {
    let _first = by_hand::open(job, 1).await?;
    let before_kib = resident_kib(job.listener)?;
    let _idle = by_hand::open(job, count).await?;
    tokio::time::sleep(SETTLED).await;
    let resident_kib = resident_kib(job.listener)?;
    let before = cpu_time(job.listener)?;
    tokio::time::sleep(window).await;
    let cpu = cpu_time(job.listener)? - before;
    let grown_kib = resident_kib.saturating_sub(before_kib);
    Ok(Reading(
        [
            (Measure::KibPerSession, grown_kib as f64 / count as f64),
            (Measure::ResidentMib, resident_kib as f64 / 1024.0),
            (Measure::IdleCpuPercent, 100.0 * cpu.as_secs_f64() / window.as_secs_f64()),
        ]
        .into(),
    ))
}
