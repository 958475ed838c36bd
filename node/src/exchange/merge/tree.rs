//! Puts the exchanges of each trace under those that caused them, and names what is missing.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bothways_protocol::{IdempotencyKey, NodeName, SpanId};

use super::super::record::{Direction, MethodText};
use super::clocks::Clocks;
use super::{Ends, Exchange, Gap, Times, Tree};

/// One tree for each trace. `wrote` holds the nodes of which there are records.
pub(super) fn grow(legs: Vec<Ends>, clocks: &Clocks, wrote: &BTreeSet<NodeName>) -> Vec<Tree> {
    let mut traces: BTreeMap<_, Vec<Ends>> = BTreeMap::new();
    for ends in legs {
        traces.entry(ends.first().trace_id).or_default().push(ends);
    }
    let tree = |(trace_id, mut legs): (_, Vec<Ends>)| {
        legs.sort_by_cached_key(|ends| (began_us(ends, clocks), ends.first().span_id));
        let causes = causes(&legs);
        let mut exchanges = in_preorder(legs, &causes);
        link_retries(&mut exchanges);
        for exchange in &mut exchanges {
            exchange.gaps.extend(gap(&exchange.ends, wrote));
        }
        Tree { trace_id, exchanges, steps: Vec::new() }
    };
    traces.into_iter().map(tree).collect()
}

fn began_us(ends: &Ends, clocks: &Clocks) -> i64 {
    let record = ends.first();
    record.started_us.saturating_sub(clocks.ahead_us(&record.node))
}

/// What an exchange says of its cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    None,
    Leg(usize),
    Unrecorded,
    Itself,
}

fn causes(legs: &[Ends]) -> Vec<Cause> {
    let mut answered: HashMap<(SpanId, &NodeName), usize> = HashMap::with_capacity(legs.len());
    for (index, ends) in legs.iter().enumerate() {
        let record = ends.first();
        answered.entry((record.span_id, record.answerer())).or_insert(index);
    }
    let named = |ends: &Ends| {
        let record = ends.first();
        let Some(parent_id) = record.parent_id else { return Cause::None };
        // Only the node that answers a request can cause others under it.
        let found = answered.get(&(parent_id, record.asker()));
        found.map_or(Cause::Unrecorded, |index| Cause::Leg(*index))
    };
    let mut causes: Vec<Cause> = legs.iter().map(named).collect();
    cut_circles(&mut causes);
    causes
}

/// Walks up from each leg to what was walked before; a walk that meets itself is cut there.
fn cut_circles(causes: &mut [Cause]) {
    let mut walk_of = vec![usize::MAX; causes.len()];
    for start in 0..causes.len() {
        let mut at = start;
        while walk_of[at] == usize::MAX {
            walk_of[at] = start;
            let Cause::Leg(up) = causes[at] else { break };
            if walk_of[up] == start {
                causes[at] = Cause::Itself;
                break;
            }
            at = up;
        }
    }
}

/// The exchanges, each before its children, siblings in the order of the legs.
fn in_preorder(legs: Vec<Ends>, causes: &[Cause]) -> Vec<Exchange> {
    let mut children = vec![Vec::new(); legs.len()];
    let mut roots = Vec::new();
    for (index, cause) in causes.iter().enumerate() {
        match cause {
            Cause::Leg(parent) => children[*parent].push(index),
            Cause::None | Cause::Unrecorded | Cause::Itself => roots.push(index),
        }
    }
    let mut legs: Vec<Option<Ends>> = legs.into_iter().map(Some).collect();
    let mut exchanges: Vec<Exchange> = Vec::with_capacity(legs.len());
    let mut open: Vec<(usize, Option<usize>)> =
        roots.into_iter().rev().map(|i| (i, None)).collect();
    while let Some((index, parent)) = open.pop() {
        let Some(ends) = legs[index].take() else { continue };
        let place = exchanges.len();
        open.extend(children[index].iter().rev().map(|child| (*child, Some(place))));
        let gaps = match causes[index] {
            Cause::Unrecorded => vec![Gap::ParentMissing],
            Cause::Itself => vec![Gap::Circular],
            Cause::None | Cause::Leg(_) => Vec::new(),
        };
        let depth = parent.map_or(0, |parent: usize| exchanges[parent].depth + 1);
        let times = Times::default();
        exchanges.push(Exchange { ends, parent, depth, retry_of: None, times, gaps });
    }
    exchanges
}

/// Links each attempt to the one before it: the same asker, parent, method and key.
fn link_retries(exchanges: &mut [Exchange]) {
    type Attempt = (Option<usize>, NodeName, MethodText, Option<IdempotencyKey>, u32);
    let attempt = |exchange: &Exchange, number: u32| -> Attempt {
        let record = exchange.ends.first();
        let (asker, method) = (record.asker().clone(), record.method.clone());
        (exchange.parent, asker, method, record.key, number)
    };
    let mut open: HashMap<Attempt, Vec<usize>> = HashMap::new();
    for (index, exchange) in exchanges.iter().enumerate().rev() {
        if let Some(record) = exchange.ends.asked() {
            open.entry(attempt(exchange, record.attempt)).or_default().push(index);
        }
    }
    for (index, exchange) in exchanges.iter_mut().enumerate() {
        let before = exchange.ends.asked().map_or(0, |record| record.attempt.saturating_sub(1));
        if before > 0 {
            let earlier = open.get_mut(&attempt(exchange, before));
            exchange.retry_of = earlier.and_then(|open| open.pop_if(|first| *first < index));
        }
    }
}

fn gap(ends: &Ends, wrote: &BTreeSet<NodeName>) -> Option<Gap> {
    let first = ends.first();
    match (first.dir, ends.answered()) {
        (Direction::In, _) => Some(Gap::AskerMissing),
        (Direction::Out, Some(_)) => ends.response_lost().then_some(Gap::ResponseLost),
        (Direction::Out, None) if first.received_bytes > 0 => Some(Gap::AnswererMissing),
        (Direction::Out, None) if first.sent_bytes == 0 => Some(Gap::NotSent),
        (Direction::Out, None) if wrote.contains(&first.peer) => Some(Gap::NeverReceived),
        (Direction::Out, None) => Some(Gap::Unanswered),
    }
}
