//! A topology: which nodes there are, in which roles, who dials whom, what they ask each other, and
//! the story that they tell. As written (TOML) → checked, each problem with its line.

mod check;
mod read;
mod reference;
mod story;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use bothways::exchange::Outcome;
use bothways_protocol::{Code, MethodName, NetworkName, NodeName, Role};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::cli::{Exit, Result, Trouble};

pub(super) use reference::{Results, resolve};
pub(super) use story::{Step, StoryCall};

/// The name of the person's own identity: no node has it.
pub(super) const PERSON: &str = "you";

/// The nodes of a network on this machine, checked: each can start, and each call can be made.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Topology {
    /// What the authority's network is called, where the file says it.
    pub(super) network: Option<NetworkName>,
    pub(super) nodes: BTreeMap<NodeName, NodeSpec>,
    /// What happens once, one step after the other.
    pub(super) story: Vec<Step>,
}

/// One node.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct NodeSpec {
    pub(super) role: Role,
    pub(super) listens: bool,
    pub(super) dials: Vec<NodeName>,
    /// The services that it enables; all but bench where nothing is said.
    pub(super) services: Option<Vec<String>>,
    /// More lines of its configuration.
    pub(super) settings: serde_json::Map<String, Value>,
    /// What it watches, and at whom.
    pub(super) watch: BTreeMap<NodeName, Vec<String>>,
    pub(super) calls: Vec<Call>,
}

impl NodeSpec {
    /// Whether it watches this topic.
    pub(super) fn is_told(&self, topic: &str) -> bool {
        let holds = |watched: &String| match watched.strip_suffix('*') {
            Some(service) => topic.starts_with(service),
            None => watched == topic,
        };
        self.watch.values().flatten().any(holds)
    }
}

/// A request that a node issues of itself, once or again and again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Call {
    pub(super) to: NodeName,
    pub(super) method: MethodName,
    pub(super) params: Value,
    /// From the network's readiness to the first request.
    pub(super) after: Duration,
    /// From one request to the next.
    pub(super) every: Duration,
    /// How often; without end where nothing is said.
    pub(super) times: Option<u32>,
    /// `ok`, or the code that is meant to come back.
    #[serde(with = "word")]
    pub(super) expect: Outcome,
}

/// An [`Outcome`] by its word.
mod word {
    use bothways::exchange::Outcome;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(outcome: &Outcome, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(outcome.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Outcome, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

impl Call {
    /// Whether it is meant to be refused by a role: such a request is never sent.
    pub(super) fn is_refused(&self) -> bool {
        self.expect == Outcome::Failed(Code::PermissionDenied)
    }

    /// When its last request leaves, or its first where there is no last.
    pub(super) fn last_at(&self) -> Duration {
        self.after + self.every * self.times.unwrap_or(1).saturating_sub(1)
    }
}

impl Topology {
    /// Reads and checks a topology; `place` is what its problems are told with.
    pub(super) fn parse(place: &Path, text: &str) -> Result<Self> {
        let mut problems = Vec::new();
        let written = read::read(text, &mut problems);
        let checked = check::check(&written, &mut problems);
        problems.sort_by_key(|problem| problem.line);
        let mut told = problems.iter().map(|problem| format!("{}:{problem}", place.display()));
        match (told.next(), told.len()) {
            (None, _) => Ok(checked),
            (Some(only), 0) => Err(Trouble::new(Exit::Config, only)),
            (Some(first), _) => Err(Trouble::new(Exit::Config, "the topology is wrong")
                .details(std::iter::once(first).chain(told))),
        }
    }

    /// The same, and the person at the terminal and every node may read the records of each node
    /// that says nothing else of it (`exchange.readers`): the network is that person's.
    pub(super) fn with_readers(mut self) -> Self {
        let names = self.nodes.keys().map(NodeName::as_str).chain([PERSON]);
        let readers: Value = names.map(Value::from).collect();
        for spec in self.nodes.values_mut() {
            let exchange = spec.settings.entry("exchange").or_insert_with(|| json!({}));
            if let Value::Object(exchange) = exchange {
                exchange.entry("readers").or_insert_with(|| readers.clone());
            }
        }
        self
    }

    /// The nodes in the order in which they can start: whoever is dialed comes first.
    pub(super) fn start_order(&self) -> Vec<NodeName> {
        let mut order: Vec<NodeName> = Vec::new();
        while order.len() < self.nodes.len() {
            let ready = |spec: &NodeSpec| spec.dials.iter().all(|peer| order.contains(peer));
            let next: Vec<_> = self
                .nodes
                .iter()
                .filter(|(name, spec)| !order.contains(name) && ready(spec))
                .map(|(name, _)| name.clone())
                .collect();
            if next.is_empty() {
                // A circle, which the check has told of.
                break;
            }
            order.extend(next);
        }
        order
    }

    /// Every call, scripted or of the story, with the node that issues it.
    pub(super) fn calls(&self) -> impl Iterator<Item = (&NodeName, &Call)> {
        let scripted = |(name, spec)| {
            let spec: &NodeSpec = spec;
            spec.calls.iter().map(move |call| (name, call))
        };
        let told = self.story.iter().filter_map(|step| match step {
            Step::Call(story) => Some((&story.node, &story.call)),
            _ => None,
        });
        self.nodes.iter().flat_map(scripted).chain(told)
    }

    /// Whether a call goes over a connection that its node did not open.
    pub(super) fn is_callback(&self, asker: &NodeName, call: &Call) -> bool {
        let dials = |from: &NodeName, to: &NodeName| {
            self.nodes.get(from).is_some_and(|spec| spec.dials.contains(to))
        };
        !dials(asker, &call.to) && dials(&call.to, asker)
    }
}

/// What is wrong with a topology, and in which line.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Problem {
    line: usize,
    what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.line, self.what)
    }
}

/// A value with the line in which it stands.
#[derive(Debug, Clone, Default)]
struct Lined<T> {
    line: usize,
    value: T,
}

/// A topology as it was written.
#[derive(Debug, Default)]
struct Written {
    network: Option<NetworkName>,
    nodes: Vec<WrittenNode>,
    story: Vec<Lined<Step>>,
}

#[derive(Debug)]
struct WrittenNode {
    name: Lined<NodeName>,
    role: Role,
    /// What the role usually does, where nothing is said.
    listen: Option<Lined<bool>>,
    dials: Vec<Lined<NodeName>>,
    services: Option<Vec<Lined<String>>>,
    settings: Lined<serde_json::Map<String, Value>>,
    watch: Vec<(Lined<NodeName>, Vec<Lined<String>>)>,
    calls: Vec<Lined<Call>>,
}

#[cfg(test)]
mod tests;
