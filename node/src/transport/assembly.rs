//! How many bytes of messages that are not whole yet are held: by one peer, and in all.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bothways_protocol::NodeName;

/// The bytes that one peer's unfinished messages may hold.
#[derive(Debug, Clone)]
pub(crate) struct Assembly(Arc<Accounts>);

/// The account of one peer, beside that of all.
#[derive(Debug)]
struct Accounts {
    mine: Account,
    all: Arc<Account>,
}

/// The bytes that the unfinished messages of all peers may hold.
#[derive(Debug)]
pub(crate) struct AssemblyBudget {
    peer_bytes: usize,
    all: Arc<Account>,
    /// One account a peer, shared by its connections; gone with the last of them.
    peers: Mutex<HashMap<NodeName, Weak<Accounts>>>,
}

#[derive(Debug)]
struct Account {
    held: AtomicUsize,
    max: usize,
}

/// What one message holds of both accounts; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    of: Assembly,
    bytes: usize,
}

/// There is no room for more bytes of unfinished messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Crowded;

impl AssemblyBudget {
    pub(crate) fn new(peer_bytes: usize, all_bytes: usize) -> Self {
        let all = Arc::new(Account::new(all_bytes));
        Self { peer_bytes, all, peers: Mutex::default() }
    }

    /// The account of a peer.
    pub(crate) fn of(&self, peer: &NodeName) -> Assembly {
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        let known = peers.get(peer).and_then(Weak::upgrade);
        Assembly(known.unwrap_or_else(|| {
            peers.retain(|_, accounts| accounts.strong_count() > 0);
            let mine = Account::new(self.peer_bytes);
            let accounts = Arc::new(Accounts { mine, all: self.all.clone() });
            peers.insert(peer.clone(), Arc::downgrade(&accounts));
            accounts
        }))
    }
}

impl Assembly {
    pub(crate) fn share(&self) -> Share {
        Share { of: self.clone(), bytes: 0 }
    }
}

impl Share {
    /// Holds so many bytes from now on, more or fewer than before.
    pub(crate) fn hold(&mut self, bytes: usize) -> Result<(), Crowded> {
        if bytes == self.bytes {
            return Ok(());
        }
        let Accounts { mine, all } = &*self.of.0;
        if let Some(more) = bytes.checked_sub(self.bytes) {
            mine.take(more)?;
            all.take(more).inspect_err(|_| mine.give(more))?;
        } else {
            let fewer = self.bytes - bytes;
            mine.give(fewer);
            all.give(fewer);
        }
        self.bytes = bytes;
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        // None held, none given: that cannot fail.
        let _ = self.hold(0);
    }
}

impl Account {
    fn new(max: usize) -> Self {
        Self { held: AtomicUsize::new(0), max }
    }

    fn take(&self, bytes: usize) -> Result<(), Crowded> {
        let fits = |held: usize| held.checked_add(bytes).filter(|held| *held <= self.max);
        let taken = self.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits);
        taken.map(|_| ()).map_err(|_| Crowded)
    }

    fn give(&self, bytes: usize) {
        self.held.fetch_sub(bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_holds_its_share_and_all_of_them_no_more_than_the_whole() {
        let budget = AssemblyBudget::new(10, 15);
        let (ann, ben) = ("ann".parse().unwrap(), "ben".parse().unwrap());
        let (one, other, ben) = (budget.of(&ann), budget.of(&ann), budget.of(&ben));
        let (mut first, mut second) = (one.share(), other.share());
        assert_eq!(first.hold(10), Ok(()));
        assert_eq!(second.hold(1), Err(Crowded));
        let mut third = ben.share();
        assert_eq!(third.hold(6), Err(Crowded));
        assert_eq!(third.hold(5), Ok(()));
        drop(first);
        assert_eq!(third.hold(10), Ok(()));
        assert_eq!(second.hold(5), Ok(()));
        assert_eq!(second.hold(0), Ok(()));
        drop((second, third));
        assert_eq!(budget.all.held.load(Ordering::Relaxed), 0);
    }
}
