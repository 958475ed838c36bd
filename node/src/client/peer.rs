//! A peer as one asks it.

mod subscribing;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bothways_protocol::{
    Effect, Encoded, IdempotencyKey, Method, MethodName, NameError, NodeName, Request, Trace,
};
use tokio::time::timeout_at;

use super::RequestError;
use super::attempt::{Attempt, outcome};
use super::leg::Leg;
use super::outbound::Outbound;
use crate::session::{Cause, DialError, Facts, Place, Session};

/// How often one request is begun on another session, where the first surely did not process it.
const ATTEMPTS_MAX: u32 = 3;

/// A peer to ask: by name, over whichever session there is, or over one certain session.
///
/// Asking takes a session that is there, whoever dialed it, or waits for a dial. A request that
/// was surely not processed is begun again on another session; no other is.
#[derive(Debug, Clone)]
pub struct Peer {
    outbound: Arc<Outbound>,
    target: Target,
    within: Option<Duration>,
    patience: Patience,
    key: Option<IdempotencyKey>,
    origin: Option<Origin>,
}

#[derive(Debug, Clone)]
enum Target {
    Named(Result<NodeName, NameError>),
    Over(Session),
}

/// What to do while a peer does not answer a dial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Patience {
    /// Wait, as long as the deadline allows.
    Wait,
    /// Fail with the first dial that fails.
    FailFast,
}

/// What a request was caused by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin {
    pub(crate) trace: Trace,
    pub(crate) deadline: Instant,
}

/// A request, ready to be sent as often as it takes.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    /// As it is sent with the attempt that is being made.
    pub(super) request: Request,
    pub(super) within: Duration,
    pub(super) deadline: Instant,
    pub(super) origin: Option<Origin>,
    pub(super) result_bytes: usize,
}

impl Ask {
    /// Readies the request for an attempt that is made now.
    pub(super) fn ready(&mut self, attempt: u32, now: Instant) {
        self.request.trace = next_span(self.origin.map(|origin| origin.trace));
        self.request.attempt = attempt;
        self.request.deadline = self.deadline.saturating_duration_since(now);
    }

    pub(super) fn cause(&self) -> Cause {
        self.origin.map_or(Cause::Own, |_| Cause::Handler)
    }
}

