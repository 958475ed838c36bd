//! A node's records of requests, read over the network.

use std::time::Duration;

use bothways::Node;
use bothways::config::Plan;
use bothways::exchange::Record;
use bothways::service::{ReadRecords, Router};
use bothways_protocol::NodeName;

use super::{start, tell};
use crate::cli::Result;

/// How many records are asked for at once.
const PAGE: u16 = 1_000;
/// How many pages are read in one go: more than the most records that a node keeps in memory.
const PAGES_MAX: usize = 2_048;

/// Reads the records of one node, and reads on.
pub(in crate::cli) struct Reader {
    node: Node,
    peer: NodeName,
    deadline: Duration,
    /// The number of the last record that was read, and which start of the node it is of.
    after: u64,
    since_ms: Option<u64>,
}

/// What was read.
#[derive(Debug, Default)]
pub(in crate::cli) struct Read {
    pub(in crate::cli) records: Vec<Record>,
    /// How many were no longer kept.
    pub(in crate::cli) missed: u64,
    /// How many were no records.
    pub(in crate::cli) broken: usize,
}

impl Reader {
    pub(in crate::cli) async fn start(
        plan: Plan,
        peer: NodeName,
        deadline: Duration,
    ) -> Result<Self> {
        let node = start(plan, Router::default()).await?;
        Ok(Self { node, peer, deadline, after: 0, since_ms: None })
    }

    pub(in crate::cli) fn peer(&self) -> &NodeName {
        &self.peer
    }

    /// Reads what has come since the last time; at the first, all that is kept. Where the node was
    /// started anew, that is all of its new life.
    pub(in crate::cli) async fn read(&mut self) -> Result<Read> {
        let asked = self.node.peer(self.peer.as_str()).within(self.deadline).fail_fast();
        let mut read = Read::default();
        for _ in 0..PAGES_MAX {
            let params = ReadRecords { after: Some(self.after), limit: Some(PAGE) };
            let page = asked.request(params).await.map_err(tell)?;
            if self.since_ms.replace(page.since_ms).is_some_and(|since| since != page.since_ms) {
                self.after = 0;
                continue;
            }
            self.after = page.next;
            read.missed += page.missed;
            if page.records.is_empty() {
                break;
            }
            let checked = page.records.iter().map(bothways::exchange::RecordFields::check);
            let before = read.records.len();
            read.records.extend(checked.filter_map(std::result::Result::ok));
            read.broken += before + page.records.len() - read.records.len();
        }
        Ok(read)
    }

    pub(in crate::cli) async fn stop(self) {
        self.node.stop().await;
    }
}
