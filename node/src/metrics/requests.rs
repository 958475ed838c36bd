//! Requests at one end, from their beginning to their end.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bothways_protocol::MethodName;

use super::durations::Durations;
use crate::exchange::Outcome;

/// The requests that a node issues, or those that it answers.
#[derive(Debug)]
pub(crate) struct Requests {
    began: AtomicU64,
    /// Those of them that are live subscriptions.
    watching: AtomicU64,
    /// Those that are over.
    durations: Durations,
}

/// A request that is over.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ended<'m> {
    pub(crate) method: &'m MethodName,
    pub(crate) took: Duration,
    pub(crate) outcome: Outcome,
    /// Whether it became a subscription: see [`Requests::note_watching`].
    pub(crate) watched: bool,
}

/// How many requests there were, and how many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    /// All that have begun.
    pub(crate) total: u64,
    /// Those that ended otherwise than with a result.
    pub(crate) failed: u64,
    /// Those that wait for their answer.
    pub(crate) in_flight: u64,
    /// Live subscriptions.
    pub(crate) watching: u64,
}

impl Requests {
    pub(super) fn new(durations: Durations) -> Self {
        Self { began: AtomicU64::new(0), watching: AtomicU64::new(0), durations }
    }

    /// Names methods that are told apart.
    pub(crate) fn know<'m>(&self, methods: impl IntoIterator<Item = &'m MethodName>) {
        self.durations.know(methods);
    }

    /// A request has begun; [`Self::end`] is called once for each.
    pub(crate) fn begin(&self) {
        self.began.fetch_add(1, Ordering::Relaxed);
    }

    /// A request has become a subscription: it is no longer in flight.
    pub(crate) fn note_watching(&self) {
        self.watching.fetch_add(1, Ordering::Relaxed);
    }

    /// A request is over.
    pub(crate) fn end(&self, ended: Ended<'_>) {
        if ended.watched {
            self.watching.fetch_sub(1, Ordering::Relaxed);
        }
        self.durations.note(ended.method, ended.outcome, ended.took);
    }

    /// What has been counted so far. Others count on meanwhile: those that have begun are read last,
    /// so that no more are over than have begun.
    pub(crate) fn counts(&self) -> Counts {
        let watching = self.watching.load(Ordering::Relaxed);
        let (ended, failed) = self.durations.counts();
        let total = self.began.load(Ordering::Relaxed);
        let in_flight = total.saturating_sub(ended).saturating_sub(watching);
        Counts { total, failed, in_flight, watching }
    }
}

#[cfg(test)]
mod tests {
    use bothways_protocol::Code;

    use super::super::Metrics;
    use super::*;

    #[test]
    fn a_subscription_is_in_flight_until_it_begins_and_counts_as_one_until_it_ends() {
        let requests = Metrics::new().inward;
        let method = "people.list".parse().unwrap();
        let took = Duration::from_millis(1);
        let ended = |outcome, watched| Ended { method: &method, took, outcome, watched };
        let seen = || {
            let Counts { total, failed, in_flight, watching } = requests.counts();
            (total, failed, in_flight, watching)
        };
        requests.begin();
        requests.begin();
        assert_eq!(seen(), (2, 0, 2, 0));
        requests.note_watching();
        assert_eq!(seen(), (2, 0, 1, 1));
        requests.end(ended(Outcome::Failed(Code::NotFound), false));
        assert_eq!(seen(), (2, 1, 0, 1));
        requests.end(ended(Outcome::Ok, true));
        assert_eq!(seen(), (2, 1, 0, 0));
    }
}
