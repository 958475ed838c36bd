//! A topology: which nodes there are, in which roles, who dials whom, and what they ask each
//! other. As written (TOML) → checked, each problem with its line.

mod check;
mod read;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use bothways::exchange::Outcome;
use bothways_protocol::{Code, MethodName, NetworkName, NodeName, Role};
use serde::{Deserialize, Serialize};

use super::super::{Exit, Result, Trouble};

/// The name of the person's own identity: no node has it.
pub(super) const PERSON: &str = "you";

/// The nodes of a network on this machine, checked: each can start, and each call can be made.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Topology {
    /// What the authority's network is called, where the file says it.
    pub(super) network: Option<NetworkName>,
    pub(super) nodes: BTreeMap<NodeName, NodeSpec>,
}

/// One node.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct NodeSpec {
    pub(super) role: Role,
    pub(super) listens: bool,
    pub(super) dials: Vec<NodeName>,
    /// The services that it enables; all of them, where nothing is said.
    pub(super) services: Option<Vec<String>>,
    pub(super) calls: Vec<Call>,
}

/// A request that a node issues of itself, once or again and again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Call {
    pub(super) to: NodeName,
    pub(super) method: MethodName,
    pub(super) params: serde_json::Value,
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

    /// Every scripted call, with the node that issues it.
    pub(super) fn calls(&self) -> impl Iterator<Item = (&NodeName, &Call)> {
        self.nodes.iter().flat_map(|(name, spec)| spec.calls.iter().map(move |call| (name, call)))
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
}

#[derive(Debug)]
struct WrittenNode {
    name: Lined<NodeName>,
    role: Role,
    /// What the role usually does, where nothing is said.
    listen: Option<Lined<bool>>,
    dials: Vec<Lined<NodeName>>,
    services: Option<Vec<Lined<String>>>,
    calls: Vec<Lined<Call>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> String {
        Topology::parse(Path::new("t.toml"), text).unwrap_err().text()
    }

    const PAIR: &str = "[nodes.hub]\nrole = 'server'\n[nodes.desk]\ndials = ['hub']\n";

