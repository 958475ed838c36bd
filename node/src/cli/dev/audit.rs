//! Whether everything was seen that a topology promises: what `dev up --once` looks for in the
//! nodes' logs.

mod story;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader};

use anyhow::Context;
use bothways::exchange::{Direction, Log, Outcome, Record};
use bothways_protocol::{MethodName, NodeName};

use super::network::Ground;
use super::topology::Topology;
use crate::cli::Result;
use crate::cli::merged::{Entry, Line, NOT_SENT, SCRIPT_TARGET};
use story::SeenOfStory;

/// What the logs tell.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Nodes that are up, and the roles that they say they have.
    roles: BTreeMap<String, String>,
    records: Vec<Record>,
    /// Requests that were not sent: asker, peer, method, code.
    not_sent: Vec<[String; 4]>,
    /// Who opened a connection to whom.
    dialed: BTreeSet<(String, String)>,
    story: SeenOfStory,
}

/// A scripted request: who asks whom for what, and how it is to end.
type Wanted<'t> = (&'t NodeName, &'t NodeName, &'t MethodName, Outcome);

impl Seen {
    /// Reads the logs of all nodes.
    pub(super) fn read(ground: &Ground, topology: &Topology) -> Result<Self> {
        let mut seen = Self::default();
        for node in topology.nodes.keys() {
            let path = ground.log(node);
            let about = || format!("cannot read {}", path.display());
            let open = || File::open(&path).map(BufReader::new).with_context(about);
            seen.records.extend(Log::read(open()?).with_context(about)?.records);
            for line in open()?.split(b'\n') {
                let line = String::from_utf8_lossy(&line.with_context(about)?).into_owned();
                seen.note(Entry::read(node.as_str(), &line));
            }
        }
        Ok(seen)
    }

    fn note(&mut self, entry: Entry) {
        let Line::Event(event) = entry.line else { return };
        self.story.note(&entry.node, &event);
        let field = |name| event.field(name).to_owned();
        match (event.target.as_str(), event.message.as_str()) {
            (_, "started") => _ = self.roles.insert(entry.node, field("role")),
            (SCRIPT_TARGET, NOT_SENT) => {
                self.not_sent.push([entry.node, field("peer"), field("method"), field("code")]);
            }
            (_, "session begins") if event.field("dialed") == "us" => {
                self.dialed.insert((entry.node, field("peer")));
            }
            _ => {}
        }
    }

    /// What a topology promises and the logs do not tell.
    pub(super) fn missing(&self, topology: &Topology) -> Vec<String> {
        let mut missing = Vec::new();
        for (name, spec) in &topology.nodes {
            let role = self.roles.get(name.as_str());
            if role.map(String::as_str) != Some(spec.role.as_str()) {
                missing.push(format!("{name} did not say that it is up as {}", spec.role));
            }
        }
        for (wanted, times) in wanted(topology) {
            let (asker, to, method, code) = wanted;
            let (seen, where_seen) = match self.count(wanted) {
                (0, 0, not_sent) if not_sent > 0 => (not_sent, "not sent"),
                (both, _, _) => (both, "at both ends"),
            };
            if seen < times {
                missing.push(format!(
                    "{asker} → {to} {method} {code}: seen {where_seen} {seen} of {times} times"
                ));
            }
        }
        for (asker, call) in
            topology.calls().filter(|(asker, call)| topology.is_callback(asker, call))
        {
            let (asker, to) = (asker.to_string(), call.to.to_string());
            if self.dialed.contains(&(asker.clone(), to.clone())) {
                missing.push(format!("{asker} opened a connection to {to}, which it was not to"));
            } else if !self.dialed.contains(&(to.clone(), asker.clone())) {
                missing.push(format!("{to} opened no connection to {asker}"));
            }
        }
        missing.extend(self.missing_of_story(topology));
        missing.sort();
        missing.dedup();
        missing
    }

    /// How often it was seen at both ends, at one of them, and not sent.
    fn count(&self, (asker, to, method, code): Wanted<'_>) -> (usize, usize, usize) {
        let spans = |dir| -> BTreeSet<_> {
            let fits = |record: &&Record| {
                record.dir == dir
                    && (dir == Direction::In || record.sent_bytes > 0)
                    && (record.asker(), record.answerer()) == (asker, to)
                    && record.method.as_str() == method.as_str()
                    && record.code == code
            };
            self.records.iter().filter(fits).map(|record| record.span_id.to_string()).collect()
        };
        let (asked, answered) = (spans(Direction::Out), spans(Direction::In));
        let not_sent = [asker.as_str(), to.as_str(), method.as_str(), code.as_str()];
        let not_sent = self.not_sent.iter().filter(|seen| **seen == not_sent).count();
        let both = asked.intersection(&answered).count();
        (both, asked.union(&answered).count() - both, not_sent)
    }

