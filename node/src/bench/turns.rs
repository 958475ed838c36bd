//! When the next request is begun, and whether it counts: the rule behind a [`Load`], in times
//! since its beginning.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::load::{Load, Pace};

/// How long after the end a request may still be begun that was due before: it is on its way to
/// whoever begins it.
const LAST_TURNS: Duration = Duration::from_millis(10);

/// The turns of one load. Two of the same load and seed give the same ones.
#[derive(Debug)]
pub(super) struct Turns {
    warm_up: Duration,
    /// When the time is over, if it is bounded.
    end: Option<Duration>,
    /// How many more are counted, if that is bounded.
    left: Option<u64>,
    pace: Pace,
    /// How many were due so far, where the pace is regular.
    due: u64,
    /// When the last one was due, where the pace is random.
    last: Duration,
    random: StdRng,
    /// How many of those that count were begun.
    begun: u64,
    /// How many of those that count were taken too late to be begun.
    missed: u64,
    over: bool,
}

/// The permission to begin one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Turn {
    /// When it is due: its answer's time is measured from here.
    pub(super) due: Duration,
    /// Whether it belongs to what is measured.
    pub(super) counts: bool,
}

impl Turns {
    pub(super) fn of(load: &Load, seed: u64) -> Self {
        Self {
            warm_up: load.warm_up,
            end: load.duration.map(|duration| load.warm_up + duration),
            left: load.count,
            pace: load.pace,
            due: 0,
            last: Duration::ZERO,
            random: StdRng::seed_from_u64(seed),
            begun: 0,
            missed: 0,
            over: false,
        }
    }

    /// The next turn, taken at this time; nothing once all is over.
    pub(super) fn next(&mut self, now: Duration) -> Option<Turn> {
        let due = self.next_due(now);
        let counts = due >= self.warm_up;
        if self.over || self.end.is_some_and(|end| due >= end) {
            return None;
        }
        if let Some(left) = self.left.as_mut().filter(|_| counts) {
            *left = left.checked_sub(1)?;
        }
        let too_late = self.end.is_some_and(|end| now >= end + LAST_TURNS);
        let number = if too_late { &mut self.missed } else { &mut self.begun };
        *number += u64::from(counts);
        (!too_late).then_some(Turn { due, counts })
    }

    /// How many requests that count were due and not begun, once no more are begun.
    pub(super) fn unsent(&mut self) -> u64 {
        let begun = self.begun;
        if self.pace.per_s().is_some() {
            while self.next(Duration::ZERO).is_some() {}
        }
        self.missed + self.begun - begun
    }

    /// Whether a turn of the warm-up was not taken before it was over. It is left out: a rate that
    /// is too high fails in what is measured, and not before.
    pub(super) fn is_past(&self, turn: Turn, now: Duration) -> bool {
        !turn.counts && now >= self.warm_up
    }

    /// How many requests that count were begun.
    pub(super) fn begun(&self) -> u64 {
        self.begun
    }

    /// Whether as many were begun as are to be counted.
    pub(super) fn has_count(&self) -> bool {
        self.left == Some(0)
    }

    /// Gives no more turns.
    pub(super) fn stop(&mut self) {
        self.over = true;
    }

    fn next_due(&mut self, now: Duration) -> Duration {
        match self.pace {
            Pace::AsAnswered => now,
            Pace::Regular { per_s } => {
                // Not one gap after the other: no rounding adds up.
                #[allow(clippy::cast_precision_loss, reason = "2^53 requests are never due")]
                let due = seconds(self.due as f64 / per_s);
                self.due += 1;
                due
            }
            Pace::Poisson { per_s } => {
                let share: f64 = self.random.random();
                self.last = self.last.saturating_add(seconds(-(1.0 - share).ln() / per_s));
                self.last
            }
        }
    }
}

/// Seconds as a duration; what no duration holds is the longest.
fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use bothways_protocol::Encoded;

    use super::*;

    fn load(pace: Pace, duration_ms: Option<u64>, count: Option<u64>) -> Load {
        Load {
            method: "node.ping".parse().unwrap(),
            params: Encoded::empty_map(),
            concurrency: 1,
            pace,
            warm_up: ms(10),
            duration: duration_ms.map(ms),
            count,
        }
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// The times at which turns are due, in milliseconds, a star behind those that count.
    fn shown(turns: &mut Turns, now: &[u64]) -> String {
        let turn = |now: &u64| match turns.next(ms(*now)) {
            Some(Turn { due, counts }) => {
                format!("{}{}", due.as_millis(), if counts { "*" } else { "" })
            }
            None => "-".to_owned(),
        };
        now.iter().map(turn).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_closed_loop_begins_the_next_one_now_until_the_time_is_over() {
        let mut turns = Turns::of(&load(Pace::AsAnswered, Some(20), None), 0);
        assert_eq!(shown(&mut turns, &[0, 9, 10, 29, 30, 31]), "0 9 10* 29* - -");
        assert_eq!(turns.begun(), 2);
    }

    #[test]
    fn a_count_counts_behind_the_warm_up() {
        let mut turns = Turns::of(&load(Pace::AsAnswered, None, Some(2)), 0);
        assert_eq!(shown(&mut turns, &[0, 5, 50, 60, 70]), "0 5 50* 60* -");
        assert_eq!((turns.begun(), turns.unsent(), turns.has_count()), (2, 0, true));
    }

    #[test]
    fn a_rate_is_due_whenever_it_is_taken() {
        let every_5_ms = Pace::Regular { per_s: 200.0 };
        let mut turns = Turns::of(&load(every_5_ms, Some(20), None), 0);
        assert_eq!(shown(&mut turns, &[0, 25, 25, 25, 39, 39, 39]), "0 5 10* 15* 20* 25* -");
    }

    #[test]
    fn what_was_due_is_not_begun_long_after_the_end() {
        let mut turns = Turns::of(&load(Pace::Regular { per_s: 200.0 }, Some(20), None), 0);
        assert_eq!(shown(&mut turns, &[0, 5, 39, 40]), "0 5 10* -");
        assert_eq!((turns.begun(), turns.unsent()), (1, 3));
    }

    #[test]
    fn the_warm_up_leaves_nothing_behind() {
        let mut turns = Turns::of(&load(Pace::Regular { per_s: 200.0 }, Some(20), None), 0);
        let [first, second, third] = [0, 10, 10].map(|now| turns.next(ms(now)).unwrap());
        assert!(!turns.is_past(first, ms(9)) && turns.is_past(second, ms(10)));
        assert!(!turns.is_past(third, ms(1000)));
    }

    #[test]
    fn random_turns_have_the_rate_and_can_be_foretold() {
        let load = load(Pace::Poisson { per_s: 1000.0 }, Some(100_000), None);
        let all = |seed| {
            let mut turns = Turns::of(&load, seed);
            std::iter::from_fn(move || turns.next(Duration::ZERO)).collect::<Vec<_>>()
        };
        let turns = all(7);
        assert_eq!(turns, all(7));
        assert_ne!(turns, all(8));
        // Five standard deviations of a Poisson distribution with this mean.
        assert!((98_400..=101_600).contains(&turns.len()), "{}", turns.len());
    }

    #[test]
    fn nothing_is_begun_once_it_is_stopped() {
        let mut turns = Turns::of(&load(Pace::AsAnswered, None, None), 0);
        turns.stop();
        assert_eq!(turns.next(ms(1)), None);
    }
}
