//! The network threads: each a current-thread runtime, and on it connections' drivers, their
//! dispatchers and the handlers. A connection stays on the thread that it was given.
//!
//! A driver that is woken there waits until the requests that can run already have written, and
//! many of them leave in one datagram. On a multi-thread runtime each would leave alone.

mod spread;
mod thread;

use std::future::Future;
use std::io;
use std::sync::Arc;

use thiserror::Error;
use tokio_util::sync::{CancellationToken, DropGuard};

pub(crate) use spread::Seat;
use spread::Spread;
pub(crate) use thread::NetworkThread;

/// A handle on the network threads.
#[derive(Debug, Clone)]
pub(crate) struct Network {
    /// The first one has the sockets as well, and what belongs to no connection.
    threads: Arc<[NetworkThread]>,
    spread: Arc<Spread>,
    end: CancellationToken,
    /// The threads are done, and with them all that their tasks held: sockets, files, memory.
    ended: CancellationToken,
}

/// The network threads have ended, and with them all that ran on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the node has stopped")]
pub struct StoppedError;

impl Network {
    /// Starts so many threads, which run until [`Self::end`].
    pub(crate) fn start(threads: usize) -> io::Result<Self> {
        let (end, ended) = (CancellationToken::new(), CancellationToken::new());
        let unless_started = end.clone().drop_guard();
        let done = Arc::new(ended.clone().drop_guard());
        let start = |nth| NetworkThread::start(nth, end.clone(), done.clone());
        let threads: Arc<[_]> = (0..threads).map(start).collect::<io::Result<_>>()?;
        unless_started.disarm();
        let spread = Arc::new(Spread::over(threads.len()));
        Ok(Self { threads, spread, end, ended })
    }

    /// Ends the threads, and drops what still runs on them.
    pub(crate) fn end(&self) {
        self.end.cancel();
    }

    /// Ends the threads when what this gives is dropped.
    pub(crate) fn end_on_drop(&self) -> DropGuard {
        self.end.clone().drop_guard()
    }

    /// Waits until the threads have let go of everything. On one of them there is nothing to wait
    /// for: it ends after its last task.
    pub(crate) async fn ended(&self) {
        if self.here().is_none() {
            self.ended.cancelled().await;
        }
    }

    /// A place for one connection more, on the thread that has the fewest.
    pub(crate) fn seat(&self) -> Seat {
        Seat::take(&self.threads, &self.spread)
    }

    /// Runs a future on a network thread, on this one where it is one, and waits for what it gives.
    /// Dropping the wait drops the future.
    pub(crate) async fn run<F>(&self, future: F) -> Result<F::Output, StoppedError>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.nearest().run(future).await
    }

    /// Runs a future on the first network thread as a task of its own, which goes on where the wait
    /// for it is dropped.
    pub(crate) async fn run_to_end<F>(&self, future: F) -> Result<F::Output, StoppedError>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.first().run_to_end(future).await
    }

    /// Starts a future on the first network thread that nobody waits for.
    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        self.first().spawn(future);
    }

    /// The network thread that this is called on, if it is one.
    pub(crate) fn here(&self) -> Option<&NetworkThread> {
        let id = std::thread::current().id();
        self.threads.iter().find(|thread| thread.has(id))
    }

    /// The only network thread, where there is but one.
    pub(crate) fn only(&self) -> Option<&NetworkThread> {
        match &*self.threads {
            [only] => Some(only),
            _ => None,
        }
    }

    /// The network thread that this is called on, or the first.
    pub(crate) fn nearest(&self) -> &NetworkThread {
        self.here().unwrap_or_else(|| self.first())
    }

    fn first(&self) -> &NetworkThread {
        &self.threads[0]
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[tokio::test]
    async fn what_runs_on_the_network_stays_on_one_thread() {
        let network = Network::start(2).unwrap();
        let inner = network.clone();
        let there = network.run(async move {
            let nested = inner.run(async { thread::current().id() }).await.unwrap();
            (thread::current().id(), nested)
        });
        let (outer, nested) = there.await.unwrap();
        assert_eq!(outer, nested);
        assert_ne!(outer, thread::current().id());
    }

    #[tokio::test]
    async fn each_seat_is_on_the_thread_with_the_fewest() {
        let network = Network::start(2).unwrap();
        let (first, second) = (network.seat(), network.seat());
        let id = |seat: &Seat| {
            let thread = seat.thread().clone();
            async move { thread.run(async { thread::current().id() }).await.unwrap() }
        };
        let (on_first, on_second) = (id(&first).await, id(&second).await);
        assert_ne!(on_first, on_second);
        drop(second);
        assert_eq!(id(&network.seat()).await, on_second);
    }

    #[tokio::test]
    async fn what_waits_on_an_ended_network_is_told_so() {
        let network = Network::start(2).unwrap();
        let seats = [network.seat(), network.seat()];
        let waiting =
            seats.map(|seat| async move { seat.thread().run(std::future::pending::<()>()).await });
        let waiting = tokio::spawn(futures_util::future::join_all(waiting));
        tokio::task::yield_now().await;
        network.end();
        assert_eq!(waiting.await.unwrap(), [Err(StoppedError), Err(StoppedError)]);
        network.ended().await;
    }
}