/// A span of its own in the trace of what caused it, or in a new trace.
fn next_span(origin: Option<Trace>) -> Trace {
    loop {
        let span_id = rand::random::<u64>().to_ne_bytes();
        let next = match origin {
            Some(origin) => origin.with_span(span_id),
            None => Trace::new(rand::random::<u128>().to_ne_bytes(), span_id),
        };
        // Only an id of nothing but zeros is none.
        if let Some(trace) = next {
            return trace;
        }
    }
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
        Self { outbound, target, within: None, patience, key: None, origin: None }
    }

    /// Belongs to the trace of another request, and has no more time than that one.
    pub(crate) fn because_of(self, origin: Origin) -> Self {
        Self { origin: Some(origin), ..self }
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

    /// Sends writes under this key: for a caller that keeps it, to repeat a write after its own
    /// restart. By default each write gets a key of its own.
    #[must_use]
    pub fn with_key(self, key: IdempotencyKey) -> Self {
        Self { key: Some(key), ..self }
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

    pub(super) async fn ask(
        &self,
        method: MethodName,
        params: Encoded,
        key: Option<IdempotencyKey>,
        result_bytes: usize,
    ) -> Result<Encoded, RequestError> {
        let now = Instant::now();
        let mut ask = self.prepare(method, params, key, result_bytes, now)?;
        // Most requests find a session, and a place in it, here and now: nothing else is made for
        // them than an attempt.
        let refused = match self.begin(&ask, now) {
            Some((session, attempt, place)) => match attempt.with(place).await {
                Err(error) if error.surely_not_processed() => Some((session, error)),
                answer => return answer,
            },
            None => None,
        };
        ask.request.attempt = u32::from(refused.is_some());
        let (outbound, target) = (self.outbound.clone(), self.target.clone());
        let asking = Asking { outbound, ask, target, patience: self.patience, refused };
        let answer = Box::pin(self.outbound.network.run(asking.run())).await;
        answer.unwrap_or(Err(RequestError::Stopped))
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
        if !role.asks() {
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
        let trace = next_span(origin.map(|origin| origin.trace));
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
        Ok(Ask { request, within, deadline, origin, result_bytes })
    }

    /// The first attempt at a request, where it can begin here and now.
    fn begin<'a>(&'a self, ask: &'a Ask, now: Instant) -> Option<(Session, Attempt<'a>, Place)> {
        if !self.outbound.network.is_here() {
            return None;
        }
        let session = match &self.target {
            Target::Over(session) => session.clone(),
            Target::Named(name) => self.outbound.table.find(name.as_ref().ok()?)?,
        };
        let Facts { role, limits, .. } = session.facts();
        if !role.answers() || ask.request.params.bytes().len() > limits.message_bytes as usize {
            return None;
        }
        let place = session.place_now(ask.cause())?;
        let attempt = Attempt::new(&self.outbound, session.clone(), ask, now);
        Some((session, attempt, place))
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

/// A request on the network thread.
struct Asking {
    outbound: Arc<Outbound>,
    /// With the attempts that were made already.
    ask: Ask,
    target: Target,
    patience: Patience,
    /// The session that has surely not processed the attempt that was made, and how it said so.
    refused: Option<(Session, RequestError)>,
}

impl Asking {
    async fn run(mut self) -> Result<Encoded, RequestError> {
        match self.target.clone() {
            Target::Over(session) => self.ask_over(&session).await,
            Target::Named(Ok(name)) if name == self.outbound.name => self.ask_ourselves().await,
            Target::Named(name) => self.ask_named(&name?).await,
        }
    }

    /// Asks over one certain session; where that one has lost its place to another session with
    /// the same peer, over the other one.
    async fn ask_over(&mut self, session: &Session) -> Result<Encoded, RequestError> {
        let answer = match self.refused.take() {
            Some((_, error)) => Err(error),
            None => self.attempt(session).await,
        };
        match answer {
            Err(error) if error.surely_not_processed() && self.has_other(session) => {
                self.ask_named(session.peer()).await
            }
            answer => answer,
        }
    }

    fn has_other(&self, session: &Session) -> bool {
        let other = self.outbound.table.find(session.peer());
        other.is_some_and(|other| !other.is(session))
    }

    async fn ask_named(&mut self, name: &NodeName) -> Result<Encoded, RequestError> {
        if let Some((session, _)) = self.refused.take() {
            self.until_other(&session).await;
        }
        loop {
            let session = self.session(name).await?;
            let answer = self.attempt(&session).await;
            match answer {
                Err(error)
                    if error.surely_not_processed() && self.ask.request.attempt < ATTEMPTS_MAX =>
                {
                    self.until_other(&session).await;
                }
                answer => return answer,
            }
        }
    }

    /// Waits a little for another session than this one, which does not process requests any more.
    async fn until_other(&self, session: &Session) {
        let (peer, attempt) = (session.peer(), self.ask.request.attempt);
        tracing::debug!(peer = %peer, attempt, "request goes to another session");
        let soon = Instant::now() + self.outbound.limits.redial_min;
        self.outbound.table.until_other(session, soon.min(self.ask.deadline)).await;
    }

    async fn attempt(&mut self, session: &Session) -> Result<Encoded, RequestError> {
        let role = session.facts().role;
        if !role.answers() {
            return Err(RequestError::Role { role, forbids: "answers no requests" });
        }
        let now = Instant::now();
        self.ask.ready(self.ask.request.attempt + 1, now);
        Attempt::new(&self.outbound, session.clone(), &self.ask, now).run().await
    }

    /// A call to the node itself goes straight to the rules of a call.
    async fn ask_ourselves(&mut self) -> Result<Encoded, RequestError> {
        let ourselves = self.outbound.ourselves().ok_or(RequestError::Stopped)?;
        let now = Instant::now();
        self.ask.ready(1, now);
        let mut leg = Leg::new(&self.outbound, &self.outbound.name, &self.ask, now);
        let answer = ourselves.answer(self.ask.request.clone()).await;
        let answer = answer.map_err(|failure| RequestError::Failed {
            peer: self.outbound.name.clone(),
            method: self.ask.request.method.clone(),
            failure,
        });
        leg.code = outcome(&answer);
        answer
    }

    /// The session with a peer: the one there is, or the one that a dial leads to.
    async fn session(&self, name: &NodeName) -> Result<Session, RequestError> {
        if let Some(session) = self.outbound.table.find(name) {
            return Ok(session);
        }
        let mut changes = self.outbound.table.changes();
        // One that came in between is a change as well.
        changes.mark_changed();
        let Some(mut failed) = self.outbound.dialers.want(name) else {
            // A client that is connected does not answer, and says so.
            let client = self.outbound.table.find_client(name);
            return client.ok_or_else(|| RequestError::NotConnected { peer: name.clone() });
        };
        let waiting = async {
            loop {
                tokio::select! {
                    _ = changes.changed() => if let Some(session) = self.outbound.table.find(name) {
                        return Ok(session);
                    },
                    Ok(()) = failed.changed() => {
                        let error = failed.borrow_and_update().clone();
                        if let Some(error) = error.filter(|error| self.gives_up(error)) {
                            return Err(RequestError::Dial(error));
                        }
                        self.outbound.dialers.want(name);
                    }
                }
            }
        };
        timeout_at(self.ask.deadline.into(), waiting).await.unwrap_or_else(|_| {
            Err(match self.outbound.dialers.last_failure(name) {
                Some(error) => RequestError::Dial(error),
                None => RequestError::Deadline {
                    peer: name.clone(),
                    method: self.ask.request.method.clone(),
                    within: self.ask.within,
                },
            })
        })
    }

    /// Whether a dial that failed ends the wait: it does where the next one would fail as well.
    fn gives_up(&self, error: &DialError) -> bool {
        self.patience == Patience::FailFast || !matches!(error, DialError::Unreachable { .. })
    }
}

/// A key for a write: 128 random bits.
pub(super) fn new_key() -> IdempotencyKey {
    IdempotencyKey(rand::random())
}