    /// What was seen, in a few lines.
    pub(super) fn told(&self, topology: &Topology) -> Vec<String> {
        let nodes: Vec<_> =
            topology.nodes.iter().map(|(name, spec)| format!("{name} ({})", spec.role)).collect();
        let counts: Vec<_> = wanted(topology)
            .into_keys()
            .map(|wanted| ((wanted.0, wanted.1), self.count(wanted)))
            .collect();
        let requests: usize = counts.iter().map(|(_, (both, ..))| both).sum();
        let directions: BTreeSet<_> =
            counts.iter().filter(|(_, (both, ..))| *both > 0).map(|(ends, _)| ends).collect();
        let arrows = |chosen: &dyn Fn(&(&NodeName, &super::topology::Call)) -> bool| {
            let arrow = |(asker, call): (&NodeName, &super::topology::Call)| {
                format!("{asker} → {} {}", call.to, call.method)
            };
            let arrows: Vec<_> = topology.calls().filter(chosen).map(arrow).collect();
            arrows.join(", ")
        };
        let mut told = vec![
            format!("up: {}", nodes.join(", ")),
            format!(
                "{} in {}, each seen at both ends",
                counted(requests, "request"),
                counted(directions.len(), "direction")
            ),
        ];
        let back = arrows(&|(asker, call)| !call.is_refused() && topology.is_callback(asker, call));
        let refused = arrows(&|(_, call)| call.is_refused());
        if !back.is_empty() {
            told.push(format!("over a connection that the other side opened: {back}"));
        }
        if !refused.is_empty() {
            told.push(format!("refused by a role: {refused}"));
        }
        told.extend(self.told_of_story(topology));
        told
    }
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// What is to be seen, and how often at the least.
fn wanted(topology: &Topology) -> BTreeMap<Wanted<'_>, usize> {
    let mut wanted = BTreeMap::new();
    for (asker, call) in topology.calls() {
        *wanted.entry((asker, &call.to, &call.method, call.expect)).or_default() +=
            call.times.unwrap_or(1) as usize;
    }
    wanted
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use bothways_protocol::Code;
    use serde_json::json;

    use super::*;

    const PAIR: &str = "[nodes.desk]\n[[nodes.desk.calls]]\nto = 'phone'\nmethod = 'node.ping'\n\
                        times = 2\n[nodes.phone]\nlisten = false\ndials = ['desk']\n";

    fn topology() -> Topology {
        Topology::parse(Path::new("t.toml"), PAIR).unwrap()
    }

    /// Both nodes up, phone's connection to desk, and two requests of desk's.
    fn seen() -> Seen {
        let mut seen = Seen::default();
        for node in ["desk", "phone"] {
            seen.note(Entry::read(
                node,
                &json!({ "message": "started", "role": "peer" }).to_string(),
            ));
        }
        let begins = json!({ "message": "session begins", "peer": "desk", "dialed": "us" });
        seen.note(Entry::read("phone", &begins.to_string()));
        for span in 1..=2_u8 {
            for (node, dir, peer) in [("desk", "out", "phone"), ("phone", "in", "desk")] {
                let line = json!({ "target": "exchange", "message": "request", "node": node,
                    "dir": dir, "peer": peer, "method": "node.ping", "code": "ok",
                    "started_us": 1, "duration_us": 1, "deadline_ms": 1, "sent_bytes": 1,
                    "received_bytes": 1, "attempt": 1, "span_id": format!("{span:016x}"),
                    "trace_id": "0af7651916cd43dd8448eb211c80319c" });
                let line = format!("{line}\n");
                seen.records.extend(Log::read(line.as_bytes()).unwrap().records);
            }
        }
        seen
    }

    #[test]
    fn what_was_promised_and_seen_is_not_missed() {
        assert_eq!(seen().missing(&topology()), [""; 0]);
        let told = seen().told(&topology());
        assert_eq!(told[1], "2 requests in 1 direction, each seen at both ends");
        assert_eq!(told[2], "over a connection that the other side opened: desk → phone node.ping");
    }

    #[test]
    fn each_thing_that_was_not_seen_is_told() {
        type Edit = fn(&mut Seen);
        let edits: [(Edit, &str); 5] = [
            (|seen| seen.roles.clear(), "desk did not say that it is up as peer"),
            (
                |seen| seen.records.truncate(3),
                "desk → phone node.ping ok: seen at both ends 1 of 2 times",
            ),
            (
                |seen| seen.records[0].code = Outcome::Failed(Code::Internal),
                "desk → phone node.ping ok: seen at both ends 1 of 2 times",
            ),
            (|seen| seen.dialed.clear(), "phone opened no connection to desk"),
            (
                |seen| seen.dialed.extend([("desk".to_owned(), "phone".to_owned())]),
                "desk opened a connection to phone, which it was not to",
            ),
        ];
        for (edit, expected) in edits {
            let mut seen = seen();
            edit(&mut seen);
            assert_eq!(seen.missing(&topology())[0], expected);
        }
    }
}
