//! What tells a load with a rate that its next request is due.
//!
//! A thread of its own: the runtime's timers go by milliseconds, and a request that waits for one
//! of them would look half a millisecond slow.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use super::turns::Turns;

/// Gives a permit for each request when it is due, until this is dropped.
#[derive(Debug)]
pub(super) struct Pacer {
    due: Arc<Semaphore>,
    /// How many requests that count were due so far.
    counted: Arc<AtomicU64>,
    /// The thread ends when this goes.
    _while_held: SyncSender<()>,
}

impl Pacer {
    /// Begins to give permits; behind the last turn, `last` more, for those that still wait.
    pub(super) fn start(mut turns: Turns, begun: Instant, last: usize) -> io::Result<Self> {
        let (due, counted) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicU64::new(0)));
        let (held, dropped) = sync_channel(0);
        let (permits, count) = (due.clone(), counted.clone());
        thread::Builder::new().name("pacer".to_owned()).spawn(move || {
            // To be late is for those who take a turn, not for the one who calls it.
            while let Some(turn) = turns.next(Duration::ZERO) {
                let left = (begun + turn.due).saturating_duration_since(Instant::now());
                if let Err(RecvTimeoutError::Disconnected) = dropped.recv_timeout(left) {
                    return;
                }
                count.fetch_add(u64::from(turn.counts), Ordering::Relaxed);
                permits.add_permits(1);
            }
            permits.add_permits(last);
        })?;
        Ok(Self { due, counted, _while_held: held })
    }

    /// Waits until a request is due, or nothing more will be.
    pub(super) async fn wait(&self) {
        if let Ok(permit) = self.due.acquire().await {
            permit.forget();
        }
    }

    /// Wakes all that wait.
    pub(super) fn stop(&self) {
        self.due.close();
    }

    /// How many requests that count were due so far.
    pub(super) fn counted(&self) -> u64 {
        self.counted.load(Ordering::Relaxed)
    }
}
