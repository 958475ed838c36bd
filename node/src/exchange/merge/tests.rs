//! What merging holds to, whatever the clocks, the losses and the order of the records.

use bothways_protocol::{Code, IdempotencyKey, SpanId, TraceId};
use proptest::prelude::*;

use super::world::{Fate, Plan, World, name, request_of, world};
use super::*;

/// The place of each event of each exchange among the steps.
fn places(tree: &Tree) -> Vec<[Option<usize>; 4]> {
    let mut places = vec![[None; 4]; tree.exchanges.len()];
    for (place, step) in tree.steps.iter().enumerate() {
        let slot = &mut places[step.exchange][step.event as usize];
        assert_eq!(slot.replace(place), None, "{step:?} happened twice");
    }
    places
}

fn assert_in_order(tree: &Tree) {
    let places = places(tree);
    for (index, exchange) in tree.exchanges.iter().enumerate() {
        let [sent, received, answered, seen] = places[index];
        let mut known: Vec<_> = [sent, received, answered].into_iter().flatten().collect();
        if exchange.ends.response_seen() && !exchange.ends.is_subscription() {
            known.extend(seen);
        }
        assert!(known.is_sorted(), "{exchange:?}");
        assert!(sent < seen || seen.is_none(), "{exchange:?}");
        if let Some(parent) = exchange.parent {
            assert!(parent < index);
            assert_eq!(exchange.depth, tree.exchanges[parent].depth + 1);
            let [parent_sent, parent_received, ..] = places[parent];
            assert!(parent_received.or(parent_sent) < sent.or(received), "{exchange:?}");
        }
    }
    assert!(tree.steps.is_sorted_by_key(|step| step.at_us));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_step_stands_before_its_cause(world in world(40)) {
        let merged = merge(world.records.clone());
        prop_assert_eq!(merged.trees.len(), 1);
        let tree = &merged.trees[0];
        prop_assert_eq!(tree.exchanges.len(), world.truth.len());
        assert_in_order(tree);
        for exchange in &tree.exchanges {
            let (parent, fate) = world.truth[request_of(exchange)];
            let found = exchange.parent.map(|parent| request_of(&tree.exchanges[parent]));
            let told = parent.filter(|_| fate != Fate::AskerUnrecorded);
            prop_assert_eq!(found, told);
        }
    }

    #[test]
    fn every_node_keeps_the_order_of_its_own_clock(world in world(40)) {
        let merged = merge(world.records);
        let tree = &merged.trees[0];
        let mut last: std::collections::BTreeMap<NodeName, i64> = std::collections::BTreeMap::new();
        for step in &tree.steps {
            let record = tree.exchanges[step.exchange].ends.at(step.event.end()).unwrap();
            let local_us = match step.event {
                Event::Sent | Event::Received => record.started_us,
                Event::Answered | Event::Seen => record.ended_us(),
            };
            let before_us = last.insert(record.node.clone(), local_us).unwrap_or(i64::MIN);
            prop_assert!(before_us <= local_us, "{:?}", step);
        }
    }

    #[test]
    fn every_lost_leg_is_named_and_nothing_else(world in world(40)) {
        let merged = merge(world.records.clone());
        for exchange in &merged.trees[0].exchanges {
            let (_, fate) = world.truth[request_of(exchange)];
            let expected = match fate {
                Fate::Whole => None,
                Fate::RequestLost if world.wrote(exchange.answerer()) => Some(Gap::NeverReceived),
                Fate::RequestLost => Some(Gap::Unanswered),
                Fate::ResponseLost => Some(Gap::ResponseLost),
                Fate::AskerUnrecorded => Some(Gap::AskerMissing),
                Fate::AnswererUnrecorded => Some(Gap::AnswererMissing),
                Fate::Refused => Some(Gap::NotSent),
            };
            prop_assert_eq!(&exchange.gaps, &Vec::from_iter(expected), "{:?}", fate);
        }
    }

    #[test]
    fn each_clock_is_as_wrong_as_it_is_said_to_be(world in world(40)) {
        let error_us = |node: &NodeName| {
            let number: usize = node.as_str().strip_prefix("node-").unwrap().parse().unwrap();
            world.errors_us[number]
        };
        for clock in merge(world.records.clone()).clocks {
            let truth_us = error_us(&clock.node) - error_us(&clock.reference);
            if let Some(within_us) = clock.within_us {
                prop_assert!(clock.ahead_us.abs_diff(truth_us) <= within_us, "{:?}", clock);
            }
        }
    }

    #[test]
    fn order_and_repetition_of_the_records_change_nothing(
        (world, shuffled) in world(20).prop_flat_map(|world| {
            let twice: Vec<_> = world.records.iter().chain(&world.records).cloned().collect();
            (Just(world.records), Just(twice).prop_shuffle())
        }),
    ) {
        let once = merge(world.clone());
        let twice = merge(shuffled);
        prop_assert_eq!(twice.duplicates, world.len() as u64);
        prop_assert_eq!(twice, Exchanges { duplicates: world.len() as u64, ..once });
    }

    #[test]
    fn records_that_make_no_sense_are_merged_all_the_same(
        seeds in prop::collection::vec(any::<[u8; 6]>(), 0..60),
    ) {
        let records: Vec<_> = seeds.iter().map(nonsense).collect();
        let merged = merge(records.clone());
        let ends: usize = merged.trees.iter().flat_map(|tree| &tree.exchanges)
            .map(|e| usize::from(e.ends.asked().is_some()) + usize::from(e.ends.answered().is_some()))
            .sum();
        prop_assert_eq!(ends as u64 + merged.duplicates + merged.earlier, records.len() as u64);
        merged.trees.iter().for_each(assert_in_order);
    }
}

