//! What a handler knows of the request that it answers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bothways_protocol::{IdempotencyKey, NodeName, Role, Trace};
use tokio_util::sync::CancellationToken;

use super::rules::Caller;
use crate::client::{Origin, Outbound, Peer};
use crate::store::Once;

/// The request being answered: who asks, how long the caller waits, and a way to ask back.
///
/// A handle: clones speak of the same request.
#[derive(Debug, Clone)]
pub struct Context {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// `None` in a test of a service alone.
    outbound: Option<Arc<Outbound>>,
    caller: Caller,
    deadline: Instant,
    trace: Option<Trace>,
    once: Option<Once>,
    cancelled: CancellationToken,
}

impl Context {
    pub(super) fn new(
        outbound: Arc<Outbound>,
        caller: Caller,
        deadline: Instant,
        trace: Trace,
        once: Option<Once>,
        cancelled: CancellationToken,
    ) -> Self {
        let (outbound, trace) = (Some(outbound), Some(trace));
        Self { inner: Arc::new(Inner { outbound, caller, deadline, trace, once, cancelled }) }
    }

    /// A context for the tests of a service's rules: it has no node behind it.
    #[cfg(test)]
    pub(crate) fn of(once: Option<Once>) -> Self {
        let name =
            once.as_ref().map_or_else(|| "tester".parse().unwrap(), |once| once.caller.clone());
        let inner = Inner {
            outbound: None,
            caller: Caller { peer: name, role: Role::Client, session: None },
            deadline: Instant::now() + Duration::from_secs(10),
            trace: None,
            once,
            cancelled: CancellationToken::new(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Who asks, as its certificate names it.
    #[must_use]
    pub fn peer(&self) -> &NodeName {
        &self.inner.caller.peer
    }

    /// What the caller is.
    #[must_use]
    pub fn role(&self) -> Role {
        self.inner.caller.role
    }

    /// How long the caller still waits; zero when it no longer does.
    #[must_use]
    pub fn deadline_left(&self) -> Duration {
        self.inner.deadline.saturating_duration_since(Instant::now())
    }

    /// What makes this request act once: there for every method that writes.
    #[must_use]
    pub fn once(&self) -> Option<&Once> {
        self.inner.once.as_ref()
    }

    /// The key that the caller drew for this write.
    #[must_use]
    pub fn key(&self) -> Option<IdempotencyKey> {
        self.inner.once.as_ref().map(|once| once.key)
    }

    /// Waits until nobody waits for the answer any more: the caller gave up, or is gone, or the
    /// time is up. A handler that reads is dropped then; one that writes runs on, and can use this
    /// to stop early at a point of its choice.
    pub async fn cancelled(&self) {
        self.inner.cancelled.cancelled().await;
    }

    /// Whether nobody waits for the answer any more.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.inner.cancelled.is_cancelled()
    }

    /// The caller as a peer to ask, over the very connection that the request came on, whoever
    /// opened it; over the one that took its place, where there is one. What it is asked inherits the time left and belongs to the same trace.
    ///
    /// `None` for a request that the node sent to itself.
    #[must_use]
    pub fn caller(&self) -> Option<Peer> {
        let session = self.inner.caller.session.clone()?;
        Some(Peer::over(self.outbound()?, session).because_of(self.origin()?))
    }

    /// Another peer to ask on behalf of this request, with the time left and in the same trace.
    ///
    /// `None` where there is no node, in a test of the service alone.
    #[must_use]
    pub fn ask(&self, peer: &NodeName) -> Option<Peer> {
        let peer = Peer::named(self.outbound()?, Ok(peer.clone()));
        Some(peer.because_of(self.origin()?))
    }

    fn outbound(&self) -> Option<Arc<Outbound>> {
        self.inner.outbound.clone()
    }

    fn origin(&self) -> Option<Origin> {
        Some(Origin { trace: self.inner.trace?, deadline: self.inner.deadline })
    }
}
