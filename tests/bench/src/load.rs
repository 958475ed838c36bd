//! The load generator that all contenders share, and what it reads.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use hdrhistogram::Histogram;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use tokio::time::sleep_until;

use crate::case::{Measure, Requests};
use crate::usage::cpu_time;

/// The longest time that a histogram tells apart from longer ones.
const LONGEST: Duration = Duration::from_secs(60);

/// A way to ask one request and wait for its answer.
pub(crate) trait Ask: Clone + Send + 'static {
    /// Asks, and checks the answer.
    fn ask(&self) -> impl Future<Output = Result<()>> + Send;
}

/// How much to ask, and of whom.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Load {
    pub(crate) requests: Requests,
    /// The process that answers, whose CPU time is read.
    pub(crate) answering: u32,
}

/// What was measured.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Reading(pub(crate) BTreeMap<Measure, f64>);

/// Times that were taken, shared by those who take them.
#[derive(Debug, Clone)]
pub(crate) struct Times(Arc<Mutex<Histogram<u64>>>);

impl Load {
    /// Asks on each of the sessions, on the runtime that this is polled on, and counts what was
    /// answered in the window.
    pub(crate) async fn run<A: Ask>(
        self,
        sessions: impl IntoIterator<Item = A>,
    ) -> Result<Reading> {
        let Requests { in_flight, body_bytes, warm_up, window, .. } = self.requests;
        let begin = Instant::now() + warm_up;
        let end = begin + window;
        let times = Times::new()?;
        let mut workers = JoinSet::new();
        for ask in sessions {
            for _ in 0..in_flight {
                workers.spawn(work(ask.clone(), times.clone(), begin, end));
            }
        }
        sleep_until(begin.into()).await;
        let before = self.cpu()?;
        sleep_until(end.into()).await;
        let after = self.cpu()?;
        while let Some(worked) = workers.join_next().await {
            worked??;
        }
        let mut reading = times.reading(window);
        let each = |cpu: Duration| cpu.as_secs_f64() * 1e6 / times.count().max(1.0);
        let (asking, answering) = (each(after.0 - before.0), each(after.1 - before.1));
        reading.0.extend([
            (Measure::CpuAskingUs, asking),
            (Measure::CpuAnsweringUs, answering),
            (Measure::CpuUs, asking + answering),
            (Measure::MbPerSecond, times.count() * body_bytes as f64 / 1e6 / window.as_secs_f64()),
        ]);
        Ok(reading)
    }

    /// The CPU time of both ends so far.
    fn cpu(self) -> Result<(Duration, Duration)> {
        Ok((cpu_time(std::process::id())?, cpu_time(self.answering)?))
    }
}

/// Asks again as soon as there is an answer, until the end.
async fn work(ask: impl Ask, times: Times, begin: Instant, end: Instant) -> Result<()> {
    let mut now = Instant::now();
    while now < end {
        let asked = now;
        ask.ask().await?;
        now = Instant::now();
        if now >= begin && now < end {
            times.take(now - asked);
        }
    }
    Ok(())
}

impl Reading {
    /// Two loads that ran at the same time between the same ends, as one: the slower one's times,
    /// and the CPU time of both ends for each request of either.
    pub(crate) fn and(&self, other: &Self) -> Self {
        let both = |measure: &Measure| {
            let (ours, theirs) = (*self.0.get(measure)?, *other.0.get(measure)?);
            let both = match measure {
                Measure::PerSecond | Measure::MbPerSecond => ours + theirs,
                Measure::P50Us | Measure::P99Us => ours.max(theirs),
                // Each has divided the same CPU time by its own requests.
                Measure::CpuUs => 1.0 / (1.0 / ours + 1.0 / theirs),
                _ => return None,
            };
            Some((*measure, both))
        };
        Self(self.0.keys().filter_map(both).collect())
    }
}

impl Times {
    pub(crate) fn new() -> Result<Self> {
        let longest = u64::try_from(LONGEST.as_nanos())?;
        Ok(Self(Arc::new(Mutex::new(Histogram::new_with_max(longest, 3)?))))
    }

    /// Takes one time more.
    pub(crate) fn take(&self, time: Duration) {
        let nanos = time.as_nanos().try_into().unwrap_or(u64::MAX);
        self.lock().saturating_record(nanos);
    }

    /// How often, and how long, when it took so long in all.
    pub(crate) fn reading(&self, in_all: Duration) -> Reading {
        let micros = |quantile| self.lock().value_at_quantile(quantile) as f64 / 1e3;
        Reading(BTreeMap::from([
            (Measure::PerSecond, self.count() / in_all.as_secs_f64()),
            (Measure::P50Us, micros(0.50)),
            (Measure::P99Us, micros(0.99)),
        ]))
    }

    /// The 99th percentile, in microseconds.
    pub(crate) fn p99_us(&self) -> f64 {
        self.lock().value_at_quantile(0.99) as f64 / 1e3
    }

    fn count(&self) -> f64 {
        self.lock().len() as f64
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Histogram<u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
