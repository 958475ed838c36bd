//! A peer as one asks it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bothways_protocol::{
    Effect, Encoded, IdempotencyKey, Method, MethodName, NameError, NodeName, Request, SpanId,
    TraceId, Watch,
};

use super::RequestError;
use super::Subscription;
use super::ask::{Ask, Origin, first_span, new_key, next_span};
use super::asking::Asking;
use super::attempt::Attempt;
use super::outbound::Outbound;
use super::retry::{Again, again};
use crate::network::{NetworkThread, StoppedError};
use crate::session::{Facts, Place, Session};

/// A peer to ask: by name, over whichever session there is, or over one certain session.
///
/// Asking takes a session that is there, whoever dialed it, or waits for a dial. A request that was
/// lost on the way is sent again, a write under the same key, and so is one that the peer asks to
/// be sent again: within the deadline, with growing, random waits, and as long as not too many are.
#[derive(Debug, Clone)]
pub struct Peer {
    outbound: Arc<Outbound>,
    target: Target,
    within: Option<Duration>,
    patience: Patience,
    retries: Retries,
    key: Option<IdempotencyKey>,
    origin: Option<Origin>,
    trace: Option<GivenTrace>,
}

/// The trace that a caller has chosen, and the span there that its requests are under.
#[derive(Debug, Clone, Copy)]
struct GivenTrace {
    id: TraceId,
    parent: Option<SpanId>,
}

/// Who is asked.
#[derive(Debug, Clone)]
pub(super) enum Target {
    Named(Result<NodeName, NameError>),
    Over(Session),
}

/// What to do while a peer does not answer a dial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// Wait, as long as the deadline allows.
    Wait,
    /// Fail with the first dial that fails.
    FailFast,
}

/// What to do about a request that came back without a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Retries {
    /// Send it again where that is safe and of use.
    Safe,
    /// Send it again where it was surely not processed; else tell its caller.
    Unprocessed,
}

impl Peer {
    pub(crate) fn named(outbound: Arc<Outbound>, name: Result<NodeName, NameError>) -> Self {
        Self::to(outbound, Target::Named(name))
    }

    pub(crate) fn over(outbound: Arc<Outbound>, session: Session) -> Self {
        Self::to(outbound, Target::Over(session))
    }

    fn to(outbound: Arc<Outbound>, target: Target) -> Self {
        let patience = Patience::Wait;
        let retries = Retries::Safe;
        let (within, key, origin, trace) = (None, None, None, None);
        Self { outbound, target, within, patience, retries, key, origin, trace }
    }

    /// Belongs to the trace of another request, and has no more time than that one.
    pub(crate) fn because_of(self, origin: Origin) -> Self {
        Self { origin: Some(origin), ..self }
    }

    /// The peer's name; `None` where what was given is no node's name.
    #[must_use]
    pub fn name(&self) -> Option<&NodeName> {
        match &self.target {
            Target::Named(name) => name.as_ref().ok(),
            Target::Over(session) => Some(session.peer()),
        }
    }

    /// Sets how long an answer may take; 10 s by default, and never longer than what is left of
    /// the request that this one is asked for.
    #[must_use]
    pub fn within(self, limit: Duration) -> Self {
        Self { within: Some(limit), ..self }
    }

    /// Fails with the first dial that fails, instead of waiting for the peer until the deadline.
    #[must_use]
    pub fn fail_fast(self) -> Self {
        Self { patience: Patience::FailFast, ..self }
    }

    /// Sends no request again that may have acted, or that was refused: its caller is told. By
    /// default a request is sent again where that can help, within its deadline.
    #[must_use]
    pub fn at_most_once(self) -> Self {
        Self { retries: Retries::Unprocessed, ..self }
    }

    /// Sends writes under this key: for a caller that keeps it, to repeat a write after its own
    /// restart. By default each write gets a key of its own.
    #[must_use]
    pub fn with_key(self, key: IdempotencyKey) -> Self {
        Self { key: Some(key), ..self }
    }

    /// Belongs to this trace, under a span of it: for what was asked for from outside, such as over
    /// HTTP with a `traceparent` (W3C Trace Context). By default each request begins a trace.
    #[must_use]
    pub fn in_trace(self, id: TraceId, parent: Option<SpanId>) -> Self {
        Self { trace: Some(GivenTrace { id, parent }), ..self }
    }

