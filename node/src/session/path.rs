//! Whether the way to a peer suits a lane.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use quinn::Connection;

/// A round trip so short that what is lost is there again before it delays much.
const SHORT: Duration = Duration::from_millis(5);
/// The largest part of the packets that may get lost on a longer way, in thousandths.
const LOST_MAX_PER_MILLE: u64 = 2;
/// How many requests are begun before the way is looked at again.
const LOOK_EVERY: u64 = 64;

/// How much of what was seen lately counts with each new look: seven eighths of it.
const FORGOTTEN: u64 = 8;

/// The way to a peer, as it was when it was looked at last.
#[derive(Debug, Default)]
pub(super) struct Path {
    /// Too much gets lost: what is behind a lost packet on a lane waits for it, whatever it is.
    lossy: AtomicBool,
    seen: Mutex<Seen>,
}

/// Packets sent, and how many of them were lost: in all, and lately.
#[derive(Debug, Default)]
struct Seen {
    sent: u64,
    lost: u64,
    sent_lately: u64,
    lost_lately: u64,
}

impl Path {
    /// Whether a request, the nth of its session, may go on a lane.
    pub(super) fn suits_a_lane(&self, connection: &Connection, nth: u64) -> bool {
        if nth.is_multiple_of(LOOK_EVERY) {
            let path = connection.stats().path;
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            let lossy = seen.look(path.rtt, path.sent_packets, path.lost_packets);
            self.lossy.store(lossy, Ordering::Relaxed);
        }
        !self.lossy.load(Ordering::Relaxed)
    }
}

impl Seen {
    /// Looks at the totals of now, and says whether too much got lost lately.
    fn look(&mut self, round_trip: Duration, sent: u64, lost: u64) -> bool {
        self.sent_lately -= self.sent_lately / FORGOTTEN;
        self.sent_lately += sent.saturating_sub(self.sent);
        self.lost_lately += lost.saturating_sub(self.lost);
        (self.sent, self.lost) = (sent, lost);
        let lossy = is_lossy(round_trip, self.sent_lately, self.lost_lately);
        self.lost_lately -= self.lost_lately.div_ceil(FORGOTTEN);
        lossy
    }
}

/// Whether so much got lost lately that requests on one stream would wait for each other.
fn is_lossy(round_trip: Duration, sent: u64, lost: u64) -> bool {
    round_trip > SHORT && lost * 1_000 > sent * LOST_MAX_PER_MILLE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_is_for_ways_that_are_short_or_lose_little() {
        let table = [
            // round trip in ms, packets sent, of them lost, too lossy
            (0, 1_000, 0, false),
            (0, 1_000, 50, false),
            (40, 1_000, 0, false),
            (40, 1_000, 2, false),
            (40, 1_000, 10, true),
            (40, 100, 1, true),
            (40, 0, 0, false),
        ];
        for (round_trip_ms, sent, lost, lossy) in table {
            let round_trip = Duration::from_millis(round_trip_ms);
            assert_eq!(is_lossy(round_trip, sent, lost), lossy, "{lost} of {sent}");
        }
    }

    #[test]
    fn a_loss_is_remembered_for_a_while() {
        let (way, mut seen) = (Duration::from_millis(40), Seen::default());
        assert!(!seen.look(way, 1_000, 0));
        assert!(seen.look(way, 1_100, 20));
        assert!(seen.look(way, 1_200, 20));
        let later = (2..30).map(|look| seen.look(way, 1_000 + 100 * look, 20));
        assert_eq!(later.last(), Some(false));
    }
}
