//! Whether the way to a peer suits a lane.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use quinn::Connection;

/// A round trip so short that what is lost is there again before it delays much.
const SHORT: Duration = Duration::from_millis(5);
/// The largest part of the packets that may get lost on a longer way, in thousandths.
const LOST_MAX_PER_MILLE: u64 = 2;
/// How many requests are begun before the way is looked at again.
const LOOK_EVERY: u64 = 64;

/// The way to a peer, as it was when it was looked at last.
#[derive(Debug, Default)]
pub(super) struct Path {
    /// Too much gets lost: what is behind a lost packet on a lane waits for it, whatever it is.
    lossy: AtomicBool,
    sent: AtomicU64,
    lost: AtomicU64,
}

impl Path {
    /// Whether a request, the nth of its session, may go on a lane.
    pub(super) fn suits_a_lane(&self, connection: &Connection, nth: u64) -> bool {
        if nth % LOOK_EVERY == 0 {
            let path = connection.stats().path;
            let sent = path.sent_packets - self.sent.swap(path.sent_packets, Ordering::Relaxed);
            let lost = path.lost_packets - self.lost.swap(path.lost_packets, Ordering::Relaxed);
            self.lossy.store(is_lossy(path.rtt, sent, lost), Ordering::Relaxed);
        }
        !self.lossy.load(Ordering::Relaxed)
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
}
