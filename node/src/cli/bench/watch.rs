//! What is watched while a bench runs: how far it is, for the person at the terminal, and the CPU
//! time of both ends.

use std::time::{Duration, Instant};

use bothways::bench::{Load, Meter, Progress};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::cpu::{TICK, cpu_time};
use super::numbers::{grouped, rate};

/// CPU times below this are too coarse to tell what one request takes.
const CPU_MIN: Duration = TICK.saturating_mul(20);

/// How long there is no answer before that is said instead of a rate.
const SILENT: Duration = Duration::from_secs(2);

/// Watches one bench.
#[derive(Debug)]
pub(in crate::cli) struct Watch {
    /// On standard error; it is silent where that is no terminal.
    bar: ProgressBar,
    warm_up: Duration,
    count: Option<u64>,
    begun: Instant,
    last: (Instant, Progress),
    /// When there were new answers for the last time.
    answered: Instant,
    /// This process and, where it is known, the peer's.
    processes: [Option<u32>; 2],
    /// What each of them had used when the load began, and when it ended.
    used: [[Option<Duration>; 2]; 2],
}

/// The CPU time that one request takes, in microseconds; nothing where that is not known.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(in crate::cli) struct Cpu {
    pub(super) here_us: Option<f64>,
    pub(super) at_peer_us: Option<f64>,
}

impl Watch {
    pub(super) fn of(load: &Load, peer: Option<u32>) -> Self {
        let time = load.duration.map(|duration| load.warm_up + duration);
        let length = load.count.or_else(|| time.map(millis));
        let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {percent:>3} %  {msg}") {
            bar.set_style(style);
        }
        Self {
            bar,
            warm_up: load.warm_up,
            count: load.count,
            begun: Instant::now(),
            last: (Instant::now(), Progress::default()),
            answered: Instant::now(),
            processes: [Some(std::process::id()), peer],
            used: Default::default(),
        }
    }

    /// The load begins.
    pub(in crate::cli) fn begin(&mut self) {
        self.begun = Instant::now();
        self.last.0 = self.begun;
        self.answered = self.begun;
        self.used[0] = self.used_now();
    }

    /// Looks how far it is.
    pub(in crate::cli) fn look(&mut self, meter: &Meter) {
        let (now, progress) = (Instant::now(), meter.progress());
        let of = |progress: Progress| progress.answered + progress.warmed_up;
        let new = of(progress).saturating_sub(of(self.last.1));
        let since = now - self.last.0;
        self.last = (now, progress);
        if new > 0 {
            self.answered = now;
        }
        let elapsed = now - self.begun;
        match self.count {
            Some(_) => self.bar.set_position(progress.answered + progress.failed),
            None => self.bar.set_position(millis(elapsed)),
        }
        let mut told = match now - self.answered {
            silent if silent >= SILENT => format!("no answer for {} s", silent.as_secs()),
            _ => format!("{} requests/s", rate(per_s(new, since))),
        };
        if progress.failed > 0 {
            told += &format!(", {} failed", grouped(progress.failed));
        }
        if elapsed < self.warm_up {
            told += ", warming up";
        }
        self.bar.set_message(told);
    }

    /// The load has ended: the terminal is as it was.
    pub(in crate::cli) fn end(&mut self) {
        self.used[1] = self.used_now();
        self.bar.finish_and_clear();
    }

    /// What the CPU time of both ends comes to for each of all requests, those of the peer
    /// included.
    pub(super) fn cpu(&self, requests: u64) -> Cpu {
        let [before, after] = self.used;
        #[allow(clippy::cast_precision_loss, reason = "it is shown with a few digits")]
        let each = |end: usize| {
            let took = after[end]?.checked_sub(before[end]?)?;
            let each_us = took.as_secs_f64() * 1e6 / requests as f64;
            (took >= CPU_MIN && requests > 0).then(|| (each_us * 10.0).round() / 10.0)
        };
        Cpu { here_us: each(0), at_peer_us: each(1) }
    }

    fn used_now(&self) -> [Option<Duration>; 2] {
        self.processes.map(|process| process.and_then(cpu_time))
    }
}

#[allow(clippy::cast_precision_loss, reason = "it is shown with a few digits")]
fn per_s(number: u64, time: Duration) -> f64 {
    number as f64 / time.as_secs_f64().max(0.001)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
