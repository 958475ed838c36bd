//! What of a story is to be found in the logs, beside its requests: events at those who watch, nodes
//! that were away and came back, and the reasons of what failed.

use std::collections::{BTreeMap, BTreeSet};

use bothways::exchange::Outcome;

use super::Seen;
use crate::cli::dev::topology::{Step, StoryCall, Topology};
use crate::cli::merged::{EVENT, EVENT_TARGET, Event, FAILED, SCRIPT_TARGET};

/// What the logs tell of a story.
#[derive(Debug, Default)]
pub(super) struct SeenOfStory {
    /// How often who was told of what: subscriber, peer, topic.
    pub(super) events: BTreeMap<[String; 3], usize>,
    /// Nodes that have stopped.
    pub(super) stopped: BTreeSet<String>,
    /// How often a node that had stopped has started again.
    pub(super) returns: BTreeMap<String, usize>,
    /// Why a request failed: asker, peer, method, code.
    pub(super) reasons: BTreeMap<[String; 4], String>,
}

impl SeenOfStory {
    pub(super) fn note(&mut self, node: &str, event: &Event) {
        let (node, field) = (node.to_owned(), |name| event.field(name).to_owned());
        match (event.target.as_str(), event.message.as_str()) {
            (EVENT_TARGET, EVENT) => {
                *self.events.entry([node, field("peer"), field("topic")]).or_default() += 1;
            }
            (SCRIPT_TARGET, FAILED) => {
                let failed = [node, field("peer"), field("method"), field("code")];
                self.reasons.insert(failed, field("why"));
            }
            (_, "stopped") => _ = self.stopped.insert(node),
            (_, "started") if self.stopped.remove(&node) => {
                *self.returns.entry(node).or_default() += 1;
            }
            _ => {}
        }
    }
}

impl Seen {
    /// What a story promises and the logs do not tell.
    pub(super) fn missing_of_story(&self, topology: &Topology) -> Vec<String> {
        let mut missing = Vec::new();
        for (step, times) in counted(topology) {
            let (what, seen) = match step {
                Step::Hears { node, topic } => {
                    let heard = |[at, _, told]: &&[String; 3]| at == node.as_str() && told == topic;
                    let keys = self.story.events.keys().filter(heard);
                    (
                        format!("{node} was told of {topic}"),
                        keys.map(|key| self.story.events[key]).sum(),
                    )
                }
                Step::Back(node) => {
                    let seen = self.story.returns.get(node.as_str()).copied().unwrap_or_default();
                    (format!("{node} stopped and started again"), seen)
                }
                Step::Call(_) | Step::Away(_) => continue,
            };
            if seen < times {
                missing.push(format!("{what}: {seen} of {times} times"));
            }
        }
        let failed =
            failed(topology).into_iter().filter(|failed| !self.story.reasons.contains_key(failed));
        missing.extend(failed.map(|[asker, to, method, code]| {
            format!("{asker} → {to} {method} {code}: no reason was told")
        }));
        missing
    }

    /// What was seen of it, in a few lines.
    pub(super) fn told_of_story(&self, topology: &Topology) -> Vec<String> {
        let mut answered: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for step in &topology.story {
            if let Step::Call(story) = step
                && let StoryCall { node, call, .. } = &**story
                && call.expect == Outcome::Ok
                && self.count((node, &call.to, &call.method, Outcome::Ok)).0 > 0
            {
                answered.entry((node, &call.to)).or_default().push(call.method.as_str());
            }
        }
        let mut told: Vec<_> = answered
            .into_iter()
            .map(|((asker, to), methods)| {
                format!("answered: {asker} → {to} {}", methods.join(", "))
            })
            .collect();
        let away: Vec<_> = self.story.returns.keys().map(String::as_str).collect();
        if !away.is_empty() {
            told.push(format!("away, and back again: {}", away.join(", ")));
        }
        let mut events: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for [node, peer, topic] in self.story.events.keys() {
            events.entry((peer, node)).or_default().push(topic.as_str());
        }
        told.extend(events.into_iter().map(|((peer, node), topics)| {
            format!("events: {peer} ⇒ {node} {}", topics.join(", "))
        }));
        told.extend(failed(topology).iter().filter_map(|failed| {
            let [asker, to, method, code] = failed;
            let why = self.story.reasons.get(failed)?;
            Some(format!("failed as it should: {asker} → {to} {method} {code} ({why})"))
        }));
        told
    }
}

/// The steps, and how often each is taken.
fn counted(topology: &Topology) -> Vec<(&Step, usize)> {
    let mut counted: Vec<(&Step, usize)> = Vec::new();
    for step in &topology.story {
        match counted.iter_mut().find(|(known, _)| *known == step) {
            Some((_, times)) => *times += 1,
            None => counted.push((step, 1)),
        }
    }
    counted
}

/// The requests that are sent and meant to fail: asker, peer, method, code.
fn failed(topology: &Topology) -> BTreeSet<[String; 4]> {
    let fails =
        topology.calls().filter(|(_, call)| call.expect != Outcome::Ok && !call.is_refused());
    let words = fails.map(|(asker, call)| {
        [
            asker.to_string(),
            call.to.to_string(),
            call.method.to_string(),
            call.expect.as_str().to_owned(),
        ]
    });
    words.collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::*;
    use crate::cli::merged::Entry;

    const STORY: &str = "[nodes.hub]\nrole = 'server'\n[nodes.phone]\ndials = ['hub']\n\
        watch.hub = ['messages.*']\n[[story]]\naway = 'phone'\n[[story]]\nback = 'phone'\n\
        [[story]]\nnode = 'phone'\nhears = 'messages.sent'\n\
        [[story]]\nnode = 'phone'\nto = 'hub'\nmethod = 'people.get'\nexpect = 'not_found'\n";

    fn seen(lines: &[serde_json::Value]) -> Seen {
        let mut seen = Seen::default();
        lines.iter().for_each(|line| seen.note(Entry::read("phone", &line.to_string())));
        seen
    }

    #[test]
    fn each_part_of_a_story_is_missed_where_the_logs_do_not_tell_of_it() {
        let topology = Topology::parse(Path::new("t.toml"), STORY).unwrap();
        let lines = [
            json!({ "message": "started", "role": "peer" }),
            json!({ "message": "stopped" }),
            json!({ "message": "started", "role": "peer" }),
            json!({ "target": "event", "message": "event received", "peer": "hub",
                "topic": "messages.sent", "bytes": 7 }),
            json!({ "target": "script", "message": "request failed", "peer": "hub",
                "method": "people.get", "code": "not_found", "why": "nobody" }),
        ];
        assert_eq!(seen(&lines).missing_of_story(&topology), [""; 0]);
        assert_eq!(
            seen(&lines).told_of_story(&topology),
            [
                "away, and back again: phone",
                "events: hub ⇒ phone messages.sent",
                "failed as it should: phone → hub people.get not_found (nobody)",
            ]
        );
        let missing = [
            "phone stopped and started again: 0 of 1 times",
            "phone was told of messages.sent: 0 of 1 times",
            "phone → hub people.get not_found: no reason was told",
        ];
        for (without, expected) in [1, 3, 4].into_iter().zip(missing) {
            let mut fewer = lines.to_vec();
            fewer.remove(without);
            assert_eq!(seen(&fewer).missing_of_story(&topology), [expected]);
        }
    }
}
