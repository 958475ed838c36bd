//! What waits for the log's thread: one bounded queue, so that a log has one order.
//!
//! Records and lines that are ready stand in it as they came. **The order promised** is that of
//! the calls: what one thread logs is written in the order in which it logged it, and what another
//! thread logged before (as a lock orders the two) stands before. A line's time is taken just
//! before that, so the times of two threads may be the other way around by as much as one of them
//! was held up.
//!
//! Nobody waits for the log: the lock is held for as long as it takes to append one entry, or to
//! swap two vectors, and what finds the queue full is counted and let go. The log's thread is woken
//! at once where it sleeps; after that it lets entries gather for a moment, so a busy node pays
//! for a few wake-ups in a second, not for one in each record.

use std::io::{self, Write};
use std::mem;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::exchange::{Record, TakeRecords};

/// How many entries wait for the writer at the most; as many may be with it.
pub(super) const QUEUED: usize = 8_192;
/// How many are enough to wake a writer that lets them gather.
const MANY: usize = QUEUED / 8;
/// For how long they gather.
const GATHERING: Duration = Duration::from_millis(5);
/// How many in that time make a node a busy one, whose entries gather for longer: each time that
/// they are written costs about as much as forty of them.
const BUSY: usize = 32;
const GATHERING_BUSY: Duration = Duration::from_millis(40);

/// What becomes one line.
pub(super) enum Entry {
    /// A record, to be formatted.
    Record(Record),
    /// A line that is ready, its end included.
    Line(Box<[u8]>),
}

/// The queue between those who log and the log's thread.
#[derive(Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    news: Condvar,
}

#[derive(Default)]
struct Waiting {
    entries: Vec<Entry>,
    /// How many were let go since the writer last asked.
    dropped: usize,
    writer: Writer,
    ended: bool,
}

/// What the writer's thread waits for.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Writer {
    #[default]
    Awake,
    UntilAny,
    UntilMany,
}

/// What the writer finds besides entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Taken {
    /// How many were let go after those that it takes.
    pub(super) dropped: usize,
    /// Nothing will come any more.
    pub(super) ended: bool,
}

impl Queue {
    /// Appends an entry, or counts it where there is no room; it is made in its place.
    pub(super) fn push(&self, entry: impl FnOnce() -> Entry) {
        let mut waiting = self.lock();
        if waiting.ended {
            return;
        }
        if waiting.entries.len() >= QUEUED {
            waiting.dropped += 1;
            super::note_dropped(1);
            return;
        }
        waiting.entries.push(entry());
        let wakes = match waiting.writer {
            Writer::Awake => false,
            Writer::UntilAny => true,
            Writer::UntilMany => waiting.entries.len() >= MANY,
        };
        if wakes {
            waiting.writer = Writer::Awake;
            drop(waiting);
            self.news.notify_one();
        }
    }

    /// Takes all that waits, in exchange for an empty batch.
    pub(super) fn take(&self, batch: &mut Vec<Entry>) -> Taken {
        let mut waiting = self.lock();
        mem::swap(&mut waiting.entries, batch);
        Taken { dropped: mem::take(&mut waiting.dropped), ended: waiting.ended }
    }

    /// Waits until there is something to take, or the end; no longer than for this time.
    pub(super) fn wait_for_any(&self, patience: Duration) {
        let mut waiting = self.lock();
        if waiting.entries.is_empty() && !waiting.ended {
            waiting.writer = Writer::UntilAny;
            let asleep = |waiting: &mut Waiting| waiting.writer == Writer::UntilAny;
            let woken = self.news.wait_timeout_while(waiting, patience, asleep);
            woken.unwrap_or_else(PoisonError::into_inner).0.writer = Writer::Awake;
        }
    }

    /// Waits for a moment, until there is much to take, or the end; for a longer one, where there
    /// were many the last time.
    pub(super) fn let_gather(&self, last: usize) {
        let time = if last < BUSY { GATHERING } else { GATHERING_BUSY };
        let mut waiting = self.lock();
        if waiting.entries.len() < MANY && !waiting.ended {
            waiting.writer = Writer::UntilMany;
            let asleep = |waiting: &mut Waiting| waiting.writer == Writer::UntilMany;
            let woken = self.news.wait_timeout_while(waiting, time, asleep);
            woken.unwrap_or_else(PoisonError::into_inner).0.writer = Writer::Awake;
        }
    }

    /// Takes nothing more in; what waits can still be taken.
    pub(super) fn end(&self) {
        let mut waiting = self.lock();
        waiting.ended = true;
        waiting.writer = Writer::Awake;
        drop(waiting);
        self.news.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TakeRecords for Queue {
    fn take(&self, record: &Record) {
        self.push(|| Entry::Record(record.clone()));
    }
}

/// Each write is one line: the formatter of events writes whole ones.
impl Write for &Queue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(|| Entry::Line(line.into()));
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
