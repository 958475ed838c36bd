//! What wakes those who follow on one network thread: the store's thread wakes a relay, once for
//! each group of writes, and the relay wakes them from their own thread.
//!
//! It wakes them by rows and lets everything else on the thread run in between: however many are
//! told, whoever asks meanwhile waits for a row.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, ThreadId};

use tokio::sync::watch;
use tokio::task::yield_now;
use tokio_util::task::AbortOnDropHandle;

use super::Feed;
use super::shared::Shared;
use crate::network::NetworkThread;
use crate::store::Revision;

/// How many followers are woken in one go. Each costs a connection's turn and a system call: whoever
/// asks meanwhile waits for them at each step of its own. Sixteen told 1,000 subscribers a third more
/// changes, and tripled the p99 of others.
const ROW: usize = 2;

/// The relays of one feed, one for each network thread that has followers.
#[derive(Debug, Default)]
pub(super) struct Relays(Mutex<HashMap<ThreadId, Weak<Relay>>>);

/// Wakes the followers on one thread; it ends with the last of them.
#[derive(Debug)]
pub(super) struct Relay {
    rows: Arc<Rows>,
    _task: AbortOnDropHandle<()>,
}

/// Those who are woken; `None` once the store has nothing more to tell.
#[derive(Debug)]
struct Rows(Mutex<Option<Told>>);

#[derive(Debug, Default)]
struct Told {
    /// How far there is something to read: where a new row begins.
    newest: Revision,
    rows: Vec<watch::Sender<Revision>>,
}

impl Relays {
    /// The relay of this thread.
    pub(super) fn here<F: Feed>(&self, feed: &Arc<F>, shared: &Arc<Shared>) -> Arc<Relay> {
        let mut relays = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let here = thread::current().id();
        if let Some(relay) = relays.get(&here).and_then(Weak::upgrade) {
            return relay;
        }
        relays.retain(|_, relay| relay.strong_count() > 0);
        let relay = Arc::new(Relay::start(feed.clone(), shared.clone()));
        relays.insert(here, Arc::downgrade(&relay));
        relay
    }
}

impl Relay {
    fn start<F: Feed>(feed: Arc<F>, shared: Arc<Shared>) -> Self {
        let rows = Arc::new(Rows(Mutex::new(Some(Told::default()))));
        let waking = wake_all(feed, shared, rows.clone());
        Self { rows, _task: NetworkThread::current().start_task(waking) }
    }

    /// A place in a row: it shows how far there is something to read.
    pub(super) fn join(&self) -> watch::Receiver<Revision> {
        let mut told = self.rows.lock();
        // Whoever waits on what nobody sends to has seen the end.
        let Some(Told { newest, rows }) = &mut *told else { return watch::channel(Revision(0)).1 };
        if let Some(row) = rows.iter().find(|row| row.receiver_count() < ROW) {
            return row.subscribe();
        }
        let (row, place) = watch::channel(*newest);
        rows.push(row);
        place
    }
}

impl Rows {
    /// Begins to wake all of them; rows that everybody has left are no more.
    fn begin(&self, newest: Revision) {
        if let Some(told) = &mut *self.lock() {
            told.newest = newest;
            told.rows.retain(|row| row.receiver_count() > 0);
        }
    }

    /// Wakes one row; false where there is none in this place.
    fn wake(&self, nth: usize) -> bool {
        let told = self.lock();
        let Some(Told { newest, rows }) = &*told else { return false };
        rows.get(nth).map(|row| row.send_replace(*newest)).is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Told>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn wake_all<F: Feed>(feed: Arc<F>, shared: Arc<Shared>, rows: Arc<Rows>) {
    let mut newest = feed.store().newest();
    loop {
        let now = *newest.borrow_and_update();
        shared.read_up_to(&*feed, now).await;
        rows.begin(now);
        let mut nth = 0;
        while rows.wake(nth) {
            nth += 1;
            yield_now().await;
        }
        if newest.changed().await.is_err() {
            *rows.lock() = None;
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn followers_stand_in_rows_and_a_place_that_is_given_up_is_taken_again() {
        let rows = Arc::new(Rows(Mutex::new(Some(Told::default()))));
        let relay = Relay { rows, _task: AbortOnDropHandle::new(tokio::spawn(async {})) };
        let mut places: Vec<_> = (0..2 * ROW + 1).map(|_| relay.join()).collect();
        let standing = || -> Vec<usize> {
            let told = relay.rows.lock();
            told.as_ref().unwrap().rows.iter().map(watch::Sender::receiver_count).collect()
        };
        assert_eq!(standing(), [ROW, ROW, 1]);
        places.swap_remove(0);
        places.push(relay.join());
        assert_eq!(standing(), [ROW, ROW, 1]);
        assert!(relay.rows.wake(2) && !relay.rows.wake(3));
        places.truncate(1);
        relay.rows.begin(Revision(1));
        assert_eq!(standing(), [1], "nobody is waited for who has left");
    }
}
