//! Many logs → one: the two ends of a request become one line. Pure: lines in, lines out.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bothways::exchange::{Direction, Record};
use bothways_protocol::NodeName;
use serde::Serialize;

use super::line::{Entry, Event, Line};
use super::words::{EVENT, EVENT_TARGET, FAILED, NOT_SENT, SCRIPT_TARGET};

/// How long an end waits for the other one, in microseconds.
const PATIENCE_US: i64 = 1_000_000;
/// How many ends wait for the others at the most.
const WAITING_MAX: usize = 8_192;
/// How many spans are remembered whose other end did not come in time.
const REMEMBERED: usize = 1_024;

/// One line of the merged log.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Merged {
    pub(super) at_us: i64,
    #[serde(flatten)]
    pub(super) what: What,
}

/// What it tells.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum What {
    /// A request.
    Request(Arrow),
    /// A session that comes, or goes: then with the reason.
    Session { node: String, peer: String, ended: Option<String> },
    /// A subscription that comes, or goes: then after so many events.
    Subscription { node: String, peer: String, service: String, ended: Option<u64> },
    /// An event of a peer's that a node which watches has been told of.
    Push { node: String, peer: String, topic: String, bytes: u64 },
    /// Why a request failed.
    Reason { node: String, peer: String, code: String, why: String },
    /// Anything else.
    Event { node: String, level: String, message: String, fields: Vec<(String, String)> },
    /// A node's words that are no line of the log.
    Text { node: String, text: String },
}

/// A request, as both of its ends saw it, or as far as one of them tells.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Arrow {
    pub(super) asker: String,
    pub(super) answerer: String,
    pub(super) method: String,
    /// `ok`, or the code.
    pub(super) code: String,
    pub(super) duration_us: Option<u64>,
    pub(super) trace: Option<String>,
    pub(super) ends: Ends,
    /// What is worth saying besides.
    pub(super) note: Option<String>,
    /// How many events have come of a subscription until now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) events: Option<u64>,
}

impl Arrow {
    /// Whether it tells how far a subscription has come, and not that it has begun.
    pub(super) fn is_progress(&self) -> bool {
        self.events.is_some_and(|events| events > 0)
    }
}

/// Which of its ends told of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Ends {
    Both,
    /// The other end is no node of this network, or has not told of it.
    Asker,
    Answerer,
    /// It was never sent.
    NotSent,
}

/// Merges lines as they come in.
#[derive(Debug, Default)]
pub(super) struct Merge {
    /// The nodes whose logs are read.
    nodes: BTreeSet<String>,
    /// The one end of a request that has come, by span.
    waiting: BTreeMap<String, (i64, Record)>,
    /// The same, in the order in which they came.
    order: VecDeque<String>,
    /// Spans whose other end did not come in time.
    given_up: VecDeque<String>,
    /// Who dialed whom.
    dialed: BTreeSet<(String, String)>,
    /// Who told last of a session's end, and when, by its two ends.
    ended: BTreeMap<[String; 2], (String, i64)>,
    now_us: i64,
}

impl Merge {
    /// A merge of the logs of these nodes.
    pub(super) fn of(nodes: impl IntoIterator<Item = String>) -> Self {
        Self { nodes: nodes.into_iter().collect(), ..Self::default() }
    }

    /// Waits from now on for what this node tells, too.
    pub(super) fn learn(&mut self, node: &str) {
        if !self.nodes.contains(node) {
            self.nodes.insert(node.to_owned());
        }
    }

    /// Takes one line; gives what can be told now.
    pub(super) fn take(&mut self, entry: Entry) -> Vec<Merged> {
        let at_us = entry.at_us.filter(|at_us| *at_us > 0).unwrap_or(self.now_us);
        let mut told = self.at(at_us);
        let what = match entry.line {
            Line::Request(record) => self.request(at_us, *record),
            Line::Event(event) => self.event(entry.node, event),
            Line::Text(text) if text.trim().is_empty() => None,
            Line::Text(text) => Some(What::Text { node: entry.node, text }),
        };
        told.extend(what.map(|what| Merged { at_us, what }));
        told
    }

    /// Tells of the ends that have waited long enough at this time.
    pub(super) fn at(&mut self, now_us: i64) -> Vec<Merged> {
        self.now_us = self.now_us.max(now_us);
        self.give_up(self.now_us.saturating_sub(PATIENCE_US), WAITING_MAX)
    }

    /// Tells of all that still waits: nothing more will come.
    pub(super) fn end(&mut self) -> Vec<Merged> {
        self.give_up(i64::MAX, 0)
    }

    fn request(&mut self, at_us: i64, record: Record) -> Option<What> {
        if record.events.is_some_and(|events| events > 0) {
            // Its two ends do not tell at the same time: the subscriber is listened to, if it tells.
            let tells = record.dir == Direction::Out || !self.nodes.contains(record.peer.as_str());
            return tells.then(|| What::Request(self.one(&record, None)));
        }
        if record.dir == Direction::Out && record.sent_bytes == 0 {
            return Some(What::Request(Arrow { ends: Ends::NotSent, ..self.one(&record, None) }));
        }
        let span = record.span_id.to_string();
        if let Some((_, other)) = self.waiting.remove(&span) {
            let (asked, answered) = match record.dir {
                Direction::Out => (&record, &other),
                Direction::In => (&other, &record),
            };
            return Some(What::Request(self.both(asked, answered)));
        }
        if let Some(late) = self.given_up.iter().position(|given_up| *given_up == span) {
            self.given_up.remove(late);
            return Some(What::Request(self.one(&record, Some("late".to_owned()))));
        }
        if !self.nodes.contains(record.peer.as_str()) {
            return Some(What::Request(self.one(&record, None)));
        }
        self.order.push_back(span.clone());
        self.waiting.insert(span, (at_us, record));
        None
    }

