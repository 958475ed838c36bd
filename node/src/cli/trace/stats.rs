//! `bothways trace stats`.

use bothways::exchange::draw::duration;
use bothways::exchange::{Spread, Stat, stats};
use clap::Args;
use serde::Serialize;

use super::filters::Choice;
use super::source::Source;
use crate::cli::output::Row;
use crate::cli::{Globals, Result};

const EXAMPLES: &str = "\
Examples:
  bothways trace stats
  bothways trace stats --from hub.log phone.log --method people.create
  bothways trace stats --from data -o json

P50, P99 and MAX are what the node that asked saw; WORK is the time at the node asked, and WAY
what was left for the way there and back, where the records of both ends are there. EVENTS are those
that came of subscriptions, which last until they end: P50 is how long they lived until now.";

/// Count requests by method and by who asks whom, and tell how long they took
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Stats {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    choice: Choice,
}

impl Stats {
    pub(super) fn run(self, globals: &Globals) -> Result {
        let mut exchanges = self.source.exchanges(globals)?;
        let filter = self.choice.narrow(&mut exchanges)?;
        let rows: Vec<_> = stats(&exchanges, &filter).iter().map(Counted::of).collect();
        Ok(globals.out().list(&rows)?)
    }
}

#[derive(Debug, Serialize)]
pub(super) struct Counted {
    asker: String,
    answerer: String,
    method: String,
    requests: u64,
    errors: u64,
    lost: u64,
    events: u64,
    asked: Option<Times>,
    answered: Option<Times>,
    way: Option<Times>,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct Times {
    p50_us: u64,
    p99_us: u64,
    max_us: u64,
}

impl Counted {
    pub(super) fn of(stat: &Stat) -> Self {
        let times = |Spread { p50_us, p99_us, max_us }| Times { p50_us, p99_us, max_us };
        Self {
            asker: stat.asker.to_string(),
            answerer: stat.answerer.to_string(),
            method: stat.method.to_string(),
            requests: stat.requests,
            errors: stat.errors,
            lost: stat.lost,
            events: stat.events,
            asked: stat.asked.map(times),
            answered: stat.answered.map(times),
            way: stat.way.map(times),
        }
    }
}

impl Row for Counted {
    const HEADINGS: &'static [&'static str] = &[
        "asks", "method", "requests", "errors", "lost", "events", "p50", "p99", "max", "work p50",
        "work p99", "way p50", "way p99",
    ];

    fn cells(&self) -> Vec<String> {
        let shown = |times: Option<Times>, of: fn(Times) -> u64| {
            times.map_or_else(|| "–".to_owned(), |times| duration(of(times)))
        };
        vec![
            format!("{} → {}", self.asker, self.answerer),
            self.method.clone(),
            self.requests.to_string(),
            self.errors.to_string(),
            self.lost.to_string(),
            self.events.to_string(),
            shown(self.asked, |times| times.p50_us),
            shown(self.asked, |times| times.p99_us),
            shown(self.asked, |times| times.max_us),
            shown(self.answered, |times| times.p50_us),
            shown(self.answered, |times| times.p99_us),
            shown(self.way, |times| times.p50_us),
            shown(self.way, |times| times.p99_us),
        ]
    }
}
