//! Requests at one end, from their beginning to their end.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::exchange::Outcome;

/// The requests that a node issues, or those that it answers.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    began: AtomicU64,
    ended: AtomicU64,
    failed: AtomicU64,
    /// Those of them that are live subscriptions.
    watching: AtomicU64,
}

/// A request that is over.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ended {
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
    /// A request has begun; [`Self::end`] is called once for each.
    pub(crate) fn begin(&self) {
        self.began.fetch_add(1, Ordering::Relaxed);
    }

    /// A request has become a subscription: it is no longer in flight.
    pub(crate) fn note_watching(&self) {
        self.watching.fetch_add(1, Ordering::Relaxed);
    }

    /// A request is over.
    pub(crate) fn end(&self, ended: Ended) {
        if ended.outcome != Outcome::Ok {
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
        if ended.watched {
            self.watching.fetch_sub(1, Ordering::Relaxed);
        }
        self.ended.fetch_add(1, Ordering::Relaxed);
    }

    /// What has been counted so far. Others count on meanwhile: what is read first is never ahead of
    /// what it is subtracted from.
    pub(crate) fn counts(&self) -> Counts {
        let watching = self.watching.load(Ordering::Relaxed);
        let ended = self.ended.load(Ordering::Relaxed);
        let failed = self.failed.load(Ordering::Relaxed);
        let total = self.began.load(Ordering::Relaxed);
        let in_flight = total.saturating_sub(ended).saturating_sub(watching);
        Counts { total, failed, in_flight, watching }
    }
}

#[cfg(test)]
mod tests {
    use bothways_protocol::Code;

    use super::*;

    #[test]
    fn a_subscription_is_in_flight_until_it_begins_and_counts_as_one_until_it_ends() {
        let requests = Requests::default();
        let seen = || {
            let Counts { total, failed, in_flight, watching } = requests.counts();
            (total, failed, in_flight, watching)
        };
        requests.begin();
        requests.begin();
        assert_eq!(seen(), (2, 0, 2, 0));
        requests.note_watching();
        assert_eq!(seen(), (2, 0, 1, 1));
        requests.end(Ended { outcome: Outcome::Failed(Code::NotFound), watched: false });
        assert_eq!(seen(), (2, 1, 0, 1));
        requests.end(Ended { outcome: Outcome::Ok, watched: true });
        assert_eq!(seen(), (2, 1, 0, 0));
    }
}
