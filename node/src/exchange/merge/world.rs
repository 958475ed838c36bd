//! A network whose true history is known, for tests.

use bothways_protocol::{Code, NodeName, SpanId, TraceId};
use proptest::prelude::*;

use super::super::record::{Direction, MethodText, Outcome, Record};
use super::Exchange;

/// A clock error of up to ±90 s, in microseconds.
const CLOCK_ERROR_US: i64 = 90_000_000;

/// What becomes of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Whole,
    RequestLost,
    ResponseLost,
    AskerUnrecorded,
    AnswererUnrecorded,
    Refused,
}

/// One request as a strategy draws it.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// Which earlier request causes it, if any.
    pub(super) parent: Option<usize>,
    pub(super) answerer: usize,
    pub(super) fate: Fate,
    /// Microseconds: before it is sent, on the way, at work after its children, on the way back.
    pub(super) delays: [i64; 4],
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        12 => Just(Fate::Whole),
        1 => Just(Fate::RequestLost),
        1 => Just(Fate::ResponseLost),
        1 => Just(Fate::AskerUnrecorded),
        1 => Just(Fate::AnswererUnrecorded),
        1 => Just(Fate::Refused),
    ]
}

fn plan() -> impl Strategy<Value = Plan> {
    let parent = prop::option::weighted(0.9, 0..1000_usize);
    (parent, 0..1000_usize, fate(), prop::array::uniform4(1..50_000_i64))
        .prop_map(|(parent, answerer, fate, delays)| Plan { parent, answerer, fate, delays })
}

/// A network whose true history is known.
pub(super) struct World {
    pub(super) errors_us: Vec<i64>,
    pub(super) records: Vec<Record>,
    /// For each request its true parent and fate; one under a lost request never happened.
    pub(super) truth: Vec<(Option<usize>, Fate)>,
}

pub(super) fn name(node: usize) -> NodeName {
    format!("node-{node}").parse().unwrap()
}

fn span(request: usize) -> SpanId {
    SpanId((request as u64 + 1).to_be_bytes())
}

pub(super) fn request_of(exchange: &Exchange) -> usize {
    usize::try_from(u64::from_be_bytes(exchange.ends.first().span_id.0)).unwrap() - 1
}

impl World {
    pub(super) fn run(errors_us: Vec<i64>, plans: &[Plan]) -> Self {
        let mut world = Self { errors_us, records: Vec::new(), truth: Vec::new() };
        let mut children = vec![Vec::new(); plans.len()];
        let mut roots = Vec::new();
        for (index, plan) in plans.iter().enumerate() {
            let parent = plan.parent.filter(|_| index > 0).map(|parent| parent % index);
            let happens = parent.is_none_or(|parent| {
                !matches!(world.truth[parent].1, Fate::RequestLost | Fate::Refused)
            });
            let parent = parent.filter(|_| happens);
            world.truth.push((parent, plan.fate));
            parent.map_or(&mut roots, |parent| &mut children[parent]).push(index);
        }
        let mut now_us = 1_764_000_000_000_000;
        for root in roots {
            now_us = world.live(root, 0, now_us, plans, &children);
        }
        world
    }

    /// Lets one request happen from a moment on; returns when the asker goes on.
    fn live(
        &mut self,
        request: usize,
        asker: usize,
        from_us: i64,
        plans: &[Plan],
        children: &[Vec<usize>],
    ) -> i64 {
        let plan = &plans[request];
        let [before, there, work, back] = plan.delays;
        let nodes = self.errors_us.len();
        let answerer = (asker + 1 + plan.answerer % (nodes - 1)) % nodes;
        let sent_us = from_us + before;
        let received_us = sent_us + there;
        let mut answered_us = received_us;
        if !matches!(plan.fate, Fate::RequestLost | Fate::Refused) {
            for child in &children[request] {
                answered_us = self.live(*child, answerer, answered_us, plans, children);
            }
        }
        answered_us += work;
        let seen_us = match plan.fate {
            Fate::RequestLost => sent_us + 10_000_000,
            Fate::ResponseLost => answered_us + 10_000_000,
            Fate::Refused => sent_us + 1,
            _ => answered_us + back,
        };
        self.write(
            request,
            plan.fate,
            [asker, answerer],
            [sent_us, received_us, answered_us, seen_us],
        );
        seen_us
    }

    pub(super) fn write(&mut self, request: usize, fate: Fate, nodes: [usize; 2], times: [i64; 4]) {
        let [asker, answerer] = nodes;
        let [sent_us, received_us, answered_us, seen_us] = times;
        let (request_bytes, response_bytes) = match fate {
            Fate::Refused => (0, 0),
            Fate::RequestLost | Fate::ResponseLost => (100, 0),
            _ => (100, 60),
        };
        let failed = matches!(fate, Fate::RequestLost | Fate::ResponseLost | Fate::Refused);
        let out = Record {
            node: name(asker),
            dir: Direction::Out,
            peer: name(answerer),
            method: MethodText::foreign("people.create"),
            code: if failed { Outcome::Failed(Code::DeadlineExceeded) } else { Outcome::Ok },
            started_us: sent_us + self.errors_us[asker],
            duration_us: seen_us.abs_diff(sent_us),
            deadline_ms: 10_000,
            sent_bytes: request_bytes,
            received_bytes: response_bytes,
            trace_id: TraceId([1; 16]),
            span_id: span(request),
            parent_id: self.truth[request].0.map(span),
            key: None,
            attempt: 1,
            events: None,
        };
        let answer = Record {
            node: name(answerer),
            dir: Direction::In,
            peer: name(asker),
            code: Outcome::Ok,
            started_us: received_us + self.errors_us[answerer],
            duration_us: answered_us.abs_diff(received_us),
            sent_bytes: 60,
            received_bytes: 100,
            parent_id: None,
            ..out.clone()
        };
        match fate {
            Fate::Whole | Fate::ResponseLost => self.records.extend([out, answer]),
            Fate::RequestLost | Fate::AnswererUnrecorded | Fate::Refused => self.records.push(out),
            Fate::AskerUnrecorded => self.records.push(answer),
        }
    }

    pub(super) fn wrote(&self, node: &NodeName) -> bool {
        self.records.iter().any(|record| record.node == *node)
    }
}

pub(super) fn world(requests: usize) -> impl Strategy<Value = World> {
    let errors = prop::collection::vec(-CLOCK_ERROR_US..=CLOCK_ERROR_US, 2..=5);
    (errors, prop::collection::vec(plan(), 1..requests))
        .prop_map(|(errors, plans)| World::run(errors, &plans))
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "clock errors {:?}", self.errors_us)?;
        self.records.iter().try_for_each(|record| writeln!(f, "{record:?}"))
    }
}
