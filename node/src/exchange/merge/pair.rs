//! Pairs the two ends of each request.

use std::cmp::Ordering;

use bothways_protocol::Code;

use super::super::record::{Direction, Outcome, Record};

/// The records of one request: at least one, at most one of each end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ends {
    /// The asking end's record where there is one, else the answering end's.
    first: Record,
    /// The answering end's record, where `first` is the asking end's.
    second: Option<Record>,
}

impl Ends {
    /// The record that tells most: of the asking end where there is one, else of the answering.
    #[must_use]
    pub fn first(&self) -> &Record {
        &self.first
    }

    /// The record of the end that asked.
    #[must_use]
    pub fn asked(&self) -> Option<&Record> {
        (self.first.dir == Direction::Out).then_some(&self.first)
    }

    /// The record of the end that answered.
    #[must_use]
    pub fn answered(&self) -> Option<&Record> {
        if self.first.dir == Direction::In { Some(&self.first) } else { self.second.as_ref() }
    }

    /// The record of one end.
    #[must_use]
    pub fn at(&self, end: Direction) -> Option<&Record> {
        match end {
            Direction::Out => self.asked(),
            Direction::In => self.answered(),
        }
    }

    /// Whether it is a subscription, as far as one of its ends tells: it delivers events for as long
    /// as it lives, and its ends may tell of it at different times.
    #[must_use]
    pub fn is_subscription(&self) -> bool {
        self.events().is_some()
    }

    /// How many events of a subscription have come, by the record of the node that asked; where
    /// there is none, how many the other one has told.
    #[must_use]
    pub fn events(&self) -> Option<u64> {
        self.first.events.or_else(|| self.second.as_ref()?.events)
    }

    /// How many events the node that was asked has told beyond those that have come: they are on
    /// the way, or lost.
    #[must_use]
    pub fn events_behind(&self) -> u64 {
        let told = self.second.as_ref().and_then(|answered| answered.events);
        told.unwrap_or(0).saturating_sub(self.first.events.unwrap_or(0))
    }

    /// Whether the node that asked got a response.
    #[must_use]
    pub fn response_seen(&self) -> bool {
        self.asked().is_some_and(|asked| asked.received_bytes > 0) && !self.response_lost()
    }

    /// Whether a response left, and the node that asked did not get it: nothing came, or it ended
    /// the wait itself and tells another end than the node that answered.
    #[must_use]
    pub fn response_lost(&self) -> bool {
        let (Some(asked), Some(answered)) = (self.asked(), self.answered()) else { return false };
        let gave_up = asked.code != answered.code
            && matches!(
                asked.code,
                Outcome::Failed(Code::Cancelled | Code::DeadlineExceeded | Code::Unavailable)
            );
        answered.sent_bytes > 0 && (asked.received_bytes == 0 || gave_up)
    }
}

/// What becomes of records.
pub(super) struct Paired {
    pub(super) legs: Vec<Ends>,
    /// How many records were there more than once.
    pub(super) duplicates: u64,
    /// How many of a subscription's were folded into a later one.
    pub(super) earlier: u64,
}

/// Pairs records by trace, span and both names; where one span was used again between the same two
/// nodes, in the order of time.
pub(super) fn pair(mut records: Vec<Record>) -> Paired {
    records.sort_unstable_by(|a, b| by_leg(a, b).then_with(|| by_time(a, b)));
    let given = records.len();
    records.dedup();
    let duplicates = given - records.len();

    let (mut legs, mut earlier) = (Vec::with_capacity(records.len()), 0);
    let mut records = records.into_iter().peekable();
    while let Some(first) = records.next() {
        let mut leg = vec![first];
        while let Some(next) = records.next_if(|next| by_leg(&leg[0], next).is_eq()) {
            leg.push(next);
        }
        let (outs, ins) = leg.into_iter().partition(|record| record.dir == Direction::Out);
        zip(latest(outs, &mut earlier), latest(ins, &mut earlier), &mut legs);
    }
    Paired { legs, duplicates: duplicates as u64, earlier }
}

fn by_leg(a: &Record, b: &Record) -> Ordering {
    let leg = |record: &Record| (record.trace_id, record.span_id);
    let (left, right) = ((a.asker(), a.answerer()), (b.asker(), b.answerer()));
    leg(a).cmp(&leg(b)).then_with(|| left.cmp(&right))
}

/// Puts equal records side by side, and the two ends of a reused span in step.
fn by_time(a: &Record, b: &Record) -> Ordering {
    let when = |record: &Record| {
        (record.dir, record.started_us, record.duration_us, record.events, record.code)
    };
    let what = |record: &Record| {
        (record.sent_bytes, record.received_bytes, record.deadline_ms, record.parent_id, record.key)
    };
    when(a)
        .cmp(&when(b))
        .then_with(|| what(a).cmp(&what(b)))
        .then_with(|| a.attempt.cmp(&b.attempt))
        .then_with(|| a.method.cmp(&b.method))
}

/// Of the records of one subscription at one end, all of which begin at the same time, the last.
fn latest(mut records: Vec<Record>, folded: &mut u64) -> Vec<Record> {
    records.dedup_by(|later, earlier| {
        let same = later.events.is_some()
            && earlier.events.is_some()
            && later.started_us == earlier.started_us;
        if same {
            std::mem::swap(later, earlier);
            *folded += 1;
        }
        same
    });
    records
}

fn zip(outs: Vec<Record>, ins: Vec<Record>, legs: &mut Vec<Ends>) {
    let (mut outs, mut ins) = (outs.into_iter(), ins.into_iter());
    loop {
        let ends = match (outs.next(), ins.next()) {
            (Some(first), second) => Ends { first, second },
            (None, Some(first)) => Ends { first, second: None },
            (None, None) => return,
        };
        legs.push(ends);
    }
}
