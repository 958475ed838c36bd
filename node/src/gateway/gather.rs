//! The records of this node, and of those of its peers that give theirs.
//!
//! What a peer has given is kept here, so that each look asks only for what is new.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bothways_protocol::{NodeName, Retry};
use futures_util::future::join_all;
use tokio::time::timeout;

use super::Desk;
use crate::client::Peer;
use crate::exchange::{READS_RECORDS, Record};
use crate::service::ReadRecords;

/// How long a peer may take to give its records.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long one that refuses is not asked again.
const PAUSE: Duration = Duration::from_secs(30);
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

/// What the peers have given. Each has a lock of its own: who is slow holds up nobody else.
#[derive(Debug, Default)]
pub(super) struct Given(Mutex<BTreeMap<NodeName, Arc<tokio::sync::Mutex<Kept>>>>);

/// What one peer has given.
#[derive(Debug, Default)]
struct Kept {
    records: VecDeque<Record>,
    after: u64,
    since_ms: u64,
    /// It has refused, and is not asked again before this.
    refused_until: Option<Instant>,
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
    /// All records that can be had within a second, but for those of the gathering itself.
    pub(super) async fn gather(&self) -> Gathered {
        let mut records = self.node.recent();
        let mut missing = Vec::new();
        let asked = self.given.of(&self.answering_peers()).into_iter().map(|(name, kept)| {
            let peer = self.node.peer(name.as_str()).within(PATIENCE).fail_fast().at_most_once();
            async move {
                let updated = timeout(PATIENCE, async {
                    let mut kept = kept.lock().await;
                    let gave = kept.bring_up_to_date(&peer).await;
                    (gave, kept.records.iter().cloned().collect::<Vec<_>>())
                });
                (name, updated.await.unwrap_or_default())
            }
        });
        for (name, (gave, given)) in join_all(asked).await {
            if !gave {
                missing.push(name.to_string());
            }
            records.extend(given);
        }
        records.retain(|record| !is_of_gathering(record));
        Gathered { records, missing }
    }

    /// The peers with a session that answer requests, each once.
    fn answering_peers(&self) -> BTreeSet<NodeName> {
        let sessions = self.node.sessions().into_iter();
        let answering = sessions.filter(|session| session.role.answers() && !session.draining);
        answering.map(|session| session.peer).take(PEERS_MAX).collect()
    }
}

impl Given {
    /// What these peers have given; what others gave is forgotten.
    fn of(&self, peers: &BTreeSet<NodeName>) -> Vec<(NodeName, Arc<tokio::sync::Mutex<Kept>>)> {
        let mut given = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        given.retain(|name, _| peers.contains(name));
        let kept = |name: &NodeName| (name.clone(), given.entry(name.clone()).or_default().clone());
        peers.iter().map(kept).collect()
    }
}

impl Kept {
    /// Asks for what is new, and says whether the peer gave it. Given up at any moment, it goes on
    /// from there the next time.
    async fn bring_up_to_date(&mut self, peer: &Peer) -> bool {
        if self.refused_until.is_some_and(|until| until > Instant::now()) {
            return false;
        }
        for _ in 0..PAGES_MAX {
            let asked = ReadRecords { after: Some(self.after), limit: Some(PAGE) };
            let page = match peer.request(asked).await {
                Ok(page) => page,
                Err(error) if error.retry() == Retry::Never => {
                    self.refused_until = Some(Instant::now() + PAUSE);
                    return false;
                }
                Err(_) => return false,
            };
            if self.since_ms != page.since_ms {
                // It was started anew, and counts anew; what it gave before is still true.
                let first = self.since_ms == 0;
                (self.since_ms, self.after) = (page.since_ms, 0);
                if !first {
                    continue;
                }
            }
            self.after = page.next;
            // A peer tells of itself alone, whatever it sends.
            let checked = page.records.iter().filter_map(|fields| fields.check().ok());
            self.records.extend(checked.filter(|record| Some(&record.node) == peer.name()));
            let spare = self.records.len().saturating_sub(KEPT_MAX);
            self.records.drain(..spare);
            if page.records.is_empty() {
                break;
            }
        }
        true
    }
}

/// Whether a record is of a request for records: to draw it would have no end.
pub(super) fn is_of_gathering(record: &Record) -> bool {
    record.method.as_str() == READS_RECORDS
}
