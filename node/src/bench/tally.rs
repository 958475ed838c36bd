//! What is counted while a load runs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bothways_protocol::Code;
use hdrhistogram::Histogram;

use super::report::Report;
use crate::client::RequestError;

/// The longest time that a histogram tells apart from longer ones.
const LONGEST: Duration = Duration::from_secs(3600);
/// How exact its times are: to three digits.
const DIGITS: u8 = 3;

/// Counts along with a load. A handle: clones count the same.
#[derive(Debug, Clone, Default)]
pub struct Meter {
    tally: Arc<Mutex<Tally>>,
}

/// How far a load is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Requests that were answered, of those that count.
    pub answered: u64,
    /// Requests that failed, of those that count.
    pub failed: u64,
    /// Requests that came back before they count, in the warm-up.
    pub warmed_up: u64,
}

/// What was counted.
#[derive(Debug)]
pub(super) struct Tally {
    /// When it began to count.
    pub(super) begun: Option<Instant>,
    /// When the last request came back, or the time was over.
    pub(super) ended: Option<Instant>,
    /// How long the answers took, in nanoseconds.
    pub(super) times: Histogram<u64>,
    pub(super) failed: BTreeMap<Code, u64>,
    /// The first failure.
    pub(super) example: Option<String>,
    pub(super) unsent: u64,
    pub(super) params_bytes: u64,
    pub(super) results_bytes: u64,
    pub(super) warmed_up: u64,
    has_answers: bool,
}

impl Default for Tally {
    fn default() -> Self {
        let longest = u64::try_from(LONGEST.as_nanos()).unwrap_or(u64::MAX);
        let times = Histogram::new_with_max(longest, DIGITS);
        Self {
            begun: None,
            ended: None,
            times: times.expect("an hour to three digits is within a histogram's bounds"),
            failed: BTreeMap::new(),
            example: None,
            unsent: 0,
            params_bytes: 0,
            results_bytes: 0,
            warmed_up: 0,
            has_answers: false,
        }
    }
}

impl Meter {
    /// How far the load is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        let tally = self.tally();
        Progress {
            answered: tally.times.len(),
            failed: tally.failed.values().sum(),
            warmed_up: tally.warmed_up,
        }
    }

    /// What was measured so far.
    #[must_use]
    pub fn report(&self) -> Report {
        Report::of(&self.tally())
    }

    /// Says when a load ended that was dropped: it was measured until then.
    pub fn end(&self, now: Instant) {
        let ended = &mut self.tally().ended;
        *ended = (*ended).max(Some(now));
    }

    pub(super) fn begin(&self, begun: Instant) {
        self.tally().begun = Some(begun);
    }

    pub(super) fn note_answer(&self, took: Duration, params_bytes: u64, results_bytes: u64) {
        let mut tally = self.tally();
        tally.times.saturating_record(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
        tally.params_bytes += params_bytes;
        tally.results_bytes += results_bytes;
        tally.has_answers = true;
        tally.ended = Some(Instant::now());
    }

    pub(super) fn note_failure(&self, error: &RequestError) {
        let mut tally = self.tally();
        *tally.failed.entry(error.code()).or_default() += 1;
        tally.example.get_or_insert_with(|| error.to_string());
        tally.ended = Some(Instant::now());
    }

    pub(super) fn note_uncounted(&self, is_answer: bool) {
        let mut tally = self.tally();
        tally.warmed_up += 1;
        tally.has_answers |= is_answer;
    }

    pub(super) fn set_unsent(&self, unsent: u64) {
        self.tally().unsent = unsent;
    }

    /// Whether any request was answered, counted or not.
    pub(super) fn has_answers(&self) -> bool {
        self.tally().has_answers
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
