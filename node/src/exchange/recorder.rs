//! Where the records of one node go: into its memory, to the logs of its process, and to what
//! exports them.

use std::fmt;
use std::sync::Arc;

use super::emit::{TakeRecords, emit, is_wanted};
use super::recent::{Recent, RecordFeed};
use super::record::Record;

/// The method by which a node's records are read. What it leaves is not kept in memory: to read
/// records would push out those that are to be read.
pub(crate) const READS_RECORDS: &str = "node.records";

/// Takes the records of one node. Several nodes may live in one process: each has its own.
pub(crate) struct Recorder {
    /// `None` where none are kept in memory.
    recent: Option<Arc<Recent>>,
    /// What takes whole records besides, each once.
    export: Option<Arc<dyn TakeRecords>>,
}

impl Recorder {
    /// Keeps so many records in memory, and gives them to this one.
    pub(crate) fn new(recent: usize, export: Option<Arc<dyn TakeRecords>>) -> Self {
        Self { recent: Recent::of(recent).map(Arc::new), export }
    }

    /// Whether anybody takes records: where nobody does, none need be made.
    pub(crate) fn wants_records(&self) -> bool {
        self.recent.is_some() || self.export.is_some() || is_wanted()
    }

    /// Takes one record. It waits for nothing but short locks.
    pub(crate) fn take(&self, record: Record) {
        self.export.iter().for_each(|export| export.take(&record));
        self.take_progress(record);
    }

    /// Takes the record of a subscription that goes on.
    pub(crate) fn take_progress(&self, record: Record) {
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

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("recent", &self.recent).finish_non_exhaustive()
    }
}
