//! When the peers of a node that stops come back to it.

use std::time::Duration;

/// What a handshake costs the listener, about.
const HANDSHAKE: Duration = Duration::from_millis(2);

/// The longest time for which a peer is asked to stay away.
const STAY_AWAY_MAX: Duration = Duration::from_secs(10);

/// How long one of so many peers stays away, where `chance`, from 0 to 1, is drawn for it: so they
/// come back spread over the time that as many handshakes take.
pub(super) fn stay_away(sessions: usize, chance: f64) -> Duration {
    let handshakes = u32::try_from(sessions).unwrap_or(u32::MAX);
    HANDSHAKE.saturating_mul(handshakes).min(STAY_AWAY_MAX).mul_f64(chance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_more_peers_a_node_has_the_longer_they_take_to_come_back() {
        let ms = Duration::from_millis;
        let table = [
            (0, 1.0, ms(0)),
            (1, 1.0, ms(2)),
            (1_000, 0.5, ms(1_000)),
            (1_000_000, 1.0, ms(10_000)),
            (usize::MAX, 0.0, ms(0)),
        ];
        for (sessions, chance, stays) in table {
            assert_eq!(stay_away(sessions, chance), stays, "{sessions}");
        }
    }
}
