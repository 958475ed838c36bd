//! Whether a node can watch what it is to watch.

use bothways::config::BUILT_IN_SERVICES;

use super::Check;
use crate::cli::dev::topology::read::suggestion;
use crate::cli::dev::topology::{Lined, Topology, WrittenNode};

impl Check<'_> {
    pub(super) fn watch(&mut self, topology: &Topology, node: &WrittenNode) {
        let name = &node.name.value;
        for (Lined { line, value: peer }, topics) in &node.watch {
            let Some(answerer) = topology.nodes.get(peer) else {
                self.tell_unknown(*line, peer);
                continue;
            };
            if !node.role.asks() {
                self.tell(*line, format!("{name} watches nobody: its role is {}", node.role));
            } else if !answerer.role.answers() {
                let role = answerer.role;
                self.tell(*line, format!("{peer} answers no requests: its role is {role}"));
            }
            self.met(topology, *line, name, peer);
            for topic in topics {
                if let Some(wrong) = wrong_topic(&topic.value) {
                    self.tell(topic.line, wrong);
                }
            }
        }
    }
}

fn wrong_topic(topic: &str) -> Option<String> {
    let service = match topic.split_once('.') {
        Some((service, rest)) if !rest.is_empty() => service,
        _ => return Some(format!("`{topic}` is no topic: write it as people.created or people.*")),
    };
    let known = BUILT_IN_SERVICES.contains(&service);
    let meant = || suggestion(service, BUILT_IN_SERVICES.iter().copied());
    (!known).then(|| format!("unknown service `{service}`{}", meant()))
}
