//! What a case is: the work, where it runs, who takes part, and what is to be reached in it.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::contender::Contender;

/// One case: the same work for each of its contenders.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) work: Work,
    pub(crate) cores: Cores,
    /// How much a link loses each way that takes 20 ms each way; without one, loopback it is.
    pub(crate) loss_percent: Option<u8>,
    /// In how many rounds it is measured at the most.
    pub(crate) rounds_max: u32,
    /// What is shown of the readings; whoever stands in a row takes part.
    pub(crate) rows: Vec<Row>,
}

/// What the driver does.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) enum Work {
    /// Asks for a while, and asks again as soon as there is an answer.
    Requests(Requests),
    /// Starts, connects and asks once, so many times, one after the other.
    Starts { count: usize },
    /// Holds so many sessions on which nothing happens, for so long.
    IdleSessions { count: usize, window: Duration },
    /// Has changes told to many, and asks for the next as soon as fewer than so many are outstanding.
    FanOut(FanOut),
}

/// How much is asked, and for how long.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Requests {
    /// Over how many sessions; several are asked from outside, whatever the contender.
    pub(crate) sessions: usize,
    /// How many requests are in flight on each session.
    pub(crate) in_flight: usize,
    /// The size of the params of each, and of its result.
    pub(crate) body_bytes: usize,
    /// The time before the window: asked as in it, and not counted.
    pub(crate) warm_up: Duration,
    pub(crate) window: Duration,
}

/// How many are told of each change, and for how long.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct FanOut {
    /// Each over a connection of its own.
    pub(crate) subscribers: usize,
    /// How many changes at the most were asked for, and are not told to all yet.
    pub(crate) outstanding: usize,
    /// The time before the window: as in it, and not counted.
    pub(crate) warm_up: Duration,
    pub(crate) window: Duration,
    /// Whether somebody else asks meanwhile, and how long that takes is measured.
    pub(crate) others: bool,
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
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Measure {
    PerSecond,
    /// Params, or results, in a second; each way the same.
    MbPerSecond,
    P50Us,
    P99Us,
    /// CPU time of both ends for one request.
    CpuUs,
    CpuAskingUs,
    CpuAnsweringUs,
    /// Lines that the log's queue had no room for, at both ends.
    DroppedPercent,
    KibPerSession,
    ResidentMib,
    /// Of one core.
    IdleCpuPercent,
    /// Of somebody who asks while others are told, and before that.
    OthersP99Us,
    OthersIdleP99Us,
    /// The first of these two by the second.
    OthersP99Times,
    /// Events that a subscriber was not told.
    Missed,
    /// By how much the listener's memory grew from before the subscriptions.
    KibPerSubscriber,
}

/// One line of the report.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub(crate) contender: Contender,
    pub(crate) measure: Measure,
    pub(crate) goal: Goal,
}

/// What a figure is to reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Goal {
    /// So many times the figure of another, or more.
    AtLeast(f64, Contender),
    /// So many times the figure of another, or less.
    AtMost(f64, Contender),
    /// So much, or more.
    NoLessThan(f64),
    /// So much, or less.
    NoMoreThan(f64),
    /// Nothing: it is shown beside another.
    Beside(Contender),
    /// Nothing: it is shown.
    Shown,
}

impl Case {
    pub(crate) fn new(name: &'static str, work: Work) -> Self {
        let (cores, loss_percent, rounds_max) = (Cores::Free, None, u32::MAX);
        Self { name, work, cores, loss_percent, rounds_max, rows: Vec::new() }
    }

    /// Holds both ends to one core.
    pub(crate) fn on_one_core(self) -> Self {
        Self { cores: Cores::One, ..self }
    }

    /// Puts a link between the ends that loses so much each way.
    pub(crate) fn with_loss(self, percent: u8) -> Self {
        Self { loss_percent: Some(percent), ..self }
    }

    /// Is measured in so many rounds at the most.
    pub(crate) fn rounds(self, rounds_max: u32) -> Self {
        Self { rounds_max, ..self }
    }

    pub(crate) fn row(mut self, contender: Contender, measure: Measure, goal: Goal) -> Self {
        self.rows.push(Row { contender, measure, goal });
        self
    }

    /// Who takes part, each of them once, in the order of the rows.
    pub(crate) fn contenders(&self) -> Vec<Contender> {
        let mut contenders = Vec::new();
        for row in &self.rows {
            for contender in row.goal.beside().into_iter().chain([row.contender]) {
                if !contenders.contains(&contender) {
                    contenders.push(contender);
                }
            }
        }
        contenders
    }
}

impl Measure {
    /// The measure's words, unit included.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::PerSecond => "per second",
            Self::MbPerSecond => "MB/s each way",
            Self::P50Us => "p50, µs",
            Self::P99Us => "p99, µs",
            Self::CpuUs => "CPU of both ends, µs",
            Self::CpuAskingUs => "CPU of the asking end, µs",
            Self::CpuAnsweringUs => "CPU of the answering end, µs",
            Self::DroppedPercent => "log lines dropped, %",
            Self::KibPerSession => "KiB each, at the listener",
            Self::ResidentMib => "MiB in all, at the listener",
            Self::IdleCpuPercent => "listener's CPU, % of a core",
            Self::OthersP99Us => "p99 of others meanwhile, µs",
            Self::OthersIdleP99Us => "p99 of others before, µs",
            Self::OthersP99Times => "p99 of others, times that before",
            Self::Missed => "events that somebody missed",
            Self::KibPerSubscriber => "KiB each, at the listener, for its subscription",
        }
    }
}

impl Goal {
    /// Whose figure it is measured by.
    pub(crate) fn beside(self) -> Option<Contender> {
        match self {
            Self::AtLeast(_, beside) | Self::AtMost(_, beside) | Self::Beside(beside) => {
                Some(beside)
            }
            Self::NoLessThan(_) | Self::NoMoreThan(_) | Self::Shown => None,
        }
    }

    /// Whether it is reached; `None` where there is nothing to reach.
    pub(crate) fn is_reached_by(self, figure: f64, ratio: Option<f64>) -> Option<bool> {
        match self {
            Self::AtLeast(bound, _) => Some(ratio? >= bound),
            Self::AtMost(bound, _) => Some(ratio? <= bound),
            Self::NoLessThan(bound) => Some(figure >= bound),
            Self::NoMoreThan(bound) => Some(figure <= bound),
            Self::Beside(_) | Self::Shown => None,
        }
    }
}

impl std::fmt::Display for Goal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AtLeast(bound, _) => write!(f, "≥ {bound:.2}"),
            Self::AtMost(bound, _) => write!(f, "≤ {bound:.2}"),
            Self::NoLessThan(bound) => write!(f, "no less than {bound}"),
            Self::NoMoreThan(bound) => write!(f, "no more than {bound}"),
            Self::Beside(_) | Self::Shown => Ok(()),
        }
    }
}
