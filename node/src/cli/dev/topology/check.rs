//! Whether a topology can be: before anything starts, roles are held against what their nodes are
//! to do.

mod story;
mod watch;

use std::collections::BTreeMap;
use std::time::Duration;

use bothways::config::BUILT_IN_SERVICES;
use bothways_protocol::{NodeName, Role};

use super::read::suggestion;
use super::{Call, Lined, NodeSpec, PERSON, Problem, Topology, Written, WrittenNode};

/// The shortest time between two requests of one call.
const EVERY_MIN: Duration = Duration::from_millis(10);

/// Makes a topology of what was written; what contradicts itself goes to `problems`.
pub(super) fn check(written: &Written, problems: &mut Vec<Problem>) -> Topology {
    let mut check = Check { problems, written };
    if written.nodes.is_empty() && check.problems.is_empty() {
        check.tell(1, "there is no node: write [nodes.NAME]");
    }
    for node in &written.nodes {
        check.node(node);
    }
    let nodes: BTreeMap<_, _> = written.nodes.iter().map(spec_of).collect();
    let story = written.story.iter().map(|step| step.value.clone()).collect();
    let topology = Topology { network: written.network.clone(), nodes, story };
    check.circles(&topology);
    for node in &written.nodes {
        check.watch(&topology, node);
        for call in &node.calls {
            check.call(&topology, node, call);
        }
    }
    check.story(&topology);
    topology
}

fn spec_of(node: &WrittenNode) -> (NodeName, NodeSpec) {
    let values = |items: &[Lined<String>]| items.iter().map(|item| item.value.clone()).collect();
    let spec = NodeSpec {
        role: node.role,
        listens: node.listens(),
        dials: node.dials.iter().map(|peer| peer.value.clone()).collect(),
        services: node.services.as_deref().map(values),
        settings: node.settings.value.clone(),
        watch: node.watch.iter().map(|(peer, said)| (peer.value.clone(), values(said))).collect(),
        calls: node.calls.iter().map(|call| call.value.clone()).collect(),
    };
    (node.name.value.clone(), spec)
}

impl WrittenNode {
    fn listens(&self) -> bool {
        self.listen.as_ref().map_or(self.role.listens(), |listen| listen.value)
    }
}

struct Check<'a> {
    problems: &'a mut Vec<Problem>,
    written: &'a Written,
}

/// The settings that a topology says in its own words.
const SAID: [&str; 8] =
    ["name", "role", "listen", "control", "data", "services", "identity", "peers"];

impl<'a> Check<'a> {
    fn tell(&mut self, line: usize, what: impl Into<String>) {
        self.problems.push(Problem { line, what: what.into() });
    }

    fn node(&mut self, node: &WrittenNode) {
        let (name, role) = (&node.name.value, node.role);
        if name.as_str() == PERSON {
            let what = format!("`{PERSON}` is the name of the person at the terminal");
            self.tell(node.name.line, format!("{what}: choose another"));
        }
        match &node.listen {
            Some(listen) if listen.value && !role.listens() => {
                self.tell(listen.line, format!("role {role} never listens"));
            }
            Some(listen) if !listen.value && !role.dials() => {
                self.tell(listen.line, format!("role {role} never dials, so it must listen"));
            }
            _ => {}
        }
        for peer in &node.dials {
            self.dial(name, role, peer);
        }
        for service in node.services.iter().flatten() {
            let word = service.value.as_str();
            if !BUILT_IN_SERVICES.contains(&word) {
                let meant = suggestion(word, BUILT_IN_SERVICES.iter().copied());
                self.tell(service.line, format!("unknown service `{word}`{meant}"));
            }
        }
        let said = SAID.iter().find(|said| node.settings.value.contains_key(**said));
        if let Some(said) = said {
            self.tell(node.settings.line, format!("`settings`: the topology itself says `{said}`"));
        }
    }

    fn dial(&mut self, name: &NodeName, role: Role, peer: &Lined<NodeName>) {
        let Lined { line, value: peer } = peer;
        if !role.dials() {
            return self.tell(*line, format!("role {role} never dials"));
        }
        if peer == name {
            return self.tell(*line, format!("{name} is to dial itself"));
        }
        match self.find(peer) {
            None => self.tell_unknown(*line, peer),
            Some(other) if !other.listens() => {
                self.tell(*line, format!("{peer} does not listen, so {name} cannot dial it"));
            }
            Some(_) => {}
        }
    }

    fn find(&self, name: &NodeName) -> Option<&'a WrittenNode> {
        self.written.nodes.iter().find(|node| node.name.value == *name)
    }

    fn tell_unknown(&mut self, line: usize, name: &NodeName) {
        let known = self.written.nodes.iter().map(|node| node.name.value.as_str());
        let meant = suggestion(name.as_str(), known);
        self.tell(line, format!("there is no node `{name}`{meant}"));
    }

    /// Each node learns the addresses of those it dials when it starts, so they start before it.
    fn circles(&mut self, topology: &Topology) {
        let order = topology.start_order();
        let known = |peer: &NodeName| topology.nodes.contains_key(peer);
        let stuck: Vec<_> = (self.written.nodes.iter())
            .filter(|node| !order.contains(&node.name.value))
            .filter(|node| node.dials.iter().all(|peer| known(&peer.value)))
            .collect();
        let itself =
            |node: &&WrittenNode| node.dials.iter().any(|peer| peer.value == node.name.value);
        if let Some(first) = stuck.first().filter(|_| !stuck.iter().any(itself)) {
            let names: Vec<_> = stuck.iter().map(|node| node.name.value.as_str()).collect();
            let what = "dial each other in a circle: one session serves both ways, \
                        so one of them need not dial";
            self.tell(first.name.line, format!("{} {what}", names.join(" and ")));
        }
    }

    fn call(&mut self, topology: &Topology, node: &WrittenNode, call: &Lined<Call>) {
        let (name, Lined { line, value: call }) = (&node.name.value, call);
        let Some(answerer) = topology.nodes.get(&call.to) else {
            return self.tell_unknown(*line, &call.to);
        };
        if call.to == *name {
            return self.tell(*line, format!("{name} is to ask itself"));
        }
        if call.every < EVERY_MIN {
            self.tell(*line, format!("`every` is {}ms or more", EVERY_MIN.as_millis()));
        }
        self.met(topology, *line, name, &call.to);
        let refused = if !node.role.asks() {
            Some(format!("{name} issues no requests: its role is {}", node.role))
        } else if !answerer.role.answers() {
            Some(format!("{} answers no requests: its role is {}", call.to, answerer.role))
        } else {
            None
        };
        match refused {
            Some(why) if !call.is_refused() => {
                let meant = "if it is meant to be refused, add expect = \"permission_denied\"";
                self.tell(*line, format!("{why}; {meant}"));
            }
            None if call.is_refused() => {
                self.tell(*line, "no role refuses this call: remove `expect`");
            }
            _ => {}
        }
    }

    /// Two nodes have a session if one of them dials the other.
    fn met(&mut self, topology: &Topology, line: usize, name: &NodeName, peer: &NodeName) {
        let dials = |from: &NodeName, to: &NodeName| topology.nodes[from].dials.contains(to);
        if !dials(name, peer) && !dials(peer, name) {
            let what = format!("neither {name} nor {peer} dials the other");
            self.tell(line, format!("{what}: add one to the other's `dials`"));
        }
    }
}