/// A record in which spans repeat, parents form circles and times are extreme.
fn nonsense(seed: &[u8; 6]) -> Record {
    let [nodes, span_id, parent, time, duration, kind] = *seed;
    let extremes = [i64::MIN, -1, 0, 1, 1000, i64::MAX];
    let span_of = |digit: u8| SpanId([digit % 4; 8]);
    Record {
        node: name(usize::from(nodes % 3)),
        dir: if kind & 1 == 0 { Direction::Out } else { Direction::In },
        peer: name(usize::from(nodes / 3 % 3)),
        method: MethodText::UNREAD,
        code: if kind & 2 == 0 { Outcome::Ok } else { Outcome::Failed(Code::Cancelled) },
        started_us: extremes[usize::from(time) % extremes.len()],
        duration_us: [0, 5, 1000, u64::MAX][usize::from(duration % 4)],
        deadline_ms: 0,
        sent_bytes: u64::from(kind & 4),
        received_bytes: u64::from(kind & 8),
        trace_id: TraceId([kind >> 6; 16]),
        span_id: span_of(span_id),
        parent_id: (kind & 16 == 0).then(|| span_of(parent)),
        key: None,
        attempt: u32::from(kind >> 5),
        events: (seed[4] & 8 != 0).then_some(u64::from(duration)),
    }
}

#[test]
fn ten_thousand_nested_requests_stay_in_order() {
    const DEPTH: usize = 10_000;
    let errors_us = [0_i64, 90_000_000, -90_000_000, 45_000_000, -1];
    let mut world = World { errors_us: errors_us.into(), records: Vec::new(), truth: Vec::new() };
    let start_us = 1_764_000_000_000_000;
    for request in 0..DEPTH {
        world.truth.push((request.checked_sub(1), Fate::Whole));
        let (down, up) = (10 * i64::try_from(request).unwrap(), 10 * i64::try_from(DEPTH).unwrap());
        let back = 2 * up - down;
        let times = [down, down + 5, back, back + 5].map(|us| start_us + us);
        let asker = request % errors_us.len();
        // Each 50th leg loses its request's or its response's record.
        let fate = match request % 100 {
            33 => Fate::AnswererUnrecorded,
            66 => Fate::ResponseLost,
            _ => Fate::Whole,
        };
        world.write(request, fate, [asker, (asker + 1) % errors_us.len()], times);
    }

    let merged = merge(world.records);

    let tree = &merged.trees[0];
    assert_eq!(tree.exchanges.len(), DEPTH);
    assert_eq!(tree.exchanges.last().map(|last| last.depth), Some(DEPTH - 1));
    assert_in_order(tree);
    let lost = |gap| tree.exchanges.iter().filter(|exchange| exchange.gaps == [gap]).count();
    assert_eq!((lost(Gap::AnswererMissing), lost(Gap::ResponseLost)), (100, 100));
}

