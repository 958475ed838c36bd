//! Many nodes' records become trees of exchanges: a pure function.
//!
//! Nothing recurses and nothing is quadratic: n records, whatever they say, take O(n log n) time
//! and O(n) memory.

mod clocks;
mod filter;
mod order;
mod pair;
#[cfg(test)]
mod tests;
mod tree;
#[cfg(test)]
mod world;

use std::collections::BTreeSet;
use std::fmt;

use bothways_protocol::{NodeName, TraceId};

use super::record::{Direction, MethodText, Outcome, Record};
use clocks::Clocks;
use pair::Paired;

pub use clocks::Clock;
pub use filter::Filter;
pub use pair::Ends;

/// What the records of many nodes tell together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Exchanges {
    /// One tree for each trace, in the order in which they began.
    pub trees: Vec<Tree>,
    /// The clock of each node that wrote a record or is named in one, in the order of names.
    pub clocks: Vec<Clock>,
    /// The nodes that records name and that wrote none of them, in the order of names.
    pub absent: Vec<NodeName>,
    /// How many records were there more than once, and were folded.
    pub duplicates: u64,
    /// How many records of subscriptions were folded into a later one of the same end.
    pub earlier: u64,
}

/// All exchanges of one trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    /// The trace's id.
    pub trace_id: TraceId,
    /// The exchanges: each parent stands before its children, and its descendants follow it.
    pub exchanges: Vec<Exchange>,
    /// What happened, in the order of cause.
    pub steps: Vec<Step>,
}

impl Tree {
    /// When the first and the last step happened, in microseconds since 1970 by the reference
    /// clock.
    #[must_use]
    pub fn span_us(&self) -> (i64, i64) {
        let at = |step: Option<&Step>| step.map_or(0, |step| step.at_us);
        (at(self.steps.first()), at(self.steps.last()))
    }
}

/// One request as its two ends saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// The records of its ends.
    pub ends: Ends,
    /// The exchange that caused this one, as an index into its tree.
    pub parent: Option<usize>,
    /// How many exchanges stand above it in the tree.
    pub depth: usize,
    /// The attempt before this one, as an index into its tree.
    pub retry_of: Option<usize>,
    /// When its events happened.
    pub times: Times,
    /// What is missing, and what does not fit.
    pub gaps: Vec<Gap>,
}

impl Exchange {
    /// The node that asked.
    #[must_use]
    pub fn asker(&self) -> &NodeName {
        self.ends.first().asker()
    }

    /// The node that was asked.
    #[must_use]
    pub fn answerer(&self) -> &NodeName {
        self.ends.first().answerer()
    }

    /// What was asked for, by the record of the end that knows better.
    #[must_use]
    pub fn method(&self) -> &MethodText {
        &self.ends.first().method
    }

    /// How it ended for the node that asked, or, where that is not known, for the other.
    #[must_use]
    pub fn code(&self) -> Outcome {
        self.ends.first().code
    }

    /// How long it took at that same end, in microseconds.
    #[must_use]
    pub fn duration_us(&self) -> u64 {
        self.ends.first().duration_us
    }
}

/// When the events of an exchange happened, in microseconds since 1970 by the reference clock;
/// moved where the clocks contradict the order of cause. `None` where no record tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Times {
    /// The request was sent.
    pub sent: Option<i64>,
    /// The request was received.
    pub received: Option<i64>,
    /// The response was sent.
    pub answered: Option<i64>,
    /// The response was received, or no longer waited for.
    pub seen: Option<i64>,
}

/// One thing that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// To which exchange, as an index into its tree.
    pub exchange: usize,
    /// What.
    pub event: Event,
    /// When, as in [`Times`].
    pub at_us: i64,
}

/// What can happen to an exchange, in the order of cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Event {
    /// The request was sent.
    Sent,
    /// The request was received.
    Received,
    /// The response was sent.
    Answered,
    /// The response was received, or no longer waited for.
    Seen,
}

impl Event {
    /// All four, in the order of cause.
    pub const ALL: [Self; 4] = [Self::Sent, Self::Received, Self::Answered, Self::Seen];

    /// The event as one word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Received => "received",
            Self::Answered => "answered",
            Self::Seen => "seen",
        }
    }

    /// The end at which it happens.
    #[must_use]
    pub fn end(self) -> Direction {
        match self {
            Self::Sent | Self::Seen => Direction::Out,
            Self::Received | Self::Answered => Direction::In,
        }
    }
}

/// What is missing of an exchange, or does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gap {
    /// No byte left: the asking node refused it itself, or found no way to the other.
    NotSent,
    /// The request left, and the node asked, whose records are here, has none of it.
    NeverReceived,
    /// The request left, nothing came back, and the records of the node asked are not here.
    Unanswered,
    /// The response left, and the node that asked did not get it.
    ResponseLost,
    /// A response came back, and there is no record of the node that gave it.
    AnswererMissing,
    /// The request came in, and there is no record of the node that sent it.
    AskerMissing,
    /// It names a parent of which there is no record.
    ParentMissing,
    /// It names a parent that says to be caused by it.
    Circular,
}

impl Gap {
    /// The gap in words for people.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotSent => "never sent",
            Self::NeverReceived => "sent, never received",
            Self::Unanswered => "sent, no response, and no log of the node asked",
            Self::ResponseLost => "answered, response lost",
            Self::AnswererMissing => "answered by a node whose record is missing",
            Self::AskerMissing => "received from a node whose record is missing",
            Self::ParentMissing => "caused by a request whose record is missing",
            Self::Circular => "its causes form a circle",
        }
    }

    /// The gap as one word for programs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::NotSent => "not_sent",
            Self::NeverReceived => "never_received",
            Self::Unanswered => "unanswered",
            Self::ResponseLost => "response_lost",
            Self::AnswererMissing => "answerer_missing",
            Self::AskerMissing => "asker_missing",
            Self::ParentMissing => "parent_missing",
            Self::Circular => "circular",
        }
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Pairs the two ends of each request, estimates the nodes' clocks from the pairs, and orders all
/// by cause. The order of the records does not matter; the same record given twice counts once.
#[must_use]
pub fn merge(records: Vec<Record>) -> Exchanges {
    let (wrote, absent) = nodes(&records);
    let Paired { legs, duplicates, earlier } = pair::pair(records);
    let clocks = Clocks::estimate(&legs);
    let mut trees = tree::grow(legs, &clocks, &wrote);
    for tree in &mut trees {
        order::arrange(tree, &clocks);
    }
    trees.sort_by_key(|tree| (tree.span_us(), tree.trace_id));
    Exchanges { trees, clocks: clocks.into_list(), absent, duplicates, earlier }
}

/// The nodes that wrote records, and those that are only named in them.
fn nodes(records: &[Record]) -> (BTreeSet<NodeName>, Vec<NodeName>) {
    let wrote: BTreeSet<_> = records.iter().map(|record| record.node.clone()).collect();
    let named: BTreeSet<_> = records.iter().map(|record| &record.peer).collect();
    let absent = named.into_iter().filter(|name| !wrote.contains(*name)).cloned().collect();
    (wrote, absent)
}