    /// Asks with a params type, and gets the result as its type.
    ///
    /// # Errors
    /// [`RequestError`] tells the peer's own refusal from what happened on the way; its
    /// [`code`](RequestError::code) is the canonical one in each case.
    pub async fn request<M: Method>(&self, params: M) -> Result<M::Result, RequestError> {
        let method: MethodName = M::NAME.parse().map_err(RequestError::Method)?;
        let params = Encoded::of(&params).map_err(RequestError::Params)?;
        let key = (M::EFFECT == Effect::Writes).then(|| self.key.unwrap_or_else(new_key));
        let answer = self.ask(method, params, key, M::MESSAGE_BYTES).await?;
        answer.decode().map_err(|error| RequestError::Answer {
            peer: self.told(),
            method: M::NAME.parse().expect("it was parsed above"),
            problem: error.to_string(),
        })
    }

    /// Asks for a method by its name, params and result as CBOR.
    ///
    /// It always carries a key, since nobody here knows whether the method writes.
    ///
    /// # Errors
    /// As [`Self::request`].
    pub async fn call(&self, method: &str, params: Encoded) -> Result<Encoded, RequestError> {
        let method: MethodName = method.parse().map_err(RequestError::Method)?;
        let key = Some(self.key.unwrap_or_else(new_key));
        self.ask(method, params, key, self.outbound.limits.message_bytes).await
    }

