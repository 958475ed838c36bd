//! How far the nodes' clocks are apart, told from the requests that passed between them.
//!
//! A request cannot be received before it was sent, and its response cannot be seen before it left:
//! each pair of records bounds the difference of two clocks from both sides, as in NTP. The bounds
//! of all pairs of two nodes are narrowed to their intersection; over more nodes the estimates are
//! added up along the narrowest bounds.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use bothways_protocol::NodeName;

use super::Ends;

/// How a node's clock stands to the reference clock of the nodes that it exchanged requests with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clock {
    /// The node.
    pub node: NodeName,
    /// The node whose clock is the reference: the one with the most exchanges among those that are
    /// connected by exchanges.
    pub reference: NodeName,
    /// How far this clock is ahead of the reference, in microseconds.
    pub ahead_us: i64,
    /// How sure that is: it is wrong by no more than this, in microseconds. `None` where requests
    /// bound it on one side only.
    pub within_us: Option<u64>,
}

/// The clocks of all nodes, in the order of their names.
#[derive(Debug)]
pub(super) struct Clocks(Vec<Clock>);

impl Clocks {
    pub(super) fn estimate(legs: &[Ends]) -> Self {
        let mut links = Links::default();
        for ends in legs {
            links.learn(ends);
        }
        links.settle()
    }

    /// How far a node's clock is ahead of its reference, in microseconds.
    pub(super) fn ahead_us(&self, node: &NodeName) -> i64 {
        let found = self.0.binary_search_by(|clock| clock.node.cmp(node));
        found.map_or(0, |index| self.0[index].ahead_us)
    }

    pub(super) fn into_list(self) -> Vec<Clock> {
        self.0
    }
}

/// What is known of how far the second clock of a pair of nodes is ahead of the first.
#[derive(Debug, Clone, Copy, Default)]
struct Bounds {
    most: Option<i64>,
    least: Option<i64>,
}

impl Bounds {
    fn at_most(&mut self, us: i64) {
        self.most = Some(self.most.map_or(us, |most| most.min(us)));
    }

    fn at_least(&mut self, us: i64) {
        self.least = Some(self.least.map_or(us, |least| least.max(us)));
    }

    /// The middle, and how far it may be off. Where clocks were set in between, the bounds
    /// contradict each other, and the truth is somewhere between the two.
    fn middle(self) -> (i64, Option<u64>) {
        match (self.least, self.most) {
            (Some(least), Some(most)) => {
                let width = least.abs_diff(most);
                (least.min(most).saturating_add_unsigned(width / 2), Some(width.div_ceil(2)))
            }
            (one, other) => (one.or(other).unwrap_or(0), None),
        }
    }
}

/// All nodes, by number in the order of names, and what binds their clocks.
#[derive(Default)]
struct Links {
    bounds: BTreeMap<(NodeName, NodeName), Bounds>,
    exchanges: BTreeMap<NodeName, u64>,
}

/// Times are cut to whole microseconds, once at the start and once in the duration.
const CUT_START_US: i64 = 1;
const CUT_END_US: i64 = 2;

impl Links {
    fn learn(&mut self, ends: &Ends) {
        let (asker, answerer) = (ends.first().asker(), ends.first().answerer());
        for node in [asker, answerer] {
            *self.exchanges.entry(node.clone()).or_default() += 1;
        }
        let (Some(asked), Some(answered)) = (ends.asked(), ends.answered()) else { return };
        if asker == answerer {
            return;
        }
        let sent_received = answered.started_us.saturating_sub(asked.started_us);
        let seen_answered = answered.ended_us().saturating_sub(asked.ended_us());
        let most = sent_received.saturating_add(CUT_START_US);
        let least = seen_answered.saturating_sub(CUT_END_US);
        // The two ends of a subscription need not have told of it at the same time.
        let seen = ends.response_seen() && !ends.is_subscription();
        if asker < answerer {
            let bounds = self.bounds.entry((asker.clone(), answerer.clone())).or_default();
            bounds.at_most(most);
            if seen {
                bounds.at_least(least);
            }
        } else {
            let bounds = self.bounds.entry((answerer.clone(), asker.clone())).or_default();
            bounds.at_least(most.saturating_neg());
            if seen {
                bounds.at_most(least.saturating_neg());
            }
        }
    }

    /// Walks from the busiest node of each group along the narrowest bounds (Prim's algorithm).
    fn settle(self) -> Clocks {
        let names: Vec<&NodeName> = self.exchanges.keys().collect();
        let neighbours = self.neighbours(&names);
        let mut busiest: Vec<(u64, usize)> =
            self.exchanges.values().enumerate().map(|(node, count)| (*count, node)).collect();
        busiest.sort_by_key(|(count, node)| (Reverse(*count), *node));

        let mut clocks: Vec<Option<Clock>> = vec![None; names.len()];
        for (_, reference) in busiest {
            let mut open = BinaryHeap::from([Reverse((0, reference, 0, Some(0)))]);
            while let Some(Reverse((_, node, ahead_us, within_us))) = open.pop() {
                if clocks[node].is_some() {
                    continue;
                }
                clocks[node] = Some(Clock {
                    node: names[node].clone(),
                    reference: names[reference].clone(),
                    ahead_us,
                    within_us,
                });
                for (next, ahead, within) in &neighbours[node] {
                    let sum = within_us.zip(*within).map(|(a, b): (u64, u64)| a.saturating_add(b));
                    let width = within.unwrap_or(u64::MAX);
                    let ahead = ahead_us.saturating_add(*ahead);
                    open.push(Reverse((width, *next, ahead, sum)));
                }
            }
        }
        Clocks(clocks.into_iter().flatten().collect())
    }

    /// For each node those that it exchanged requests with: how far ahead, how sure.
    fn neighbours(&self, names: &[&NodeName]) -> Vec<Vec<(usize, i64, Option<u64>)>> {
        let mut neighbours = vec![Vec::new(); names.len()];
        for ((first, second), bounds) in &self.bounds {
            let (Ok(a), Ok(b)) = (names.binary_search(&first), names.binary_search(&second)) else {
                continue;
            };
            let (ahead, within) = bounds.middle();
            neighbours[a].push((b, ahead, within));
            neighbours[b].push((a, ahead.saturating_neg(), within));
        }
        neighbours
    }
}