    fn both(&self, asked: &Record, answered: &Record) -> Arrow {
        let note = if asked.code != answered.code {
            Some(format!("answered {}", answered.code))
        } else {
            self.opener(asked).map(|opener| format!("over {opener}'s connection"))
        };
        Arrow { ends: Ends::Both, note, ..self.one(asked, None) }
    }

    /// Who opened the connection that a request went over, where it was not its asker.
    fn opener<'r>(&self, asked: &'r Record) -> Option<&'r NodeName> {
        let dialed = |from: &NodeName, to: &NodeName| {
            self.dialed.contains(&(from.to_string(), to.to_string()))
        };
        let theirs = !dialed(&asked.node, &asked.peer) && dialed(&asked.peer, &asked.node);
        theirs.then_some(&asked.peer)
    }

    fn one(&self, record: &Record, note: Option<String>) -> Arrow {
        let ends = match record.dir {
            Direction::Out => Ends::Asker,
            Direction::In => Ends::Answerer,
        };
        Arrow {
            asker: record.asker().to_string(),
            answerer: record.answerer().to_string(),
            method: record.method.to_string(),
            code: record.code.to_string(),
            duration_us: Some(record.duration_us),
            trace: Some(record.trace_id.to_string()),
            ends,
            note,
            events: record.events,
        }
    }

    fn event(&mut self, node: String, event: Event) -> Option<What> {
        let field = |name| event.field(name).to_owned();
        let peer = field("peer");
        match (event.target.as_str(), event.message.as_str()) {
            (SCRIPT_TARGET, NOT_SENT | FAILED) => {
                Some(What::Reason { node, peer, code: field("code"), why: field("why") })
            }
            (EVENT_TARGET, EVENT) => {
                let bytes = event.field("bytes").parse().unwrap_or_default();
                Some(What::Push { node, peer, topic: field("topic"), bytes })
            }
            // The peer tells of it, not the subscriber.
            (_, "subscribed") => Some(What::Subscription {
                node: peer,
                peer: node,
                service: field("service"),
                ended: None,
            }),
            (_, "subscription ended") => Some(What::Subscription {
                node: peer,
                peer: node,
                service: field("service"),
                ended: Some(event.field("events").parse().unwrap_or_default()),
            }),
            (_, "session begins") => self.session_begins(node, peer, event.field("dialed") == "us"),
            (_, "session ends") => self.session_ends(node, peer, event.field("why")),
            _ => {
                let Event { level, message, fields, .. } = event;
                Some(What::Event { node, level, message, fields })
            }
        }
    }

    /// Both ends tell of a session; its dialer is listened to, if it is one of the nodes.
    fn session_begins(&mut self, node: String, peer: String, by_us: bool) -> Option<What> {
        let told = by_us || !self.nodes.contains(&peer);
        let (node, peer) = if by_us { (node, peer) } else { (peer, node) };
        self.dialed.insert((node.clone(), peer.clone()));
        told.then_some(What::Session { node, peer, ended: None })
    }

    /// Of the two ends, the first that tells is listened to.
    fn session_ends(&mut self, node: String, peer: String, why: &str) -> Option<What> {
        let mut ends = [node.clone(), peer.clone()];
        ends.sort();
        let since = self.now_us.saturating_sub(PATIENCE_US);
        let told = self.ended.insert(ends, (node.clone(), self.now_us));
        let by_other = told.is_some_and(|(by, at_us)| by != node && at_us >= since);
        let ended = Some(why.to_owned());
        (!by_other).then_some(What::Session { node, peer, ended })
    }

    fn give_up(&mut self, before_us: i64, keep: usize) -> Vec<Merged> {
        let mut told = Vec::new();
        while let Some(span) = self.order.front() {
            let since = self.waiting.get(span).map(|(since, _)| *since);
            let goes = since.is_none_or(|since| since <= before_us) || self.waiting.len() > keep;
            if !goes {
                break;
            }
            let found = self.waiting.remove_entry(span);
            self.order.pop_front();
            if let Some((span, (at_us, record))) = found {
                told.push(Merged { at_us, what: What::Request(self.alone(&record)) });
                self.given_up.push_back(span);
                if self.given_up.len() > REMEMBERED {
                    self.given_up.pop_front();
                }
            }
        }
        told
    }

    /// A request of which the other end, a node of this network, does not tell.
    fn alone(&self, record: &Record) -> Arrow {
        let what = match record.dir {
            Direction::Out => "tells of no request",
            Direction::In => "tells of no answer",
        };
        self.one(record, Some(format!("{} {what}", record.peer)))
    }
}

#[cfg(test)]
mod tests;
