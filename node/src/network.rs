//! The network thread: one thread, one current-thread runtime, and on it the connections' drivers,
//! their dispatchers and the handlers.
//!
//! A driver that is woken there waits until the requests that can run already have written, and
//! many of them leave in one datagram. On a multi-thread runtime each would leave alone.

use std::future::Future;
use std::io;
use std::thread::{self, ThreadId};
use std::time::Duration;

use thiserror::Error;
use tokio::runtime::{Builder, Handle};
use tokio::task::JoinError;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::AbortOnDropHandle;

/// How long the end waits for a name that is being resolved, which nothing can interrupt.
const SHUTDOWN: Duration = Duration::from_secs(1);

/// A handle on the network thread.
#[derive(Debug, Clone)]
pub(crate) struct Network {
    runtime: Handle,
    thread: ThreadId,
    end: CancellationToken,
    /// The thread is done, and with it all that its tasks held: sockets, files, memory.
    ended: CancellationToken,
}

/// The network thread has ended, and with it all that ran on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the node has stopped")]
pub struct StoppedError;

impl Network {
    /// Starts the thread, which runs until [`Self::end`].
    pub(crate) fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (handle, end) = (runtime.handle().clone(), CancellationToken::new());
        let (ending, ended) = (end.clone(), CancellationToken::new());
        let done = ended.clone().drop_guard();
        let thread = thread::Builder::new().name("network".to_owned()).spawn(move || {
            runtime.block_on(ending.cancelled());
            runtime.shutdown_timeout(SHUTDOWN);
            drop(done);
        })?;
        Ok(Self { runtime: handle, thread: thread.thread().id(), end, ended })
    }

    /// Ends the thread, and drops what still runs on it.
    pub(crate) fn end(&self) {
        self.end.cancel();
    }

    /// Ends the thread when what this gives is dropped.
    pub(crate) fn end_on_drop(&self) -> DropGuard {
        self.end.clone().drop_guard()
    }

    /// Waits until the thread has let go of everything. On the thread itself there is nothing to
    /// wait for: it ends after its last task.
    pub(crate) async fn ended(&self) {
        if !self.is_here() {
            self.ended.cancelled().await;
        }
    }

    /// Runs a future on the network thread and waits for what it gives. Dropping the wait drops
    /// the future.
    pub(crate) async fn run<F>(&self, future: F) -> Result<F::Output, StoppedError>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        if self.is_here() {
            return Ok(future.await);
        }
        AbortOnDropHandle::new(self.runtime.spawn(future)).await.map_err(unless_panicked)
    }

    /// Runs a future on the network thread as a task of its own, which goes on where the wait for
    /// it is dropped.
    pub(crate) async fn run_to_end<F>(&self, future: F) -> Result<F::Output, StoppedError>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.runtime.spawn(future).await.map_err(unless_panicked)
    }

    /// Starts a future on the network thread; dropping what this gives drops it.
    pub(crate) fn start_task(
        &self,
        future: impl Future<Output = ()> + Send + 'static,
    ) -> AbortOnDropHandle<()> {
        AbortOnDropHandle::new(self.runtime.spawn(future))
    }

    /// Starts a future on the network thread that nobody waits for.
    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        drop(self.runtime.spawn(future));
    }

    /// Whether the caller is on the network thread.
    pub(crate) fn is_here(&self) -> bool {
        thread::current().id() == self.thread
    }
}

/// A task that did not end has lost its network; one that panicked passes that on.
fn unless_panicked(error: JoinError) -> StoppedError {
    match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_) => StoppedError,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_runs_on_the_network_stays_on_one_thread() {
        let network = Network::start().unwrap();
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
    async fn what_waits_on_an_ended_network_is_told_so() {
        let network = Network::start().unwrap();
        let waiting = network.run(std::future::pending::<()>());
        network.end();
        assert_eq!(waiting.await, Err(StoppedError));
        network.ended().await;
    }
}
