//! What is measured, and what bothways is to reach in it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::contender::Contender;

/// How many bytes the params and the result of a request hold.
pub(crate) const BODY_BYTES: usize = 64;

/// One case: the same work for each of its contenders.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) work: Work,
    pub(crate) cores: Cores,
    /// The first one is what the others are measured by.
    pub(crate) contenders: &'static [Contender],
    /// What is shown of the readings, and what bothways is to reach.
    pub(crate) rows: Vec<Row>,
}

/// What the driver does.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) enum Work {
    /// Asks over one session for so long, with so many requests in flight.
    Requests { in_flight: usize, warm_up: Duration, window: Duration },
    /// Starts, connects and asks once, so many times, one after the other.
    Connects { count: usize },
    /// Holds so many sessions on which nothing happens.
    IdleSessions { count: usize },
}

/// Where the two ends may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Cores {
    /// Wherever the system puts them.
    Free,
    /// Both on one core.
    One,
}

/// One kind of figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Measure {
    PerSecond,
    P50Us,
    P99Us,
    /// CPU time of both ends for one request.
    CpuUs,
    CpuAskingUs,
    CpuAnsweringUs,
    KibPerSession,
}

/// One line of the report.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub(crate) measure: Measure,
    /// What bothways is to reach.
    pub(crate) goal: Option<Goal>,
}

/// A bound on the ratio to the first contender, where it does not say otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Goal {
    AtLeast(f64),
    AtMost(f64),
    /// A bound on the figure itself.
    NoMoreThan(f64),
}

impl Case {
    /// Every case, in the order of the report; quick ones take shorter windows.
    pub(crate) fn all(quick: bool) -> Vec<Self> {
        let requests = |in_flight| Work::Requests {
            in_flight,
            warm_up: Duration::from_millis(if quick { 300 } else { 1_000 }),
            window: Duration::from_millis(if quick { 1_200 } else { 4_000 }),
        };
        // Below the rate of Initials at which a node asks for a Retry, whatever the machine.
        let connects = Work::Connects { count: if quick { 50 } else { 150 } };
        let sessions = Work::IdleSessions { count: if quick { 200 } else { 500 } };
        let three = &[Contender::Quinn, Contender::Bothways, Contender::BothwaysOutside];
        let two = &[Contender::Quinn, Contender::Bothways];
        use Goal::{AtLeast, AtMost, NoMoreThan};
        use Measure::{CpuUs, KibPerSession, P50Us, P99Us, PerSecond};
        vec![
            Self::new("64 in flight", requests(64), Cores::Free, three)
                .row(PerSecond, AtLeast(0.90))
                .row(P99Us, AtMost(1.2))
                .shown(CpuUs),
            Self::new("64 in flight, one core", requests(64), Cores::One, three)
                .shown(PerSecond)
                .row(CpuUs, AtMost(1.15)),
            Self::new("1 in flight", requests(1), Cores::Free, three).shown(P50Us).shown(P99Us),
            Self::new("1 in flight, one core", requests(1), Cores::One, three)
                .row(P50Us, AtMost(1.10))
                .shown(CpuUs),
            Self::new("start to first response", connects, Cores::Free, two)
                .row(P50Us, AtMost(1.25))
                .shown(PerSecond),
            Self::new("idle sessions", sessions, Cores::Free, two)
                .row(KibPerSession, NoMoreThan(44.0)),
        ]
    }

    fn new(name: &'static str, work: Work, cores: Cores, contenders: &'static [Contender]) -> Self {
        Self { name, work, cores, contenders, rows: Vec::new() }
    }

    fn row(mut self, measure: Measure, goal: Goal) -> Self {
        self.rows.push(Row { measure, goal: Some(goal) });
        self
    }

    fn shown(mut self, measure: Measure) -> Self {
        self.rows.push(Row { measure, goal: None });
        self
    }
}

impl Measure {
    /// The measure's words, unit included.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::PerSecond => "per second",
            Self::P50Us => "p50, µs",
            Self::P99Us => "p99, µs",
            Self::CpuUs => "CPU of both ends, µs",
            Self::CpuAskingUs => "CPU of the asking end, µs",
            Self::CpuAnsweringUs => "CPU of the answering end, µs",
            Self::KibPerSession => "KiB each, at the listener",
        }
    }
}

impl Goal {
    pub(crate) fn is_reached_by(self, figure: f64, ratio: f64) -> bool {
        match self {
            Self::AtLeast(bound) => ratio >= bound,
            Self::AtMost(bound) => ratio <= bound,
            Self::NoMoreThan(bound) => figure <= bound,
        }
    }
}

impl std::fmt::Display for Goal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AtLeast(bound) => write!(f, "≥ {bound:.2}"),
            Self::AtMost(bound) => write!(f, "≤ {bound:.2}"),
            Self::NoMoreThan(bound) => write!(f, "no more than {bound}"),
        }
    }
}
