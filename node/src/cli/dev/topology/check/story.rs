//! Whether a story can be told: each step by a node that is there at that time, with results that
//! an earlier step has named and events that the node watches.

use std::collections::BTreeSet;

use bothways_protocol::NodeName;

use super::Check;
use crate::cli::dev::topology::read::suggestion;
use crate::cli::dev::topology::reference::{is_name, names};
use crate::cli::dev::topology::{Lined, Step, StoryCall, Topology};

/// What has happened before a step.
#[derive(Default)]
struct Before<'w> {
    away: BTreeSet<&'w NodeName>,
    names: BTreeSet<&'w str>,
}

impl Check<'_> {
    pub(super) fn story(&mut self, topology: &Topology) {
        let (written, mut before) = (self.written, Before::default());
        for (at, step) in written.story.iter().enumerate() {
            if let Err(why) = self.step(topology, step, &mut before) {
                self.tell(
                    step.line,
                    format!("step {} of the story, {}: {why}", at + 1, step.value),
                );
            }
        }
    }

    fn step<'w>(
        &mut self,
        topology: &Topology,
        step: &'w Lined<Step>,
        before: &mut Before<'w>,
    ) -> Result<(), String> {
        let name = step.value.node();
        let Some(node) = self.find(name) else {
            self.tell_unknown(step.line, name);
            return Ok(());
        };
        match &step.value {
            Step::Back(_) => match before.away.remove(name) {
                true => Ok(()),
                false => Err(format!("{name} is not away")),
            },
            _ if before.away.contains(name) => {
                Err(format!("{name} is away: add a step back = \"{name}\" before"))
            }
            Step::Away(_) => {
                before.away.insert(name);
                Ok(())
            }
            Step::Hears { topic, .. } => match topology.nodes[name].is_told(topic) {
                true => Ok(()),
                false => Err(format!("{name} does not watch {topic}: add it to its `watch`")),
            },
            Step::Call(said) => {
                let call = Lined { line: step.line, value: said.call.clone() };
                self.call(topology, node, &call);
                before.note(said)
            }
        }
    }
}

impl<'w> Before<'w> {
    /// Checks what a call refers to, and notes the name that it gives.
    fn note(&mut self, said: &'w StoryCall) -> Result<(), String> {
        if let Some(unknown) =
            names(&said.call.params).iter().find(|name| !self.names.contains(*name))
        {
            let meant = suggestion(unknown, self.names.iter().copied());
            return Err(format!("no earlier step has `as = \"{unknown}\"`{meant}"));
        }
        let Some(name) = &said.name else { return Ok(()) };
        if !is_name(name) {
            return Err(format!("`as` is a word of letters, digits, - and _, not {name:?}"));
        }
        match self.names.insert(name) {
            true => Ok(()),
            false => Err(format!("an earlier step has `as = \"{name}\"`, too")),
        }
    }
}
