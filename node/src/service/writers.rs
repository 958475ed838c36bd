//! How many writes one peer has at work: on all its connections, and on those that are gone, since
//! a write outlives the connection that it came on.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bothways_protocol::NodeName;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Counts the writes of each peer.
#[derive(Debug)]
pub(super) struct Writers {
    most: usize,
    by_peer: Mutex<HashMap<NodeName, Arc<Semaphore>>>,
}

impl Writers {
    /// Allows each peer so many at a time.
    pub(super) fn new(most: usize) -> Self {
        Self { most, by_peer: Mutex::default() }
    }

    /// A place for one more write of a peer, until it is dropped.
    pub(super) fn place_for(&self, peer: &NodeName) -> Option<OwnedSemaphorePermit> {
        self.places_of(peer).try_acquire_owned().ok()
    }

    fn places_of(&self, peer: &NodeName) -> Arc<Semaphore> {
        let mut by_peer = self.by_peer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(places) = by_peer.get(peer) {
            return places.clone();
        }
        // Who has nothing at work is forgotten when somebody new comes.
        by_peer.retain(|_, places| Arc::strong_count(places) > 1);
        let places = Arc::new(Semaphore::new(self.most));
        by_peer.insert(peer.clone(), places.clone());
        places
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_peer_has_so_many_writes_and_who_has_none_is_forgotten() {
        let (ann, ben) = ("ann".parse().unwrap(), "ben".parse().unwrap());
        let writers = Writers::new(2);
        let held = (writers.place_for(&ann), writers.place_for(&ann));
        assert!(held.0.is_some() && held.1.is_some());
        assert!(writers.place_for(&ann).is_none());
        assert!(writers.place_for(&ben).is_some());
        drop(held);
        assert!(writers.place_for(&ann).is_some());
        let _new = writers.place_for(&"col".parse().unwrap());
        assert_eq!(writers.by_peer.lock().unwrap().len(), 1);
    }
}
