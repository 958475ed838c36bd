//! What one end of a subscription keeps for its records: how many events, and when the next record
//! is due.
//!
//! A subscription may live for days. One record at its end would show nothing until then, one for
//! each event would cost as much as a request. So there is one when it begins, one when it ends,
//! and one a second after events were delivered; where they come on and on, each wait is twice the
//! one before, up to a minute. What is delivered now and then is seen within a second, and a steady
//! stream costs a record a minute.

use std::time::{Duration, Instant};

/// How long events gather for a record.
const WAIT_MIN: Duration = Duration::from_secs(1);
/// The longest wait.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// One end of a subscription that has begun.
#[derive(Debug, Clone)]
pub(crate) struct Telling {
    /// When it began, in microseconds since 1970: the same in each of its records.
    pub(crate) started_us: i64,
    /// How many events it has delivered.
    pub(crate) events: u64,
    /// How long the last wait was.
    wait: Duration,
    recorded: Instant,
    /// When a record is due, where events were delivered since the last one.
    due: Option<Instant>,
}

impl Telling {
    /// It begins now, with a record.
    pub(crate) fn begun(started_us: i64, now: Instant) -> Self {
        Self { started_us, events: 0, wait: Duration::ZERO, recorded: now, due: None }
    }

    /// Events were delivered. Says when a record is due, where none was before; only then is the
    /// clock looked at.
    pub(crate) fn note(&mut self, events: u64, now: impl Fn() -> Instant) -> Option<Instant> {
        self.events += events;
        if events == 0 || self.due.is_some() {
            return None;
        }
        let now = now();
        let is_quiet = now.saturating_duration_since(self.recorded) >= 2 * self.wait;
        self.wait = if is_quiet { WAIT_MIN } else { (2 * self.wait).min(WAIT_MAX) };
        self.due = Some((now + WAIT_MIN).max(self.recorded + self.wait));
        self.due
    }

    /// A record was made.
    pub(crate) fn note_recorded(&mut self, now: Instant) {
        self.recorded = now;
        self.due = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When records are due, in milliseconds, where events come at these times and each record is
    /// made when it is due.
    fn records(events_ms: impl IntoIterator<Item = u64>) -> Vec<u64> {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut telling = Telling::begun(0, start);
        let (mut due, mut records): (Option<Instant>, _) = (None, Vec::new());
        let mut make = |due: &mut Option<Instant>, telling: &mut Telling, until: Instant| {
            if let Some(moment) = due.take_if(|moment| *moment <= until) {
                telling.note_recorded(moment);
                records.push(u64::try_from((moment - start).as_millis()).unwrap());
            }
        };
        for ms in events_ms {
            make(&mut due, &mut telling, at(ms));
            due = telling.note(1, || at(ms)).or(due);
        }
        make(&mut due, &mut telling, at(1 << 40));
        records
    }

    #[test]
    fn what_is_delivered_now_and_then_is_recorded_within_a_second() {
        assert!(records([]).is_empty());
        assert_eq!(records([0]), [1_000]);
        assert_eq!(records([5_000, 5_100, 5_900]), [6_000]);
        assert_eq!(records([1_000, 100_000, 200_000]), [2_000, 101_000, 201_000]);
    }

    #[test]
    fn a_steady_stream_costs_a_record_a_minute() {
        let an_hour = records((0..3_600_000).step_by(50));
        assert_eq!(an_hour[..7], [1_000, 3_000, 7_000, 15_000, 31_000, 63_000, 123_000]);
        assert!(an_hour.len() <= 67, "{}", an_hour.len());
    }

    #[test]
    fn the_clock_is_looked_at_once_for_each_record() {
        let now = Instant::now();
        let mut telling = Telling::begun(7, now);
        assert_eq!(telling.note(0, || unreachable!("nothing was delivered")), None);
        assert!(telling.note(2, || now).is_some());
        assert_eq!(telling.note(3, || unreachable!("a record is due")), None);
        assert_eq!((telling.events, telling.started_us), (5, 7));
    }
}
