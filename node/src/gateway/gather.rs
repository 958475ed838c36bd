//! The records of this node, and of those of its peers that give theirs.
//!
//! What a peer has given is kept here, so that each look asks only for what is new.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bothways_protocol::NodeName;
use futures_util::future::join_all;

use super::Desk;
use crate::client::Peer;
use crate::exchange::{READS_RECORDS, Record};
use crate::service::ReadRecords;

/// How long a peer may take to give its records.
const PATIENCE: Duration = Duration::from_secs(1);
/// How many peers are asked.
const PEERS_MAX: usize = 64;
/// How many records of a peer are kept: as many as a node keeps of its own.
const KEPT_MAX: usize = 4_096;
/// How many are asked for at once, and how often in one look.
const PAGE: u16 = 1_000;
const PAGES_MAX: usize = 5;

/// What was found.
#[derive(Debug)]
pub(super) struct Gathered {
    pub(super) records: Vec<Record>,
    /// The peers that did not give theirs.
    pub(super) missing: Vec<String>,
}

/// What the peers have given.
#[derive(Debug, Default)]
pub(super) struct Given(tokio::sync::Mutex<BTreeMap<NodeName, Kept>>);

/// What one peer has given.
#[derive(Debug, Default)]
struct Kept {
    records: VecDeque<Record>,
    after: u64,
    since_ms: u64,
}

impl Gathered {
    /// How many records each node gave.
    pub(super) fn counts(&self) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for record in &self.records {
            *counts.entry(record.node.to_string()).or_default() += 1;
        }
        counts
    }
}

impl Desk {
    /// All records that can be had, but for those of the gathering itself.
    pub(super) async fn gather(&self) -> Gathered {
        let mut records = self.node.recent();
        let mut missing = Vec::new();
        // Two looks at once ask once: the second waits, and then asks for little.
        let mut given = self.given.0.lock().await;
        let peers = self.answering_peers();
        given.retain(|name, _| peers.contains(name));
        let asked = peers.into_iter().map(|name| {
            let kept = given.remove(&name).unwrap_or_default();
            let peer = self.node.peer(name.as_str()).within(PATIENCE).fail_fast().at_most_once();
            async move { (name, kept.brought_up_to_date(&peer).await) }
        });
        for (name, (kept, gave)) in join_all(asked).await {
            if !gave {
                missing.push(name.to_string());
            }
            records.extend(kept.records.iter().cloned());
            given.insert(name, kept);
        }
        drop(given);
        records.retain(|record| !is_of_gathering(record));
        Gathered { records, missing }
    }

    /// The peers with a session that answer requests, each once.
    fn answering_peers(&self) -> Vec<NodeName> {
        let sessions = self.node.sessions().into_iter();
        let answering = sessions.filter(|session| session.role.answers() && !session.draining);
        let mut names: Vec<_> = answering.map(|session| session.peer).collect();
        names.dedup();
        names.truncate(PEERS_MAX);
        names
    }
}

impl Kept {
    /// Asks for what is new; says whether the peer gave it.
    async fn brought_up_to_date(mut self, peer: &Peer) -> (Self, bool) {
        for _ in 0..PAGES_MAX {
            let asked = ReadRecords { after: Some(self.after), limit: Some(PAGE) };
            let Ok(page) = peer.request(asked).await else { return (self, false) };
            if self.since_ms != page.since_ms {
                // It was started anew, and counts anew; what it gave before is still true.
                let first = self.since_ms == 0 && self.after == 0;
                (self.since_ms, self.after) = (page.since_ms, 0);
                if !first {
                    continue;
                }
            }
            self.after = page.next;
            let is_last = page.records.is_empty();
            // A peer tells of itself alone, whatever it sends.
            let checked = page.records.iter().filter_map(|fields| fields.check().ok());
            self.records.extend(checked.filter(|record| Some(&record.node) == peer.name()));
            let spare = self.records.len().saturating_sub(KEPT_MAX);
            self.records.drain(..spare);
            if is_last {
                break;
            }
        }
        (self, true)
    }
}

/// Whether a record is of a request for records: to draw it would have no end.
pub(super) fn is_of_gathering(record: &Record) -> bool {
    record.method.as_str() == READS_RECORDS
}
