//! Orders what happened in one trace by cause.
//!
//! An event follows the one that caused it (a request is received after it was sent), and the one
//! before it by its own node's clock. Among what is free to happen next, the earliest by the
//! reference clock comes first.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use bothways_protocol::NodeName;

use super::clocks::Clocks;
use super::{Event, Exchange, Step, Times, Tree};

/// Fills in the steps of a tree and the times of its exchanges.
pub(super) fn arrange(tree: &mut Tree, clocks: &Clocks) {
    let mut moments = moments(&tree.exchanges, clocks);
    moments.follow_own_clocks();
    let steps: Vec<Step> = Run::over(&moments.list).collect();
    for step in &steps {
        *time_of(&mut tree.exchanges[step.exchange].times, step.event) = Some(step.at_us);
    }
    tree.steps = steps;
}

fn time_of(times: &mut Times, event: Event) -> &mut Option<i64> {
    match event {
        Event::Sent => &mut times.sent,
        Event::Received => &mut times.received,
        Event::Answered => &mut times.answered,
        Event::Seen => &mut times.seen,
    }
}

/// One event with what it has to wait for.
struct Moment<'a> {
    exchange: usize,
    event: Event,
    node: &'a NodeName,
    /// By the node's own clock.
    local_us: i64,
    /// By the reference clock.
    at_us: i64,
    /// The moment that caused this one; always earlier in the list.
    cause: Option<usize>,
    /// The moment before this one at the same node.
    before: Option<usize>,
}

#[derive(Default)]
struct Moments<'a> {
    /// Each exchange's request before its children, its response behind them.
    list: Vec<Moment<'a>>,
}

fn moments<'a>(exchanges: &'a [Exchange], clocks: &Clocks) -> Moments<'a> {
    let mut moments = Moments::default();
    let mut ahead: BTreeMap<&NodeName, i64> = BTreeMap::new();
    let mut places = vec![[None; 4]; exchanges.len()];
    let mut put = |index: usize, event: Event, places: &mut Vec<[Option<usize>; 4]>| {
        let exchange: &Exchange = &exchanges[index];
        let Some(record) = exchange.ends.at(event.end()) else { return };
        let at_end = matches!(event, Event::Answered | Event::Seen);
        let local_us = if at_end { record.ended_us() } else { record.started_us };
        let ahead_us = *ahead.entry(&record.node).or_insert_with(|| clocks.ahead_us(&record.node));
        places[index][event as usize] = Some(moments.list.len());
        moments.list.push(Moment {
            exchange: index,
            event,
            node: &record.node,
            local_us,
            at_us: local_us.saturating_sub(ahead_us),
            cause: cause(exchange, event, index, places),
            before: None,
        });
    };
    let mut open: Vec<usize> = Vec::new();
    for (index, exchange) in exchanges.iter().enumerate() {
        while let Some(last) = open.pop_if(|last| Some(*last) != exchange.parent) {
            put(last, Event::Answered, &mut places);
            put(last, Event::Seen, &mut places);
        }
        put(index, Event::Sent, &mut places);
        put(index, Event::Received, &mut places);
        open.push(index);
    }
    while let Some(last) = open.pop() {
        put(last, Event::Answered, &mut places);
        put(last, Event::Seen, &mut places);
    }
    moments
}

/// What caused an event, as far as records tell: the latest known step on the way to it.
fn cause(
    exchange: &Exchange,
    event: Event,
    index: usize,
    places: &[[Option<usize>; 4]],
) -> Option<usize> {
    let own = |event: Event| places[index][event as usize];
    let request = own(Event::Received).or(own(Event::Sent));
    let parent = || {
        let [sent, received, ..] = places[exchange.parent?];
        received.or(sent)
    };
    match event {
        Event::Sent => parent(),
        Event::Received => own(Event::Sent).or_else(parent),
        Event::Answered => request,
        Event::Seen if exchange.ends.is_subscription() => request,
        Event::Seen if exchange.ends.response_seen() => own(Event::Answered).or(request),
        Event::Seen => own(Event::Sent),
    }
}

impl Moments<'_> {
    /// Lets each moment wait for the one before it by its own node's clock.
    fn follow_own_clocks(&mut self) {
        let mut order: Vec<usize> = (0..self.list.len()).collect();
        // The sort is stable: what one clock cannot tell apart stays in the order of cause.
        order.sort_by_key(|index| (self.list[*index].node, self.list[*index].local_us));
        for pair in order.windows(2) {
            let [before, after] = *pair else { continue };
            if self.list[before].node == self.list[after].node {
                self.list[after].before = Some(before);
            }
        }
    }
}

/// When a moment happened by the reference clock, and which it is.
type Entry = Reverse<(i64, usize)>;

/// A topological sort. Where a node's clock was set back, its order contradicts that of cause, and
/// then cause alone counts.
struct Run<'a> {
    list: &'a [Moment<'a>],
    followers: Vec<Vec<usize>>,
    done: Vec<bool>,
    /// When the last step happened; time does not run backwards from one to the next.
    now_us: i64,
    /// Nothing is in the way of these.
    free: BinaryHeap<Entry>,
    /// What caused these has happened.
    caused: BinaryHeap<Entry>,
}

impl<'a> Run<'a> {
    fn over(list: &'a [Moment<'a>]) -> Self {
        let mut followers = vec![Vec::new(); list.len()];
        for (index, moment) in list.iter().enumerate() {
            for earlier in [moment.cause, moment.before].into_iter().flatten() {
                followers[earlier].push(index);
            }
        }
        let done = vec![false; list.len()];
        let (free, caused) = (BinaryHeap::new(), BinaryHeap::new());
        let mut run = Self { list, followers, done, now_us: i64::MIN, free, caused };
        for index in 0..list.len() {
            run.offer(index);
        }
        run
    }

    fn offer(&mut self, index: usize) {
        let moment = &self.list[index];
        let waits = |earlier: Option<usize>| earlier.is_some_and(|index| !self.done[index]);
        if waits(moment.cause) {
            return;
        }
        let entry = Reverse((moment.at_us, index));
        if waits(moment.before) { self.caused.push(entry) } else { self.free.push(entry) }
    }

    /// The earliest of a heap that has not happened yet.
    fn earliest(heap: &mut BinaryHeap<Entry>, done: &[bool]) -> Option<(i64, usize)> {
        std::iter::from_fn(|| heap.pop())
            .map(|Reverse(entry)| entry)
            .find(|(_, index)| !done[*index])
    }
}

impl Iterator for Run<'_> {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        let (at_us, index) = Self::earliest(&mut self.free, &self.done)
            .or_else(|| Self::earliest(&mut self.caused, &self.done))?;
        self.now_us = self.now_us.max(at_us);
        self.done[index] = true;
        for follower in std::mem::take(&mut self.followers[index]) {
            if !self.done[follower] {
                self.offer(follower);
            }
        }
        let Moment { exchange, event, .. } = self.list[index];
        Some(Step { exchange, event, at_us: self.now_us })
    }
}
