//! From nothing to the first response.

use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::task::JoinSet;

use super::{Mode, connected};
use crate::contender::BETWEEN_STARTS;
use crate::end::{DRIVER, DriverJob};
use crate::load::{Reading, Times};

/// Starts so many nodes, one after the other, and takes the time to the first response of each.
pub(super) async fn measure(job: &DriverJob, mode: Mode, count: usize) -> Result<Reading> {
    let (times, mut in_all) = (Times::new()?, Duration::ZERO);
    let mut stopping = JoinSet::new();
    for nth in 0..count {
        let draft = mode.draft(job, &format!("{DRIVER}-{nth}"))?;
        let began = Instant::now();
        let node = connected(draft).await?;
        let took = began.elapsed();
        times.take(took);
        in_all += took;
        stopping.spawn(async move { node.stop().await });
        tokio::time::sleep(BETWEEN_STARTS).await;
    }
    stopping.join_all().await;
    Ok(times.reading(in_all))
}
