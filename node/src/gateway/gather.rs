//! The records of this node, and of those of its peers that give theirs.

use std::collections::BTreeMap;

use super::Desk;
use super::exchange::is_of_the_page;
use crate::exchange::Record;

/// What was found.
#[derive(Debug)]
pub(super) struct Gathered {
    pub(super) records: Vec<Record>,
    /// The peers that did not give theirs.
    pub(super) missing: Vec<String>,
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
        records.retain(|record| !is_of_the_page(record));
        Gathered { records, missing: Vec::new() }
    }
}
