//! The one thread that writes: whatever waits becomes one transaction, one fsync, many answers.

use std::sync::Arc;

use redb::{Database, Durability};
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use super::clock::Clock;
use super::disk::Health;
use super::founding::{BeginError, Founded};
use super::room::Room;
use super::snapshot::Snapshot;
use super::stopped::{Stop, Stopped};
use super::tables::Tables;
use super::view::View;
use crate::store::{Change, ReadOnlyUntil, StoreBounds, StoreError, StoreId, Write};

/// The most writes that one transaction takes.
pub(super) const GROUP_MAX: usize = 256;

type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// What the thread is asked for.
pub(super) enum Ask {
    /// To do a write and answer once it is durable.
    Write(Box<Write>, Answer<Change>),
    /// To finish what waits, close the file, answer and end.
    Close(Answer<()>),
}

/// The thread's state: it alone has the database, so what it closes is closed.
pub(super) struct Writer {
    id: StoreId,
    database: Database,
    /// Knows what failed on the disk, if anything did: redb itself is not told.
    disk: Box<dyn Health>,
    room: Room,
    asks: mpsc::Receiver<Ask>,
    view: Arc<View>,
    bounds: StoreBounds,
    clock: Clock,
    /// Why no write is taken now.
    stopped: Option<Stopped>,
    /// Those who wait for the end.
    closing: Vec<Answer<()>>,
}

impl Writer {
    /// Makes the tables of a new store, or reads where an old one stands.
    pub(super) fn begin(
        database: Database,
        disk: Box<dyn Health>,
        room: Room,
        asks: mpsc::Receiver<Ask>,
        bounds: &StoreBounds,
    ) -> Result<Self, BeginError> {
        let Founded { id, age_ms } = Founded::of(&database)?;
        let clock = Clock::going_on(age_ms);
        let view = Arc::new(View::of(Snapshot::of(&database)?));
        disk.check().map_err(BeginError::Fault)?;
        let (bounds, stopped, closing) = (bounds.clone(), None, Vec::new());
        Ok(Self { id, database, disk, room, asks, view, bounds, clock, stopped, closing })
    }

    /// The store's own name, which never changes.
    pub(super) fn id(&self) -> StoreId {
        self.id
    }

    /// What readers see of this writer's work.
    pub(super) fn view(&self) -> Arc<View> {
        Arc::clone(&self.view)
    }

    /// Writes until it is closed or nobody is left who could ask.
    pub(super) fn run(mut self) {
        loop {
            match self.wait() {
                Woken::Asked(first) => {
                    let group = self.gather(first);
                    if !group.is_empty() {
                        self.serve(group);
                    }
                }
                Woken::ToTryAgain => self.try_again(),
                Woken::ToEnd => break,
            }
        }
        self.end();
    }

    /// Waits for what there is to do next; what it is time for goes before what is asked.
    fn wait(&mut self) -> Woken {
        let asked = |ask: Option<Ask>| ask.map_or(Woken::ToEnd, Woken::Asked);
        match self.stopped.as_ref().and_then(Stopped::next_try) {
            None => asked(self.asks.blocking_recv()),
            Some(time) if time <= Instant::now() => Woken::ToTryAgain,
            Some(time) => next_before(&mut self.asks, time).map_or(Woken::ToTryAgain, asked),
        }
    }

    /// Tries to write what could not be written: then it is durable, readers see it, and writes
    /// are taken again.
    fn try_again(&mut self) {
        let Some(stopped) = &mut self.stopped else { return };
        if !stopped.try_again(&*self.disk, &self.room, self.bounds.mend_every) {
            return;
        }
        match Snapshot::of(&self.database) {
            Ok(snapshot) => {
                self.view.publish(snapshot, std::iter::empty());
                self.stopped = None;
                self.view.note_read_only(false);
                tracing::info!("store writes again");
            }
            Err(error) => stopped.give_up(error.to_string()),
        }
    }

    /// What waits, up to a group.
    fn gather(&mut self, first: Ask) -> Vec<(Write, Answer<Change>)> {
        let mut group = Vec::new();
        let mut next = Some(first);
        while let Some(ask) = next {
            match ask {
                Ask::Write(write, answer) => group.push((*write, answer)),
                Ask::Close(answer) => {
                    // What has been handed over is still received, and nothing more.
                    self.asks.close();
                    self.closing.push(answer);
                }
            }
            next = if group.len() < GROUP_MAX { self.asks.try_recv().ok() } else { None };
        }
        group
    }

