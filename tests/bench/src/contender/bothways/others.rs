//! Somebody who asks now and then, on a thread and a connection of its own.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::time::{interval, sleep};

use super::by_hand;
use super::crowd::Asker;
use crate::cases::BODY_BYTES;
use crate::end::{DriverJob, one_thread};
use crate::load::{Ask, Times};

/// How often it asks, where it has its answer by then.
const EVERY: Duration = Duration::from_millis(2);

/// Asks in a window that begins later, and gives the p99, in microseconds.
pub(super) async fn p99_us(
    who: &'static str,
    job: DriverJob,
    (warm_up, window): (Duration, Duration),
) -> Result<f64> {
    let asking = move || one_thread()?.block_on(ask(who, &job, (warm_up, window)));
    tokio::task::spawn_blocking(asking).await?
}

async fn ask(who: &str, job: &DriverJob, (warm_up, window): (Duration, Duration)) -> Result<f64> {
    let sessions = by_hand::open_as(who, job, 1).await?;
    let asker = Asker::of(sessions.first().context("no session")?, BODY_BYTES)?;
    asker.ask().await?;
    sleep(warm_up).await;
    let (times, end) = (Times::new()?, Instant::now() + window);
    let mut next = interval(EVERY);
    next.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while Instant::now() < end {
        next.tick().await;
        let asked = Instant::now();
        asker.ask().await?;
        times.take(asked.elapsed());
    }
    Ok(times.p99_us())
}
