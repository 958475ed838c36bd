//! What to ask, how often and for how long; and the asking.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use bothways_protocol::{Encoded, MethodName, Retry};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use super::pacer::Pacer;
use super::tally::Meter;
use super::turns::{Turn, Turns};
use crate::client::{Peer, RequestError};

/// One request, to be sent over and over.
#[derive(Debug, Clone)]
pub struct Load {
    /// What is asked for.
    pub method: MethodName,
    /// The params of each request.
    pub params: Encoded,
    /// Requests that wait for their answer at the same time, at the most; 1 or more.
    pub concurrency: usize,
    /// When the next one is sent.
    pub pace: Pace,
    /// The time before what is measured: requests are sent as in it, and not counted.
    pub warm_up: Duration,
    /// How long it is measured; without a bound, until the count is reached.
    pub duration: Option<Duration>,
    /// How many requests are counted; without a bound, as many as the time allows.
    pub count: Option<u64>,
}

/// When the next request is sent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Pace {
    /// When another one has been answered (a closed loop).
    AsAnswered,
    /// At times that are fixed beforehand, evenly apart (an open loop). How long an answer took is
    /// measured from that time, so that a peer that stands still is seen in every request that was
    /// due meanwhile.
    Regular {
        /// Requests a second.
        #[schemars(extend("exclusiveMinimum" = 0))]
        per_s: f64,
    },
    /// As `Regular`, and at random times, as they come from many who do not know of each other.
    Poisson {
        /// Requests a second.
        #[schemars(extend("exclusiveMinimum" = 0))]
        per_s: f64,
    },
}

impl Pace {
    /// Requests a second, where that is fixed.
    #[must_use]
    pub fn per_s(self) -> Option<f64> {
        match self {
            Self::AsAnswered => None,
            Self::Regular { per_s } | Self::Poisson { per_s } => Some(per_s),
        }
    }
}

impl Load {
    /// Asks a peer until the time is over or the count is reached, and counts along in `meter`.
    /// Dropping it gives up what is in flight; what was measured stays in the meter.
    ///
    /// It measures the node, and not the way between threads, where it runs on the node's own:
    /// `node.run(load.run(peer, meter))`.
    ///
    /// # Errors
    /// What makes it useless to go on: a request that was not sent, because the peer cannot be
    /// reached, and a first answer that says that no repetition will do better.
    pub async fn run(self, peer: Peer, meter: Meter) -> Result<(), RequestError> {
        let seed = rand::random();
        let (begun, concurrency) = (Instant::now(), self.concurrency.max(1));
        meter.begin(begun + self.warm_up);
        let turns = || Turns::of(&self, seed);
        let pacer = self.pace.per_s().map(|_| Pacer::start(turns(), begun, concurrency));
        let pacer = pacer.transpose().map_err(|_| RequestError::Stopped)?;
        let (turns, useless) = (Mutex::new(turns()), OnceLock::new());
        let end = self.duration.map(|duration| begun + self.warm_up + duration);
        let run = Arc::new(Run { load: self, peer, meter, turns, pacer, begun, useless });

        let mut workers = JoinSet::new();
        for _ in 0..concurrency {
            workers.spawn(run.clone().work());
        }
        workers.join_all().await;

        match run.useless.get() {
            Some(error) => {
                run.meter.end(Instant::now());
                Err(error.clone())
            }
            None => {
                let has_count = run.turns().has_count();
                run.meter.set_unsent(run.turns().unsent());
                // Behind the last request that was due there may be time that belongs to it.
                run.meter.end(end.filter(|_| !has_count).unwrap_or_else(Instant::now));
                Ok(())
            }
        }
    }
}

/// A load that runs, as its workers share it.
#[derive(Debug)]
struct Run {
    load: Load,
    peer: Peer,
    meter: Meter,
    turns: Mutex<Turns>,
    /// There is one where the pace is fixed.
    pacer: Option<Pacer>,
    begun: Instant,
    /// Why it is useless to go on, once it is.
    useless: OnceLock<RequestError>,
}

impl Run {
    /// Asks one request after the other, as long as there are turns.
    async fn work(self: Arc<Self>) {
        while let Some(turn) = self.turn().await {
            let answer = self.peer.call(self.load.method.as_str(), self.load.params.clone()).await;
            if let Err(error) = &answer
                && self.is_useless_after(error)
            {
                self.give_up(error);
            }
            self.note(turn, answer);
        }
    }

    async fn turn(&self) -> Option<Turn> {
        loop {
            if let Some(pacer) = &self.pacer {
                pacer.wait().await;
            }
            let (now, mut turns) = (self.begun.elapsed(), self.turns());
            let turn = turns.next(now)?;
            if !turns.is_past(turn, now) {
                return Some(turn);
            }
        }
    }

    fn note(&self, turn: Turn, answer: Result<Encoded, RequestError>) {
        let took = self.begun.elapsed().saturating_sub(turn.due);
        self.note_unsent();
        match answer {
            _ if !turn.counts => self.meter.note_uncounted(answer.is_ok()),
            Ok(result) => {
                let params_bytes = self.load.params.bytes().len() as u64;
                self.meter.note_answer(took, params_bytes, result.bytes().len() as u64);
            }
            Err(error) => self.meter.note_failure(&error),
        }
    }

    /// What was due and has not been begun.
    fn note_unsent(&self) {
        if let Some(pacer) = &self.pacer {
            self.meter.set_unsent(pacer.counted().saturating_sub(self.turns().begun()));
        }
    }

    /// Whether what comes next would fail as well. A request that was not sent fails at once: to
    /// go on would keep the thread busy with nothing else.
    fn is_useless_after(&self, error: &RequestError) -> bool {
        match error {
            RequestError::Deadline { .. }
            | RequestError::Lost { .. }
            | RequestError::Answer { .. } => false,
            RequestError::Failed { failure, .. } => {
                failure.retry == Retry::Never && !self.meter.has_answers()
            }
            _ => true,
        }
    }

    fn give_up(&self, error: &RequestError) {
        // The first one says it.
        let _ = self.useless.set(error.clone());
        self.turns().stop();
        if let Some(pacer) = &self.pacer {
            pacer.stop();
        }
    }

    fn turns(&self) -> MutexGuard<'_, Turns> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