    /// Does a group of writes and answers each.
    fn serve(&mut self, group: Vec<(Write, Answer<Change>)>) {
        let (writes, answers): (Vec<Write>, Vec<_>) = group.into_iter().unzip();
        let outcomes = self.outcomes(&writes);
        for (answer, outcome) in answers.into_iter().zip(outcomes) {
            // An asker that has gone is told when it asks again with its key.
            let _ = answer.send(outcome);
        }
    }

    fn outcomes(&mut self, writes: &[Write]) -> Vec<Outcome> {
        if let Some(stopped) = &self.stopped {
            return writes.iter().map(|write| self.repeat(write, stopped)).collect();
        }
        match self.commit(writes) {
            Ok(outcomes) => outcomes,
            Err(stop) => {
                let in_doubt = writes.iter().filter_map(|write| write.once.clone()).collect();
                let stopped = Stopped::by(&stop, in_doubt, self.bounds.mend_every);
                let stopped = self.stopped.insert(stopped);
                self.view.note_read_only(true);
                writes.iter().map(|_| Err(stopped.doubt())).collect()
            }
        }
    }

    /// What a store that takes no writes answers: what was written before, where the write is a
    /// repeat of it.
    fn repeat(&self, write: &Write, stopped: &Stopped) -> Outcome {
        let Some(once) = &write.once else { return Err(stopped.refusal()) };
        self.view.snapshot()?.done(once)?.ok_or_else(|| stopped.answer(once))
    }

    /// Makes a group durable and lets readers see it. After an error nothing of it may be
    /// acknowledged, and nothing may be written after it.
    fn commit(&self, writes: &[Write]) -> Result<Vec<Outcome>, Stop> {
        self.disk.check().map_err(Stop::Disk)?;
        let outcomes = self.transact(writes);
        // A fault of the disk is the cause of whatever redb made of it, success included.
        self.disk.check().map_err(Stop::Disk)?;
        let (outcomes, changed) = outcomes?;
        if changed {
            let snapshot = Snapshot::of(&self.database)?;
            self.view.publish(snapshot, outcomes.iter().flatten());
        }
        Ok(outcomes)
    }

    fn transact(&self, writes: &[Write]) -> Result<(Vec<Outcome>, bool), redb::Error> {
        let mut transaction = self.database.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        let mut tables = Tables::open(&transaction, self.clock.age_ms())?;
        let before = tables.newest();
        tables.forget(&self.bounds, writes.len() as u64)?;
        tables.trim(&self.bounds)?;
        let outcomes: Result<Vec<_>, _> = writes.iter().map(|write| tables.apply(write)).collect();
        let (outcomes, changed) = (outcomes?, tables.newest() > before);
        if changed {
            tables.finish()?;
            transaction.commit()?;
        } else {
            drop(tables);
            transaction.abort()?;
        }
        Ok((outcomes, changed))
    }

    /// Lets go of the file, then answers those who asked for it.
    fn end(self) {
        self.view.close();
        let closed = self.database.close().map_err(|error| error.to_string());
        let closed = self.disk.check().map_err(|failed| failed.to_string()).and(closed);
        let ended = match (self.stopped, closed) {
            (Some(stopped), _) => Err(stopped.refusal()),
            (None, Err(why)) => {
                tracing::error!(error = %why, "store closed with a fault");
                Err(StoreError::ReadOnly { why: why.into(), until: ReadOnlyUntil::Restarted })
            }
            (None, Ok(())) => Ok(()),
        };
        for answer in self.closing {
            // Who no longer waits for the end needs no answer.
            let _ = answer.send(ended.clone());
        }
    }
}

type Outcome = Result<Change, StoreError>;

/// What is asked before a moment comes; an error where nothing is.
fn next_before(asks: &mut mpsc::Receiver<Ask>, time: Instant) -> Result<Option<Ask>, Passed> {
    let Ok(timer) = Builder::new_current_thread().enable_time().build() else {
        std::thread::sleep(time - Instant::now());
        return Err(Passed);
    };
    timer.block_on(async { timeout_at(time, asks.recv()).await }).map_err(|_| Passed)
}

/// The moment has come.
struct Passed;

/// What the thread has to do next.
enum Woken {
    Asked(Ask),
    ToTryAgain,
    /// Nobody is left who could ask.
    ToEnd,
}
