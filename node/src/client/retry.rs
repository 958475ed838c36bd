//! Whether a request that came back without a result is sent again, when, and how many are.
//!
//! Each request may be sent again: it reads, or it carries a key under which it acts once. So what
//! decides is whether another attempt could end better, and whether all attempts together would be
//! a storm.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bothways_protocol::{Code, Retry};

use super::RequestError;

/// The most attempts at one request, whatever its deadline.
const ATTEMPTS_MAX: u32 = 16;

/// The upper end of the wait before the second attempt; it doubles with each further one.
const BACKOFF_MIN: Duration = Duration::from_millis(50);
/// Where it no longer doubles.
const BACKOFF_MAX: Duration = Duration::from_secs(2);

/// What is done about a request that came back without a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// Nothing: its caller is told.
    No,
    /// Another session takes it, as soon as there is one: this one surely did not process it.
    Elsewhere,
    /// It is sent again after a wait.
    After(Duration),
}

/// What is done about a request whose attempt of this number failed so. `chance`, from 0 to 1,
/// says how much of the wait is waited (full jitter), so that many callers do not come at once.
pub(super) fn again(error: &RequestError, attempt: u32, chance: f64) -> Again {
    if attempt >= ATTEMPTS_MAX {
        return Again::No;
    }
    if error.surely_not_processed() {
        return Again::Elsewhere;
    }
    let backoff = || Again::After(longest_backoff(attempt).mul_f64(chance));
    match error {
        RequestError::Lost { .. } | RequestError::Crowded { .. } => backoff(),
        RequestError::Failed { failure, .. } => match (failure.retry, failure.retry_after) {
            // The time that was up there is up here as well.
            (Retry::Same, _) if failure.code == Code::DeadlineExceeded => Again::No,
            (Retry::After, Some(wait)) => {
                // Not sooner than asked for, and not all at the same moment.
                Again::After(wait.saturating_add(longest_backoff(1).mul_f64(chance)))
            }
            (Retry::Same | Retry::After, _) => backoff(),
            // There is no other node to ask; what this one refuses, its caller should know.
            (Retry::Elsewhere | Retry::Never, _) => Again::No,
        },
        _ => Again::No,
    }
}

fn longest_backoff(attempt: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(attempt.saturating_sub(1).min(31));
    BACKOFF_MIN.saturating_mul(doubled).min(BACKOFF_MAX)
}

/// How many attempts beyond the first a node may make: a tenth of its requests, ten a second in any
/// case, and what it has saved of both, up to a thousand. So a server in trouble meets at the most a
/// tenth more requests, and a thousand that are in flight when it restarts come back all the same.
#[derive(Debug)]
pub(super) struct Budget {
    /// In thousandths of an attempt.
    left: AtomicU64,
    /// When time last added to it.
    grown: Mutex<Instant>,
}

const ATTEMPT: u64 = 1_000;
const BUDGET_MAX: u64 = 1_000 * ATTEMPT;
const PER_REQUEST: u64 = ATTEMPT / 10;
const PER_SECOND: u64 = 10 * ATTEMPT;

impl Budget {
    pub(super) fn new(now: Instant) -> Self {
        Self { left: AtomicU64::new(BUDGET_MAX), grown: Mutex::new(now) }
    }

    /// A request is made for the first time.
    pub(super) fn note_request(&self) {
        // Full, as it is nearly always, it costs a look.
        if self.left.load(Ordering::Relaxed) < BUDGET_MAX {
            self.left.fetch_add(PER_REQUEST, Ordering::Relaxed);
        }
    }

    /// Takes one more attempt, if there is one.
    pub(super) fn take(&self, now: Instant) -> bool {
        self.grow(now);
        let less = |left: u64| left.min(BUDGET_MAX).checked_sub(ATTEMPT);
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }

    fn grow(&self, now: Instant) {
        let mut grown = self.grown.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = now.saturating_duration_since(*grown).as_millis();
        let more = u64::try_from(passed).unwrap_or(u64::MAX).saturating_mul(PER_SECOND) / 1_000;
        if more > 0 {
            *grown = now;
            let grow = |left: u64| Some(left.saturating_add(more).min(BUDGET_MAX));
            // It gives a value for each, so it cannot fail.
            let _ = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grow);
        }
    }
}

#[cfg(test)]
mod tests {
    use bothways_protocol::{Failure, NodeName};

    use super::*;

    fn failed(failure: Failure) -> RequestError {
        let (peer, method) = ("hub".parse::<NodeName>().unwrap(), "a.b".parse().unwrap());
        RequestError::Failed { peer, method, failure }
    }

    fn lost() -> RequestError {
        let (peer, method) = ("hub".parse::<NodeName>().unwrap(), "a.b".parse().unwrap());
        RequestError::Lost { peer, method, problem: "reset".to_owned() }
    }

    #[test]
    fn a_request_is_sent_again_only_where_that_can_help() {
        let peer = || "hub".parse::<NodeName>().unwrap();
        let ms = Duration::from_millis;
        let unavailable = |reason| Failure::new(Code::Unavailable, "").reason(reason);
        let table = [
            (RequestError::NotSent { peer: peer() }, Again::Elsewhere),
            (failed(unavailable("going_away")), Again::Elsewhere),
            (lost(), Again::After(ms(25))),
            (failed(unavailable("read_only").retry(Retry::Same)), Again::After(ms(25))),
            (failed(unavailable("read_only").after(ms(300))), Again::After(ms(325))),
            (failed(Failure::new(Code::ResourceExhausted, "")), Again::After(ms(25))),
            (failed(unavailable("read_only")), Again::No),
            (failed(Failure::new(Code::DeadlineExceeded, "")), Again::No),
            (failed(Failure::new(Code::NotFound, "")), Again::No),
            (failed(Failure::new(Code::Aborted, "")), Again::No),
            (RequestError::NotConnected { peer: peer() }, Again::No),
            (RequestError::Stopped, Again::No),
        ];
        for (error, expected) in table {
            assert_eq!(again(&error, 1, 0.5), expected, "{error}");
            assert_eq!(again(&error, ATTEMPTS_MAX, 0.5), Again::No, "{error}");
        }
    }

    #[test]
    fn the_wait_doubles_up_to_its_limit_and_a_random_part_of_it_is_waited() {
        let waits: Vec<_> = (1..10).map(|attempt| again(&lost(), attempt, 1.0)).collect();
        let ms = [50, 100, 200, 400, 800, 1600, 2000, 2000, 2000];
        assert_eq!(waits, ms.map(|ms| Again::After(Duration::from_millis(ms))));
        assert_eq!(again(&lost(), 5, 0.0), Again::After(Duration::ZERO));
    }

    #[test]
    fn a_thousand_come_back_at_once_and_then_a_tenth_of_what_is_asked() {
        let start = Instant::now();
        let budget = Budget::new(start);
        let taken = |now| (0..5_000).filter(|_| budget.take(now)).count();
        assert_eq!(taken(start), 1_000);
        (0..200).for_each(|_| budget.note_request());
        assert_eq!(taken(start), 20);
        assert_eq!(taken(start + Duration::from_secs(3)), 30);
        (0..1_000_000).for_each(|_| budget.note_request());
        assert_eq!(taken(start + Duration::from_secs(3)), 1_000);
    }
}
