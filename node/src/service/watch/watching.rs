//! Who watches what at the moment: bounded for each peer, over all its connections.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bothways_protocol::{Code, Failure, NodeName};

/// How many subscriptions one peer has at a time.
const PER_PEER: usize = 64;

/// The subscriptions of all peers.
#[derive(Debug, Default)]
pub(in crate::service) struct Watching {
    by_peer: Mutex<HashMap<NodeName, HashMap<&'static str, usize>>>,
}

impl Watching {
    /// A place for one more subscription of a peer, until it is dropped.
    pub(in crate::service) fn place_for(
        self: &Arc<Self>,
        peer: &NodeName,
        service: &'static str,
    ) -> Result<WatchPlace, Failure> {
        let mut by_peer = self.lock();
        let services = by_peer.entry(peer.clone()).or_default();
        if services.values().sum::<usize>() >= PER_PEER {
            return Err(too_many());
        }
        *services.entry(service).or_default() += 1;
        Ok(WatchPlace { watching: self.clone(), peer: peer.clone(), service })
    }

    /// Whether a peer watches a service at the moment.
    pub(in crate::service) fn is_watching(&self, service: &str, peer: &NodeName) -> bool {
        self.lock().get(peer).is_some_and(|services| services.contains_key(service))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<NodeName, HashMap<&'static str, usize>>> {
        self.by_peer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One live subscription.
#[derive(Debug)]
pub(in crate::service) struct WatchPlace {
    watching: Arc<Watching>,
    peer: NodeName,
    service: &'static str,
}

impl Drop for WatchPlace {
    fn drop(&mut self) {
        let mut by_peer = self.watching.lock();
        let Some(services) = by_peer.get_mut(&self.peer) else { return };
        if let Some(count) = services.get_mut(self.service) {
            *count -= 1;
            if *count == 0 {
                services.remove(self.service);
            }
        }
        if services.is_empty() {
            by_peer.remove(&self.peer);
        }
    }
}

fn too_many() -> Failure {
    let sentence = format!("a peer has {PER_PEER} subscriptions at a time: end one of them first");
    Failure::new(Code::ResourceExhausted, sentence).reason("subscriptions")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_peer_has_so_many_subscriptions_and_who_has_none_is_forgotten() {
        let (ann, ben) = ("ann".parse().unwrap(), "ben".parse().unwrap());
        let watching = Arc::new(Watching::default());
        let mut held: Vec<_> =
            (0..PER_PEER).map(|_| watching.place_for(&ann, "people").unwrap()).collect();
        let refused = watching.place_for(&ann, "orders").unwrap_err();
        assert_eq!(refused.text("reason"), Some("subscriptions"));
        held[0] = watching.place_for(&ben, "orders").unwrap();
        held.push(watching.place_for(&ann, "orders").unwrap());
        assert!(watching.is_watching("orders", &ann) && watching.is_watching("people", &ann));
        assert!(!watching.is_watching("people", &ben));
        drop(held);
        assert!(!watching.is_watching("people", &ann));
        assert!(watching.lock().is_empty());
    }
}
