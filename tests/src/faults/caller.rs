//! Somebody who writes, over and over, and remembers what came of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bothways::domain::people::{CreatePerson, Person};
use bothways::protocol::{Code, IdempotencyKey, Retry};
use bothways::{Peer, RequestError};
use rand::RngExt;
use rand::rngs::StdRng;

use super::hub::{WITHIN, stored};
use crate::history::{Outcome, Write};

/// What a caller does about requests that come back without a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// The library sends them again.
    Retries,
    /// The library sends again what surely did not act.
    AtMostOnce,
    /// The same, and a server that does not answer a dial is not waited for.
    FailFast,
}

/// What all callers share.
#[derive(Debug)]
pub(super) struct Shared {
    /// When the history begins.
    pub(super) began: Instant,
    /// Set when they are to end.
    pub(super) enough: AtomicBool,
    /// Requests that wait for their answer.
    pub(super) in_flight: AtomicUsize,
    /// Requests that were acknowledged.
    pub(super) acknowledged: AtomicU64,
}

pub(super) struct Caller {
    pub(super) name: String,
    pub(super) manner: Manner,
    peer: Peer,
    random: StdRng,
    shared: Arc<Shared>,
    /// The last write that may have acted.
    last: Option<Last>,
    /// What was acknowledged under the key of something else that had been.
    reused: Vec<String>,
    pub(super) writes: Vec<Write>,
}

struct Last {
    key: IdempotencyKey,
    what: String,
    acknowledged: bool,
}

impl Shared {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            began: Instant::now(),
            enough: AtomicBool::new(false),
            in_flight: AtomicUsize::new(0),
            acknowledged: AtomicU64::new(0),
        })
    }
}

impl Caller {
    pub(super) fn new(
        name: String,
        manner: Manner,
        peer: Peer,
        random: StdRng,
        shared: Arc<Shared>,
    ) -> Self {
        let peer = peer.within(WITHIN);
        let peer = match manner {
            Manner::Retries => peer,
            Manner::AtMostOnce => peer.at_most_once(),
            Manner::FailFast => peer.at_most_once().fail_fast(),
        };
        Self {
            name,
            manner,
            peer,
            random,
            shared,
            last: None,
            reused: Vec::new(),
            writes: Vec::new(),
        }
    }

    /// Writes until it is enough; now and then the same again under its key, which must be told the
    /// same, or something else under it, which must be refused.
    pub(super) async fn write(mut self) -> Self {
        while !self.shared.enough.load(Ordering::Relaxed) {
            let number = self.writes.len();
            let (key, what) = match (&self.last, self.random.random_range(0..16)) {
                (Some(last), 0 | 1) => (last.key, last.what.clone()),
                (Some(last), 2) => {
                    (last.key, format!("{}-{number} under another's key", self.name))
                }
                _ => (IdempotencyKey(self.random.random()), format!("{}-{number}", self.name)),
            };
            let may_repeat = !what.ends_with("key");
            let outcome = self.write_once(key, &what).await;
            let acted = !matches!(outcome, Outcome::Refused(_));
            let acknowledged = matches!(outcome, Outcome::Acknowledged(_));
            if may_repeat {
                // Under a key that surely did not act, something else may be written: that is no
                // second use of it.
                self.last = acted.then_some(Last { key, what, acknowledged });
            } else if acknowledged && self.last.as_ref().is_some_and(|last| last.acknowledged) {
                self.reused.push(format!("{what}: acknowledged, and so was something else before"));
            }
            if !acted {
                tokio::time::sleep(Duration::from_millis(self.random.random_range(1..20))).await;
            }
        }
        self
    }

    async fn write_once(&mut self, key: IdempotencyKey, what: &str) -> Outcome {
        let began = self.shared.began.elapsed();
        let params = CreatePerson { name: what.parse().unwrap(), title: None };
        let peer = self.peer.clone().with_key(key);
        self.shared.in_flight.fetch_add(1, Ordering::Relaxed);
        let answer = peer.request(params).await;
        self.shared.in_flight.fetch_sub(1, Ordering::Relaxed);
        let (ended, outcome) = (self.shared.began.elapsed(), outcome(answer));
        if matches!(outcome, Outcome::Acknowledged(_)) {
            self.shared.acknowledged.fetch_add(1, Ordering::Relaxed);
        }
        self.writes.push(Write { what: what.to_owned(), began, ended, outcome: outcome.clone() });
        outcome
    }

    /// Keys under which two different writes acted.
    pub(super) fn reused(&self) -> impl Iterator<Item = String> {
        self.reused.iter().cloned()
    }

    /// What this caller should not have been told: who lets the library send again is told no error,
    /// but for what is refused because of what it asks for.
    pub(super) fn errors(&self) -> impl Iterator<Item = String> {
        self.writes.iter().filter(|write| !write.what.ends_with("key")).filter_map(|write| {
            let (Outcome::Refused(why) | Outcome::InDoubt(why)) = &write.outcome else {
                return None;
            };
            Some(format!("{}, by a caller that should see no error: {why}", write.what))
        })
    }
}

/// What an answer says about the write.
fn outcome(answer: Result<Person, RequestError>) -> Outcome {
    let error = match answer {
        Ok(person) => return Outcome::Acknowledged(stored(&person)),
        Err(error) => error,
    };
    let doubt = match &error {
        RequestError::Failed { failure, .. } => {
            failure.retry == Retry::Same || failure.code == Code::Internal
        }
        RequestError::Lost { .. }
        | RequestError::Deadline { .. }
        | RequestError::Answer { .. }
        | RequestError::Stopped => true,
        _ => false,
    };
    match doubt {
        true => Outcome::InDoubt(error.to_string()),
        false => Outcome::Refused(error.to_string()),
    }
}
