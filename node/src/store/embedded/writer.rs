//! The one thread that writes: whatever waits becomes one transaction, one fsync, many answers.

use std::sync::Arc;

use redb::{Database, Durability};
use tokio::sync::{mpsc, oneshot};

use super::clock::Clock;
use super::disk::Fault;
use super::founding::{BeginError, Founded};
use super::snapshot::Snapshot;
use super::tables::Tables;
use super::view::View;
use crate::store::{Change, Once, StoreBounds, StoreError, StoreId, Write};

/// The most writes that one transaction takes.
pub(super) const GROUP_MAX: usize = 256;

type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// What the thread is asked for.
pub(super) enum Ask {
    /// To do a write and answer once it is durable.
    Write(Write, Answer<Change>),
    /// To finish what waits, close the file, answer and end.
    Close(Answer<()>),
}

/// The thread's state: it alone has the database, so what it closes is closed.
pub(super) struct Writer {
    id: StoreId,
    database: Database,
    /// What failed on the disk, if anything did: redb itself is not told.
    fault: Arc<Fault>,
    asks: mpsc::Receiver<Ask>,
    view: Arc<View>,
    bounds: StoreBounds,
    clock: Clock,
    /// Why no write is taken any more; never taken back.
    stopped: Option<Stopped>,
    /// Those who wait for the end.
    closing: Vec<Answer<()>>,
}

impl Writer {
    /// Makes the tables of a new store, or reads where an old one stands.
    pub(super) fn begin(
        database: Database,
        fault: Arc<Fault>,
        asks: mpsc::Receiver<Ask>,
        bounds: &StoreBounds,
    ) -> Result<Self, BeginError> {
        let Founded { id, age_ms } = Founded::of(&database)?;
        let clock = Clock::going_on(age_ms);
        let view = Arc::new(View::of(Snapshot::of(&database)?));
        fault.check().map_err(BeginError::Fault)?;
        let (bounds, closing) = (bounds.clone(), Vec::new());
        Ok(Self { id, database, fault, asks, view, bounds, clock, stopped: None, closing })
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
        while let Some(first) = self.asks.blocking_recv() {
            let group = self.gather(first);
            if !group.is_empty() {
                self.serve(group);
            }
        }
        self.end();
    }

    /// What waits, up to a group.
    fn gather(&mut self, first: Ask) -> Vec<(Write, Answer<Change>)> {
        let mut group = Vec::new();
        let mut next = Some(first);
        while let Some(ask) = next {
            match ask {
                Ask::Write(write, answer) => group.push((write, answer)),
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
            Err(why) => {
                tracing::error!(error = %why, "store read-only until restart");
                let in_doubt = writes.iter().filter_map(|write| write.once.clone()).collect();
                let stopped = self.stopped.insert(Stopped { why: why.into(), in_doubt });
                writes.iter().map(|_| Err(stopped.doubt())).collect()
            }
        }
    }

    /// What a store that writes no more answers: what was written before, where the write is a
    /// repeat of it.
    fn repeat(&self, write: &Write, stopped: &Stopped) -> Outcome {
        let refused = || StoreError::ReadOnly { why: Arc::clone(&stopped.why) };
        let Some(once) = &write.once else { return Err(refused()) };
        match self.view.snapshot()?.done(once)? {
            Some(before) => Ok(before),
            None if stopped.in_doubt.contains(once) => Err(stopped.doubt()),
            None => Err(refused()),
        }
    }

    /// Makes a group durable and lets readers see it. After an error nothing of it may be
    /// acknowledged, and nothing may be written after it.
    fn commit(&self, writes: &[Write]) -> Result<Vec<Outcome>, String> {
        self.fault.check()?;
        let outcomes = self.transact(writes);
        // A fault of the disk is the cause of whatever redb made of it, success included.
        self.fault.check()?;
        let (outcomes, changed) = outcomes.map_err(|error| error.to_string())?;
        if changed {
            let snapshot = Snapshot::of(&self.database).map_err(|error| error.to_string())?;
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
        let ended = match (self.stopped, self.fault.check().and(closed)) {
            (Some(Stopped { why, .. }), _) => Err(StoreError::ReadOnly { why }),
            (None, Err(why)) => {
                tracing::error!(error = %why, "store closed with a fault");
                Err(StoreError::ReadOnly { why: why.into() })
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

/// What a writer knows of the group that it could not make durable.
struct Stopped {
    why: Arc<str>,
    /// The keys of that group: what is sent again with one of them may have been stored.
    in_doubt: Vec<Once>,
}

impl Stopped {
    fn doubt(&self) -> StoreError {
        StoreError::InDoubt { why: Arc::clone(&self.why) }
    }
}
