//! Where the records of one node go: into its memory, and to the logs of its process.

use std::sync::Arc;

use super::emit::{emit, is_wanted};
use super::recent::{Recent, RecordFeed};
use super::record::Record;

/// The method by which a node's records are read. What it leaves is not kept in memory: to read
/// records would push out those that are to be read.
pub(crate) const READS_RECORDS: &str = "node.records";

/// Takes the records of one node. Several nodes may live in one process: each has its own.
#[derive(Debug)]
pub(crate) struct Recorder {
    /// `None` where none are kept in memory.
    recent: Option<Arc<Recent>>,
}

impl Recorder {
    /// Keeps so many records in memory.
    pub(crate) fn new(recent: usize) -> Self {
        Self { recent: Recent::of(recent).map(Arc::new) }
    }

    /// Whether anybody takes records: where nobody does, none need be made.
    pub(crate) fn wants_records(&self) -> bool {
        self.recent.is_some() || is_wanted()
    }

    /// Takes one record. It waits for nothing but a short lock.
    pub(crate) fn take(&self, record: Record) {
        emit(&record);
        if let Some(recent) = &self.recent
            && record.method.as_str() != READS_RECORDS
        {
            recent.keep(record);
        }
    }

    /// The records that are kept in memory.
    pub(crate) fn recent(&self) -> Option<&Recent> {
        self.recent.as_deref()
    }

    /// The records that come from now on.
    pub(crate) fn follow(&self) -> RecordFeed {
        RecordFeed::of(self.recent.clone())
    }

    /// The node has stopped: no more records come.
    pub(crate) fn end(&self) {
        self.recent.iter().for_each(|recent| recent.end());
    }
}