    #[test]
    fn a_whole_topology_is_read() {
        let text = format!(
            "network = 'demo'\n{PAIR}listen = false\nservices = ['people']\n\
             [[nodes.desk.calls]]\nto = 'hub'\nmethod = 'people.create'\n\
             params = {{ name = 'Ann', tags = [1, -2, 1.5, true] }}\n\
             after = '500ms'\nevery = '2s'\ntimes = 3\n"
        );
        let topology = Topology::parse(Path::new("t.toml"), &text).unwrap();
        assert_eq!(topology.network.as_ref().map(NetworkName::as_str), Some("demo"));
        let desk = &topology.nodes[&"desk".parse::<NodeName>().unwrap()];
        assert!(!desk.listens && desk.role == Role::Peer);
        let [call] = desk.calls.as_slice() else { panic!("{desk:?}") };
        let params = serde_json::json!({ "name": "Ann", "tags": [1, -2, 1.5, true] });
        assert_eq!((&call.params, call.times), (&params, Some(3)));
        assert_eq!(call.last_at(), Duration::from_millis(4_500));
        assert_eq!(call.expect, Outcome::Ok);
        let order: Vec<_> = topology.start_order().iter().map(ToString::to_string).collect();
        assert_eq!(order, ["hub", "desk"]);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line_and_what_was_meant() {
        let table = [
            ("nods = 1", "t.toml:1: unknown key `nods`: did you mean `nodes`?"),
            ("", "t.toml:1: there is no node: write [nodes.NAME]"),
            ("[nodes.hub]\nrolle = 'peer'", "t.toml:2: unknown key `rolle`: did you mean `role`?"),
            ("[nodes.hub]\nrole = 'boss'", "t.toml:2: \"boss\" is no role"),
            ("[nodes.hub]\nlisten = 3", "t.toml:2: `listen` is true or false"),
            ("[nodes.Hub]", "t.toml:1: \"Hub\" is no node name"),
            ("[nodes.you]", "t.toml:1: `you` is the name of the person at the terminal"),
            (
                "[nodes.a]\ndials = [\n 'hbu']\n[nodes.hub]",
                "t.toml:3: there is no node `hbu`: did you mean `hub`?",
            ),
            (
                "[nodes.a]\nrole='server'\ndials=['b']\n[nodes.b]",
                "t.toml:3: role server never dials",
            ),
            ("[nodes.a]\nrole='client'\nlisten=true", "t.toml:3: role client never listens"),
            (
                "[nodes.a]\nrole='server'\nlisten=false",
                "t.toml:3: role server never dials, so it must listen",
            ),
            (
                "[nodes.a]\ndials=['b']\n[nodes.b]\nlisten=false",
                "t.toml:2: b does not listen, so a cannot dial it",
            ),
            ("[nodes.a]\ndials=['a']", "t.toml:2: a is to dial itself"),
            (
                "[nodes.a]\nservices=['poeple']",
                "t.toml:2: unknown service `poeple`: did you mean `people`?",
            ),
            ("nodes = 7", "t.toml:1: `nodes` is a table"),
            ("[nodes.a]\n=", "t.toml:2: no TOML: "),
        ];
        for (text, expected) in table {
            let told = told(text);
            assert!(told.contains(expected), "{text}\n{told}");
        }
    }

    #[test]
    fn a_circle_of_dials_is_refused_since_one_session_serves_both_ways() {
        let told = told("[nodes.a]\ndials=['b']\n[nodes.b]\ndials=['a']");
        assert!(told.contains("a and b dial each other in a circle"), "{told}");
    }

    #[test]
    fn a_call_that_a_role_forbids_is_wrong_unless_it_is_meant_to_be_refused() {
        let call = |node: &str, to: &str, more: &str| {
            format!(
                "{PAIR}[nodes.kiosk]\nrole = 'client'\ndials = ['desk']\n\
                 [[nodes.{node}.calls]]\nto = '{to}'\nmethod = 'node.ping'\n{more}"
            )
        };
        let table = [
            (call("hub", "desk", ""), "hub issues no requests: its role is server"),
            (call("desk", "kiosk", ""), "kiosk answers no requests: its role is client"),
            (call("kiosk", "hub", ""), "neither kiosk nor hub dials the other"),
            (call("desk", "hub", "times = 0"), "`times` is 1 or more"),
            (call("desk", "hub", "every = '0s'"), "`every` is 10ms or more"),
            (call("desk", "hub", "every = 5"), "`every` is a time, as text, such as \"500ms\""),
            (call("desk", "hub", "evry = '5s'"), "unknown key `evry`: did you mean `every`?"),
            (call("desk", "hub", "expect = 'denied'"), "\"denied\""),
            (call("desk", "hub", "expect = 'permission_denied'"), "no role refuses this call"),
            (call("desk", "desk", ""), "desk is to ask itself"),
        ];
        for (text, expected) in table {
            let told = told(&text);
            assert!(told.contains(expected) && told.contains("t.toml:"), "{text}\n{told}");
        }
        let meant = call("desk", "kiosk", "expect = 'permission_denied'");
        let topology = Topology::parse(Path::new("t.toml"), &meant).unwrap();
        let (asker, refused) = topology.calls().next().unwrap();
        assert!(refused.is_refused() && topology.is_callback(asker, refused));
    }

    #[test]
    fn the_topologies_that_come_along_are_right_and_roles_shows_what_it_promises() {
        let shown = |text: &str| Topology::parse(Path::new("t.toml"), text).unwrap();
        let topologies = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/topologies");
        for name in ["duo", "hub", "roles"] {
            let text = std::fs::read_to_string(format!("{topologies}/{name}.toml")).unwrap();
            assert!(!shown(&text).nodes.is_empty());
        }
        let roles = shown(super::super::up::USUAL);
        let count = |role| roles.nodes.values().filter(|spec| spec.role == role).count();
        assert!(count(Role::Server) >= 1 && count(Role::Peer) >= 2 && count(Role::Client) >= 1);
        assert!(roles.nodes.values().any(|spec| spec.role == Role::Peer && !spec.listens));
        let early = |call: &Call| call.after <= Duration::from_secs(3);
        let answered = roles.calls().filter(|(_, call)| early(call) && !call.is_refused());
        let directions: std::collections::BTreeSet<_> =
            answered.map(|(asker, call)| (asker, &call.to)).collect();
        assert!(directions.len() >= 3, "{directions:?}");
        assert!(roles.calls().any(|(asker, call)| roles.is_callback(asker, call)
            && !call.is_refused()
            && roles.nodes[asker].listens));
        assert!(roles.calls().any(|(_, call)| call.is_refused() && early(call)));
    }
}
