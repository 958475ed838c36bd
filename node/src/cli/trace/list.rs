//! `bothways trace list`.

use std::collections::BTreeSet;

use bothways::exchange::draw::duration;
use bothways::exchange::{Gap, Tree};
use clap::Args;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::filters::Choice;
use super::source::Source;
use crate::cli::output::Row;
use crate::cli::{Globals, Result};

const EXAMPLES: &str = "\
Examples:
  bothways trace list --last 20
  bothways trace list --code unavailable --from hub.log phone.log
  bothways trace list --slower-than 100ms -o json";

/// How much of a trace's id is enough to find it again, in hexadecimal digits.
const TRACE_DIGITS: usize = 8;

/// List traces, one line each, the newest last
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct List {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    choice: Choice,
}

impl List {
    pub(super) fn run(self, globals: &Globals) -> Result {
        let mut exchanges = self.source.exchanges(globals)?;
        self.choice.narrow(&mut exchanges)?;
        let rows: Vec<_> = exchanges.trees.iter().filter_map(Listed::of).collect();
        Ok(globals.out().list(&rows)?)
    }
}

/// One trace: its first request, and all that it led to in numbers.
#[derive(Debug, Serialize)]
struct Listed {
    started_us: i64,
    trace_id: String,
    asker: String,
    answerer: String,
    method: String,
    code: &'static str,
    duration_us: u64,
    nodes: usize,
    requests: usize,
    /// What is missing, and what does not fit, each once.
    gaps: Vec<&'static str>,
}

impl Listed {
    fn of(tree: &Tree) -> Option<Self> {
        let first = tree.exchanges.first()?;
        let all = || tree.exchanges.iter();
        let nodes: BTreeSet<_> = all().flat_map(|one| [one.asker(), one.answerer()]).collect();
        let gaps: BTreeSet<Gap> = all().flat_map(|one| one.gaps.iter().copied()).collect();
        Some(Self {
            started_us: tree.span_us().0,
            trace_id: tree.trace_id.to_string(),
            asker: first.asker().to_string(),
            answerer: first.answerer().to_string(),
            method: first.method().to_string(),
            code: first.code().as_str(),
            duration_us: first.duration_us(),
            nodes: nodes.len(),
            requests: tree.exchanges.len(),
            gaps: gaps.into_iter().map(Gap::word).collect(),
        })
    }
}

impl Row for Listed {
    const HEADINGS: &'static [&'static str] =
        &["time", "trace", "asks", "method", "code", "took", "nodes", "requests", "missing"];

    fn cells(&self) -> Vec<String> {
        let time = Timestamp::from_microsecond(self.started_us).unwrap_or_default();
        let time = time.to_zoned(TimeZone::system()).strftime("%m-%d %H:%M:%S%.3f").to_string();
        let trace = self.trace_id.chars().take(TRACE_DIGITS).collect();
        vec![
            time,
            trace,
            format!("{} → {}", self.asker, self.answerer),
            self.method.clone(),
            self.code.to_owned(),
            duration(self.duration_us),
            self.nodes.to_string(),
            self.requests.to_string(),
            self.gaps.join(", "),
        ]
    }
}
