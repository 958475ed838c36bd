//! What a handler knows of the request that it answers.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bothways_protocol::{Code, Failure, IdempotencyKey, NodeName, Request, Role};
use tokio_util::sync::CancellationToken;

use super::rules::{Caller, Inbound};
use super::watch::WatchPlace;
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
    node: Option<Arc<Inbound>>,
    caller: Caller,
    request: Request,
    deadline: Instant,
    once: Option<Once>,
    /// Made when somebody asks for it: most requests are answered before anybody does.
    cancelled: OnceLock<CancellationToken>,
}

impl Context {
    pub(super) fn new(
        node: Arc<Inbound>,
        caller: Caller,
        request: Request,
        deadline: Instant,
        once: Option<Once>,
    ) -> Self {
        let (node, cancelled) = (Some(node), OnceLock::new());
        Self { inner: Arc::new(Inner { node, caller, request, deadline, once, cancelled }) }
    }

    /// A context for the tests of a service's rules: it has no node behind it.
    #[cfg(test)]
    pub(crate) fn of(once: Option<Once>) -> Self {
        let name =
            once.as_ref().map_or_else(|| "tester".parse().unwrap(), |once| once.caller.clone());
        Self::by(name, once)
    }

    /// As [`of`](Self::of), of a caller of this name.
    #[cfg(test)]
    pub(crate) fn by(name: NodeName, once: Option<Once>) -> Self {
        let within = Duration::from_secs(10);
        let request = Request {
            method: "tests.test".parse().unwrap(),
            params: bothways_protocol::Encoded::empty_map(),
            deadline: within,
            key: None,
            trace: bothways_protocol::Trace::new([1; 16], [1; 8]).unwrap(),
            attempt: 1,
            to: None,
            via: Vec::new(),
        };
        let inner = Inner {
            node: None,
            caller: Caller {
                peer: name,
                role: Role::Client,
                session: None,
                way: crate::session::Way::Ourselves,
            },
            request,
            deadline: Instant::now() + within,
            once,
            cancelled: OnceLock::new(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The request as it came.
    pub(super) fn request(&self) -> &Request {
        &self.inner.request
    }

    /// When the caller stops waiting.
    pub(super) fn deadline(&self) -> Instant {
        self.inner.deadline
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
        self.token().cancelled().await;
    }

    /// Whether nobody waits for the answer any more.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.inner.cancelled.get().is_some_and(CancellationToken::is_cancelled)
    }

    /// Tells the handler that nobody waits any more, unless that is disarmed before it is dropped.
    pub(super) fn cancel_on_drop(&self) -> CancelOnDrop {
        CancelOnDrop(Some(self.clone()))
    }

    fn token(&self) -> &CancellationToken {
        self.inner.cancelled.get_or_init(CancellationToken::new)
    }

    /// The caller as a peer to ask, over the very connection that the request came on, whoever
    /// opened it; over the one that took its place, where there is one. What it is asked inherits
    /// the time left and belongs to the same trace.
    ///
    /// `None` for a request that the node sent to itself.
    #[must_use]
    pub fn caller(&self) -> Option<Peer> {
        let session = self.inner.caller.session.clone()?;
        Some(Peer::over(self.outbound()?, session).because_of(self.origin()))
    }

    /// Another peer to ask on behalf of this request, with the time left and in the same trace.
    ///
    /// `None` where there is no node, in a test of the service alone.
    #[must_use]
    pub fn ask(&self, peer: &NodeName) -> Option<Peer> {
        let peer = Peer::named(self.outbound()?, Ok(peer.clone()));
        Some(peer.because_of(self.origin()))
    }

    /// Whether a peer watches a service at the moment: what changes there is told to it at once.
    #[must_use]
    pub fn is_watching(&self, service: &str, peer: &NodeName) -> bool {
        self.node().is_some_and(|node| node.watching.is_watching(service, peer))
    }

    /// A place for one more subscription of the caller.
    pub(super) fn watch_place(&self, service: &'static str) -> Result<WatchPlace, Failure> {
        let node = self.node().ok_or_else(|| Failure::new(Code::Internal, "there is no node"))?;
        node.watching.place_for(self.peer(), service)
    }

    /// The node that answers the request.
    pub(super) fn node(&self) -> Option<&Arc<Inbound>> {
        self.inner.node.as_ref()
    }

    fn outbound(&self) -> Option<Arc<Outbound>> {
        self.node().map(|node| node.outbound.clone())
    }

    fn origin(&self) -> Origin {
        let Inner { request, deadline, .. } = &*self.inner;
        Origin { trace: request.trace, deadline: *deadline }
    }
}

/// The wait for an answer.
pub(super) struct CancelOnDrop(Option<Context>);

impl CancelOnDrop {
    /// There is an answer.
    pub(super) fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        if let Some(context) = &self.0 {
            context.token().cancel();
        }
    }
}
