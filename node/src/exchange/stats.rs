//! How many requests there were of each method between two nodes, and how long they took.

use std::collections::BTreeMap;

use bothways_protocol::NodeName;
use hdrhistogram::Histogram;

use super::merge::{Exchange, Exchanges, Filter, Gap};
use super::record::{MethodText, Outcome};

/// The longest time that is told apart from longer ones, in microseconds: an hour.
const LONGEST_US: u64 = 3_600_000_000;

/// How exactly times are told apart, in decimal digits.
const DIGITS: u8 = 3;

/// The requests of one method from one node to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stat {
    /// The node that asked.
    pub asker: NodeName,
    /// The node that was asked.
    pub answerer: NodeName,
    /// What was asked for.
    pub method: MethodText,
    /// How many requests.
    pub requests: u64,
    /// How many of them ended with a code.
    pub errors: u64,
    /// Of how many the request or the response got lost.
    pub lost: u64,
    /// How many events came of them, where they are subscriptions.
    pub events: u64,
    /// How long they took at the node that asked.
    pub asked: Option<Spread>,
    /// How long the node that was asked worked.
    pub answered: Option<Spread>,
    /// What the way took, both ways together: of those whose two ends are known.
    pub way: Option<Spread>,
}

/// How some times are spread, in microseconds; to three digits, the longest exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spread {
    /// What half of them do not exceed.
    pub p50_us: u64,
    /// What 99 of 100 do not exceed.
    pub p99_us: u64,
    /// The longest.
    pub max_us: u64,
}

/// Counts the exchanges that a filter looks for, one entry for each method and pair of nodes, in
/// the order of their names.
#[must_use]
pub fn stats(exchanges: &Exchanges, filter: &Filter) -> Vec<Stat> {
    let mut groups: BTreeMap<_, Vec<&Exchange>> = BTreeMap::new();
    let all = exchanges.trees.iter().flat_map(|tree| &tree.exchanges);
    for exchange in all.filter(|exchange| filter.wants(exchange)) {
        let key = (exchange.asker(), exchange.answerer(), exchange.method());
        groups.entry(key).or_default().push(exchange);
    }
    let mut spreads = Spreads::default();
    groups.values().map(|group| Stat::of(group, &mut spreads)).collect()
}

impl Stat {
    /// The entry of a group, which is not empty.
    fn of(group: &[&Exchange], spreads: &mut Spreads) -> Self {
        let count = |is: fn(&Exchange) -> bool| group.iter().filter(|one| is(one)).count() as u64;
        let mut spread = |of: fn(&Exchange) -> Option<u64>| {
            spreads.of(group.iter().filter_map(|exchange| of(exchange)))
        };
        Self {
            asker: group[0].asker().clone(),
            answerer: group[0].answerer().clone(),
            method: group[0].method().clone(),
            requests: group.len() as u64,
            errors: count(|exchange| exchange.code() != Outcome::Ok),
            lost: count(is_lost),
            events: group.iter().filter_map(|exchange| exchange.ends.events()).sum(),
            asked: spread(|exchange| Some(exchange.ends.asked()?.duration_us)),
            answered: spread(|exchange| Some(exchange.ends.answered()?.duration_us)),
            way: spread(way_us),
        }
    }
}

fn is_lost(exchange: &Exchange) -> bool {
    let lost = [Gap::NeverReceived, Gap::ResponseLost];
    exchange.gaps.iter().any(|gap| lost.contains(gap))
}

/// What of the time at the asking end was not spent at the other.
fn way_us(exchange: &Exchange) -> Option<u64> {
    let (asked, answered) = (exchange.ends.asked()?, exchange.ends.answered()?);
    let seen = exchange.ends.response_seen();
    (seen && !exchange.ends.is_subscription())
        .then(|| asked.duration_us.saturating_sub(answered.duration_us))
}

/// One histogram for all groups, one after the other: however many there are, it is small.
struct Spreads(Histogram<u64>);

impl Default for Spreads {
    fn default() -> Self {
        let histogram = Histogram::new_with_max(LONGEST_US, DIGITS);
        Self(histogram.expect("an hour to three digits is within a histogram's bounds"))
    }
}

impl Spreads {
    fn of(&mut self, times_us: impl Iterator<Item = u64>) -> Option<Spread> {
        self.0.reset();
        let mut longest = None;
        for us in times_us {
            self.0.saturating_record(us);
            longest = longest.max(Some(us));
        }
        let max_us = longest?;
        let at = |quantile| self.0.value_at_quantile(quantile).min(max_us);
        Some(Spread { p50_us: at(0.5), p99_us: at(0.99), max_us })
    }
}

#[cfg(test)]
mod tests {
    use super::super::draw::sample;
    use super::*;

    fn stat(stats: &[Stat], method: &str) -> Stat {
        stats.iter().find(|stat| stat.method.as_str() == method).unwrap().clone()
    }

    #[test]
    fn each_method_between_two_nodes_is_counted_with_its_errors_and_losses() {
        let all = stats(&sample::exchanges(), &Filter::default());
        let orders = stat(&all, "orders.place");
        assert_eq!((orders.requests, orders.errors, orders.lost), (2, 1, 1));
        assert_eq!(orders.asked.map(|spread| spread.max_us), Some(10_000));
        assert_eq!(all.iter().map(|stat| stat.requests).sum::<u64>(), 8);
    }

    #[test]
    fn what_the_way_took_is_told_where_both_ends_are_known() {
        let all = stats(&sample::exchanges(), &Filter::default());
        let create = stat(&all, "people.create");
        let max_us = [create.asked, create.answered, create.way].map(|one| one.unwrap().max_us);
        assert_eq!(max_us, [40_000, 38_000, 2_000]);
        let get = stat(&all, "people.get");
        assert_eq!((get.answered, get.way), (None, None));
        assert_eq!(stat(&all, "people.update").way, None, "its response was lost");
    }

    #[test]
    fn the_events_of_a_subscription_are_counted_once_and_its_life_is_no_way() {
        let watch = stat(&stats(&sample::watched(), &Filter::default()), "orders.watch");
        assert_eq!((watch.requests, watch.errors, watch.events), (1, 0, 12));
        assert_eq!((watch.asked.unwrap().max_us, watch.way), (1_900_000, None));
    }

    #[test]
    fn a_spread_tells_what_most_do_not_exceed() {
        let mut spreads = Spreads::default();
        let spread = spreads.of(1..=1_000).unwrap();
        assert_eq!((spread.p50_us, spread.p99_us, spread.max_us), (500, 990, 1_000));
        assert_eq!(spreads.of(std::iter::once(u64::MAX)).unwrap().max_us, u64::MAX);
        assert_eq!(spreads.of(std::iter::empty()), None);
    }

    #[test]
    fn only_what_is_looked_for_is_counted() {
        let table = [
            (Filter { slower_than_us: Some(10_000), ..Filter::default() }, 1),
            (Filter { code: Some(Outcome::Ok), ..Filter::default() }, 4),
            (Filter { peer: Some("desk".parse().unwrap()), ..Filter::default() }, 1),
        ];
        for (filter, requests) in table {
            let counted = stats(&sample::exchanges(), &filter);
            assert_eq!(counted.iter().map(|stat| stat.requests).sum::<u64>(), requests);
        }
    }
}
