//! How connections are spread over the network threads.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::NetworkThread;

/// How many connections each thread has.
#[derive(Debug)]
pub(super) struct Spread(Mutex<Vec<usize>>);

/// A connection's place on a network thread, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    thread: NetworkThread,
    nth: usize,
    spread: Arc<Spread>,
}

impl Spread {
    pub(super) fn over(threads: usize) -> Self {
        Self(Mutex::new(vec![0; threads]))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Takes one on the thread that has the fewest.
    pub(super) fn take(threads: &[NetworkThread], spread: &Arc<Spread>) -> Self {
        let nth = {
            let mut taken = spread.lock();
            let nth = fewest(&taken);
            taken[nth] += 1;
            nth
        };
        Self { thread: threads[nth].clone(), nth, spread: spread.clone() }
    }

    /// The thread that it is on.
    pub(crate) fn thread(&self) -> &NetworkThread {
        &self.thread
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.spread.lock()[self.nth] -= 1;
    }
}

/// The thread with the fewest connections; of several, the first.
fn fewest(connections: &[usize]) -> usize {
    let counted = connections.iter().enumerate();
    counted.min_by_key(|(_, connections)| **connections).map_or(0, |(nth, _)| nth)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_goes_where_the_fewest_are() {
        let table: [(&[usize], usize); 6] = [
            // connections of each thread, where the next one goes
            (&[0], 0),
            (&[7], 0),
            (&[0, 0, 0], 0),
            (&[1, 0, 0], 1),
            (&[2, 2, 1], 2),
            (&[3, 2, 2], 1),
        ];
        for (connections, nth) in table {
            assert_eq!(fewest(connections), nth, "{connections:?}");
        }
    }
}
