//! One network thread.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::thread::{self, ThreadId};
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::task::JoinError;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::AbortOnDropHandle;

use super::StoppedError;

/// How long the end waits for a name that is being resolved, which nothing can interrupt.
const SHUTDOWN: Duration = Duration::from_secs(1);

/// After how many tasks a thread that is busy looks whether anything was received. Tokio's own 61
/// are too many where each of them sends: whoever asks meanwhile waits for that. For requests it made
/// no difference.
const LOOK_EVERY: u32 = 16;

/// A handle on one network thread.
#[derive(Debug, Clone)]
pub(crate) struct NetworkThread {
    runtime: Handle,
    id: ThreadId,
}

impl NetworkThread {
    /// Starts the nth thread, which runs until the token is cancelled; it lets go of `done` last.
    pub(super) fn start(
        nth: usize,
        ending: CancellationToken,
        done: Arc<DropGuard>,
    ) -> io::Result<Self> {
        let runtime =
            Builder::new_current_thread().event_interval(LOOK_EVERY).enable_all().build()?;
        let handle = runtime.handle().clone();
        let name = if nth == 0 { "network".to_owned() } else { format!("network-{}", nth + 1) };
        let thread = thread::Builder::new().name(name).spawn(move || {
            runtime.block_on(ending.cancelled());
            runtime.shutdown_timeout(SHUTDOWN);
            drop(done);
        })?;
        Ok(Self { runtime: handle, id: thread.thread().id() })
    }

    /// The network thread that this is called on.
    pub(crate) fn current() -> Self {
        Self { runtime: Handle::current(), id: thread::current().id() }
    }

    pub(super) fn has(&self, id: ThreadId) -> bool {
        self.id == id
    }

    /// Whether two handles are the same thread.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.has(other.id)
    }

    /// Whether the caller is on this thread.
    pub(crate) fn is_here(&self) -> bool {
        self.has(thread::current().id())
    }

    /// The thread's runtime, to start tasks on it that have another owner.
    pub(crate) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Runs a future on this thread and waits for what it gives. Dropping the wait drops the
    /// future.
    pub(crate) async fn run<F>(&self, future: F) -> Result<F::Output, StoppedError>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        if self.is_here() {
            return Ok(future.await);
        }
        AbortOnDropHandle::new(self.runtime.spawn(future)).await.map_err(unless_panicked)
    }

    pub(super) async fn run_to_end<F>(&self, future: F) -> Result<F::Output, StoppedError>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.runtime.spawn(future).await.map_err(unless_panicked)
    }

    /// Starts a future on this thread; dropping what this gives drops it.
    pub(crate) fn start_task(
        &self,
        future: impl Future<Output = ()> + Send + 'static,
    ) -> AbortOnDropHandle<()> {
        AbortOnDropHandle::new(self.runtime.spawn(future))
    }

    pub(super) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        drop(self.runtime.spawn(future));
    }
}

/// A task that did not end has lost its network; one that panicked passes that on.
fn unless_panicked(error: JoinError) -> StoppedError {
    match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_) => StoppedError,
    }
}