#[test]
fn a_write_that_was_tried_again_is_linked_to_the_first_attempt() {
    let plan = Plan { parent: None, answerer: 0, fate: Fate::Whole, delays: [10; 4] };
    let plans = [plan.clone(), plan.clone(), plan];
    let mut world = World::run(vec![0, 0], &plans);
    for record in &mut world.records {
        record.attempt = record.span_id.0[7].into();
        record.key = Some(IdempotencyKey([5; 16]));
    }
    let merged = merge(world.records);
    let retries: Vec<_> = merged.trees[0].exchanges.iter().map(|e| e.retry_of).collect();
    assert_eq!(retries, [None, Some(0), Some(1)]);
}

#[test]
fn a_clock_that_was_set_in_between_contradicts_no_cause() {
    let mut world = World::run(vec![0, 0], &[]);
    for request in 0..2 {
        world.truth.push((None, Fate::Whole));
        let times = [0, 5, 10, 15].map(|us| 1000 * i64::try_from(request).unwrap() + us);
        world.errors_us[1] = if request == 0 { 0 } else { -3_600_000_000 };
        world.write(request, Fate::Whole, [0, 1], times);
    }
    let merged = merge(world.records);
    assert_in_order(&merged.trees[0]);
    let clock = merged.clocks.iter().find(|clock| clock.node == name(1)).unwrap();
    assert!(clock.within_us > Some(1_700_000_000), "{clock:?}");
}

#[test]
fn the_quickest_exchange_bounds_a_clock_to_half_of_what_it_does_not_explain() {
    let plan = |there, back| Plan {
        parent: None,
        answerer: 0,
        fate: Fate::Whole,
        delays: [10, there, 5_000, back],
    };
    let plans = [plan(4_000, 4_000), plan(100, 300), plan(9_000, 9_000)];
    let merged = merge(World::run(vec![0, 5_000_000], &plans).records);
    let clock = merged.clocks.iter().find(|clock| clock.node == name(1)).unwrap();
    // 100 µs there and 300 µs back, and 3 µs by which times are cut.
    assert_eq!((clock.ahead_us, clock.within_us), (5_000_000 - 101, Some(202)));
}

#[test]
fn a_clock_is_told_over_nodes_in_between() {
    let plan = |parent, answerer| Plan { parent, answerer, fate: Fate::Whole, delays: [100; 4] };
    // node-0 asks node-1, which asks node-2: the first and the last never speak.
    let merged = merge(
        World::run(vec![0, 7_000_000, -9_000_000], &[plan(None, 0), plan(Some(0), 0)]).records,
    );
    let ahead_us = [-7_000_000, 0, -16_000_000_i64];
    for (clock, ahead_us) in merged.clocks.iter().zip(ahead_us) {
        assert_eq!(clock.reference, name(1));
        assert!(clock.ahead_us.abs_diff(ahead_us) <= 1, "{clock:?}");
    }
}

#[test]
fn the_records_of_a_subscription_become_one_exchange_which_says_nothing_of_the_clocks_at_its_end() {
    let merged = super::super::draw::sample::watched();
    let watch = &merged.trees[0].exchanges[0];
    assert_eq!(merged.trees[0].exchanges.len(), 2);
    assert_eq!((merged.duplicates, merged.earlier), (0, 4));
    assert_eq!((watch.ends.events(), watch.ends.events_behind()), (Some(12), 2));
    assert_eq!(watch.gaps, []);
    assert_in_order(&merged.trees[0]);
    // The answering end tells of a time five seconds later: its response was seen long before.
    let phone = merged.clocks.iter().find(|clock| clock.node.as_str() == "phone").unwrap();
    assert_eq!(phone.within_us, None);
    assert!(phone.ahead_us.abs_diff(60_000_000) < 1_000, "{phone:?}");
}

#[test]
fn requests_that_use_one_span_twice_stay_two() {
    let mut world = World::run(vec![0, 0], &[]);
    world.truth.push((None, Fate::Whole));
    world.write(0, Fate::Whole, [0, 1], [0, 5, 10, 15]);
    world.write(0, Fate::Whole, [0, 1], [0, 6, 11, 16]);
    assert_eq!(merge(world.records).trees[0].exchanges.len(), 2);
}
