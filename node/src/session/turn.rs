//! How much of what a peer says is taken in at a time.

use std::sync::LazyLock;
use std::thread::available_parallelism;

/// How many messages are taken in before others on this thread have their turn, on this machine.
static TURN: LazyLock<usize> =
    LazyLock::new(|| turn_on(available_parallelism().map_or(1, usize::from)));

/// How many messages are taken in before others on this thread have their turn.
pub(super) fn turn() -> usize {
    *TURN
}

/// The turn of one reader.
#[derive(Debug)]
pub(super) struct Turn {
    left: usize,
}

impl Turn {
    pub(super) fn new() -> Self {
        Self { left: turn() }
    }

    /// Counts one message more, and says whether it was the last of this turn.
    pub(super) fn is_over(&mut self) -> bool {
        self.left -= 1;
        let over = self.left == 0;
        if over {
            self.left = turn();
        }
        over
    }
}

/// The messages of a turn where the process may use so many cores.
///
/// On several, one end works on some requests while others of the same batch are under way at the
/// other: without that the two wait for each other in lockstep, at half the requests/s of 64 in
/// flight. On one core both ends of a machine take turns anyway, and what is cut into small turns
/// only leaves in more datagrams.
fn turn_on(cores: usize) -> usize {
    if cores > 1 { 16 } else { 64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_is_over_with_its_last_message_and_the_next_begins() {
        let (mut turn, long) = (Turn::new(), turn());
        let over: Vec<_> = (1..=2 * long + 1).filter(|_| turn.is_over()).collect();
        assert_eq!(over, [long, 2 * long]);
    }

    #[test]
    fn where_two_can_work_at_a_time_turns_are_short() {
        for (cores, turn) in [(1, 64), (2, 16), (64, 16)] {
            assert_eq!(turn_on(cores), turn, "{cores} cores");
        }
    }
}
