//! What waits to be sent: bounded, and never waited for.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};

use crate::exchange::{Record, TakeRecords};

/// How many records wait at the most.
pub(super) const QUEUED: usize = 8_192;
/// How many are sent at once.
pub(super) const BATCH: usize = 512;

/// The queue between a node and the thread that sends its records.
#[derive(Debug)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    filled: Notify,
    ended: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Waiting {
    records: Vec<Record>,
    /// How many found no room since somebody last asked.
    dropped: u64,
}

/// What is to be sent next.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) records: Vec<Record>,
    pub(super) dropped: u64,
    /// As much waits as is sent at once, or more.
    pub(super) is_full: bool,
    /// Nothing will come behind them.
    pub(super) is_last: bool,
}

impl Default for Queue {
    fn default() -> Self {
        let (waiting, filled) = (Mutex::default(), Notify::new());
        Self { waiting, filled, ended: watch::Sender::new(false) }
    }
}

impl Queue {
    /// Takes as many as are sent at once.
    pub(super) fn next(&self) -> Taken {
        let ended = self.has_ended();
        let mut waiting = self.lock();
        let count = waiting.records.len().min(BATCH);
        let records: Vec<_> = waiting.records.drain(..count).collect();
        let dropped = std::mem::take(&mut waiting.dropped);
        let is_full = waiting.records.len() >= BATCH;
        Taken { records, dropped, is_full, is_last: ended && waiting.records.is_empty() }
    }

    /// Lets go of all that waits, and says how many that are.
    pub(super) fn take_rest(&self) -> u64 {
        let mut waiting = self.lock();
        let dropped = std::mem::take(&mut waiting.dropped);
        waiting.records.drain(..).count() as u64 + dropped
    }

    /// Waits until as many have come as are sent at once.
    pub(super) async fn filled(&self) {
        self.filled.notified().await;
    }

    /// Takes nothing more in; what waits can still be taken.
    pub(super) fn end(&self) {
        self.ended.send_replace(true);
    }

    pub(super) fn has_ended(&self) -> bool {
        *self.ended.borrow()
    }

    /// Waits until nothing more is taken in.
    pub(super) async fn ended(&self) {
        // The sender is as old as the queue.
        let _ = self.ended.subscribe().wait_for(|ended| *ended).await;
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TakeRecords for Queue {
    fn take(&self, record: &Record) {
        let mut waiting = self.lock();
        if waiting.records.len() >= QUEUED || self.has_ended() {
            waiting.dropped += 1;
            return;
        }
        waiting.records.push(record.clone());
        let filled = waiting.records.len() == BATCH;
        drop(waiting);
        if filled {
            self.filled.notify_one();
        }
    }
}