    /// Runs a future on the thread of the node on which the session with this peer lives, and waits
    /// for what it gives: as [`Node::run`](crate::Node::run), for work that asks this peer alone.
    ///
    /// # Errors
    /// Where the node has stopped, or stops before the future is done.
    pub async fn run<F>(&self, future: F) -> Result<F::Output, StoppedError>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.thread().run(future).await
    }

    /// Watches what changes at a service: `peer.subscribe("people", Watch::default())`.
    ///
    /// The subscription begins at once, and resumes by itself; `fail_fast` holds until it has begun
    /// for the first time.
    #[must_use]
    pub fn subscribe(&self, service: &str, watch: Watch) -> Subscription {
        // What a handler subscribes to outlives the request that it answers.
        Subscription::begin(
            Self { origin: None, trace: None, ..self.clone() },
            service.to_owned(),
            watch,
        )
    }

    pub(super) fn outbound(&self) -> &Arc<Outbound> {
        &self.outbound
    }

    pub(super) fn is_fail_fast(&self) -> bool {
        self.patience == Patience::FailFast
    }

    /// A request that is about to be made to a session of this peer's, and the session.
    pub(super) async fn ready(
        &self,
        method: MethodName,
        params: Encoded,
        now: Instant,
    ) -> Result<(Ask, Session), RequestError> {
        let name = match &self.target {
            Target::Named(name) => name.clone()?,
            Target::Over(session) => session.peer().clone(),
        };
        let ask = self.prepare(method, params, None, self.outbound.limits.message_bytes, now)?;
        let mut asking = self.asking(ask, None);
        let session = asking.session(&name).await?;
        let role = session.facts().role;
        if !role.answers() {
            return Err(RequestError::Role { role, forbids: "answers no requests" });
        }
        asking.ask.ready(1, Instant::now());
        Ok((asking.ask, session))
    }

    /// A request that is about to be made to the node itself.
    pub(super) fn ready_for_ourselves(
        &self,
        method: MethodName,
        params: Encoded,
        now: Instant,
    ) -> Result<Ask, RequestError> {
        let mut ask =
            self.prepare(method, params, None, self.outbound.limits.message_bytes, now)?;
        ask.ready(1, now);
        Ok(ask)
    }

    /// Whether it is this node itself that is asked.
    pub(super) fn is_ourselves(&self) -> bool {
        matches!(&self.target, Target::Named(Ok(name)) if *name == self.outbound.name)
    }

    pub(super) async fn ask(
        &self,
        method: MethodName,
        params: Encoded,
        key: Option<IdempotencyKey>,
        result_bytes: usize,
    ) -> Result<Encoded, RequestError> {
        let now = Instant::now();
        self.outbound.budget.note_request();
        let mut ask = self.prepare(method, params, key, result_bytes, now)?;
        // Most requests find a session, and a place in it, here and now: nothing else is made for
        // them than an attempt.
        let refused = match self.begin(&ask, now) {
            Some((session, attempt, place)) => match attempt.with(place).await {
                Err(error) if self.may_help(&error) => Some((session, error)),
                answer => return answer,
            },
            None => None,
        };
        ask.request.attempt = u32::from(refused.is_some());
        let asking = self.asking(ask, refused);
        let answer = Box::pin(self.thread().run(asking.run())).await;
        answer.unwrap_or(Err(RequestError::Stopped))
    }

    fn asking(&self, ask: Ask, refused: Option<(Session, RequestError)>) -> Asking {
        let (outbound, target) = (self.outbound.clone(), self.target.clone());
        let (patience, retries) = (self.patience, self.retries);
        Asking { outbound, ask, target, patience, retries, refused, doubt: None }
    }

    /// Whether another attempt may end better than the first.
    fn may_help(&self, error: &RequestError) -> bool {
        match again(error, 1, 0.0) {
            Again::No => false,
            Again::Elsewhere => true,
            Again::After(_) => self.retries == Retries::Safe,
        }
    }

    /// A request that is about to be made, if it may be made at all.
    fn prepare(
        &self,
        method: MethodName,
        params: Encoded,
        key: Option<IdempotencyKey>,
        result_bytes: usize,
        now: Instant,
    ) -> Result<Ask, RequestError> {
        let Outbound { role, limits, .. } = &*self.outbound;
        // What a node asks itself is no request to a peer: a server shows what it holds, too.
        if !role.asks() && !self.is_ourselves() {
            return Err(RequestError::Role { role: *role, forbids: "issues no requests" });
        }
        let within = self.within.unwrap_or(limits.deadline_default);
        let within = within.clamp(limits.deadline_min, limits.deadline_max);
        let deadline = now + within;
        let deadline = self.origin.map_or(deadline, |origin| origin.deadline.min(deadline));
        if deadline <= now {
            // A handler that writes may run on behind its deadline, but asks nobody any more.
            return Err(RequestError::Deadline {
                peer: self.told(),
                method,
                within: Duration::ZERO,
            });
        }
        let origin = self.origin;
        let trace = match (origin, self.trace) {
            (None, Some(given)) => first_span(given.id),
            _ => next_span(origin.map(|origin| origin.trace)),
        };
        let given = self.trace.and_then(|given| given.parent);
        let parent = origin.map_or(given, |origin| Some(origin.trace.span_id()));
        let request = Request {
            method,
            params,
            deadline: deadline - now,
            key,
            trace,
            attempt: 1,
            to: None,
            via: Vec::new(),
        };
        Ok(Ask { request, within, deadline, origin, parent, result_bytes })
    }

    /// The first attempt at a request, where it can begin here and now.
    fn begin<'a>(&'a self, ask: &'a Ask, now: Instant) -> Option<(Session, Attempt<'a>, Place)> {
        let here = self.outbound.network.here()?;
        let session = self.session().filter(|session| session.thread().is(here))?;
        let Facts { role, limits, .. } = session.facts();
        if !role.answers() || ask.request.params.bytes().len() > limits.message_bytes as usize {
            return None;
        }
        let place = session.place_now(ask.cause())?;
        let attempt = Attempt::new(&self.outbound, session.clone(), ask, now);
        Some((session, attempt, place))
    }

    /// The session that a request would be begun on now.
    fn session(&self) -> Option<Session> {
        match &self.target {
            Target::Over(session) => Some(session.clone()),
            Target::Named(name) => self.outbound.table.find(name.as_ref().ok()?),
        }
    }

    /// Where a request is made that cannot begin here and now: on the thread of its session, so
    /// that it crosses between threads but once; on another, where there is no session yet.
    pub(super) fn thread(&self) -> NetworkThread {
        let network = &self.outbound.network;
        if let Some(only) = network.only() {
            return only.clone();
        }
        let session = self.session();
        session.map_or_else(|| network.nearest().clone(), |session| session.thread().clone())
    }

    /// The peer's name, for an error.
    pub(super) fn told(&self) -> NodeName {
        match &self.target {
            Target::Named(Ok(name)) => name.clone(),
            Target::Over(session) => session.peer().clone(),
            Target::Named(Err(_)) => self.outbound.name.clone(),
        }
    }
}
