//! A peer as one asks it.

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
use crate::session::{DialError, Session};

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
    pub(super) method: MethodName,
    pub(super) params: Encoded,
    pub(super) key: Option<IdempotencyKey>,
    pub(super) within: Duration,
    pub(super) deadline: Instant,
    pub(super) origin: Option<Origin>,
    pub(super) result_bytes: usize,
}

impl Ask {
    /// The request as it is sent now.
    pub(super) fn request(&self, trace: Trace, attempt: u32) -> Request {
        Request {
            method: self.method.clone(),
            params: self.params.clone(),
            deadline: self.deadline.saturating_duration_since(Instant::now()),
            key: self.key,
            trace,
            attempt,
            to: None,
            via: Vec::new(),
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
        let answer = self.ask(method.clone(), params, key, M::MESSAGE_BYTES).await?;
        answer.decode().map_err(|error| RequestError::Answer {
            peer: self.told(),
            method,
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

    async fn ask(
        &self,
        method: MethodName,
        params: Encoded,
        key: Option<IdempotencyKey>,
        result_bytes: usize,
    ) -> Result<Encoded, RequestError> {
        let Outbound { role, limits, network, .. } = &*self.outbound;
        if !role.asks() {
            return Err(RequestError::Role { role: *role, forbids: "issues no requests" });
        }
        let within = self.within.unwrap_or(limits.deadline_default);
        let within = within.clamp(limits.deadline_min, limits.deadline_max);
        let deadline = Instant::now() + within;
        let deadline = self.origin.map_or(deadline, |origin| origin.deadline.min(deadline));
        if deadline <= Instant::now() {
            // A handler that writes may run on behind its deadline, but asks nobody any more.
            return Err(RequestError::Deadline {
                peer: self.told(),
                method,
                within: Duration::ZERO,
            });
        }
        let ask = Ask { method, params, key, within, deadline, origin: self.origin, result_bytes };
        let (outbound, target) = (self.outbound.clone(), self.target.clone());
        let asking = Asking { outbound, ask, target, patience: self.patience };
        network.run(asking.run()).await.unwrap_or(Err(RequestError::Stopped))
    }

    /// The peer's name, for an error.
    fn told(&self) -> NodeName {
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
    ask: Ask,
    target: Target,
    patience: Patience,
}

impl Asking {
    async fn run(self) -> Result<Encoded, RequestError> {
        match &self.target {
            Target::Over(session) => self.ask_over(session).await,
            Target::Named(name) if name.as_ref() == Ok(&self.outbound.name) => {
                self.ask_ourselves().await
            }
            Target::Named(name) => self.ask_named(&name.clone()?, 1).await,
        }
    }

    /// Asks over one certain session; where that one has lost its place to another session with
    /// the same peer, over the other one.
    async fn ask_over(&self, session: &Session) -> Result<Encoded, RequestError> {
        let answer = self.attempt(session, 1).await;
        match answer {
            Err(error) if error.surely_not_processed() && self.has_other(session) => {
                self.ask_named(session.peer(), 2).await
            }
            answer => answer,
        }
    }

    fn has_other(&self, session: &Session) -> bool {
        let other = self.outbound.table.find(session.peer());
        other.is_some_and(|other| !other.is(session))
    }

    async fn ask_named(
        &self,
        name: &NodeName,
        first_attempt: u32,
    ) -> Result<Encoded, RequestError> {
        let mut attempt = first_attempt;
        loop {
            let session = self.session(name).await?;
            let answer = self.attempt(&session, attempt).await;
            match answer {
                Err(error) if error.surely_not_processed() && attempt < ATTEMPTS_MAX => {
                    attempt += 1;
                    tracing::debug!(peer = %name, attempt, "request goes to another session");
                    let soon = Instant::now() + self.outbound.limits.redial_min;
                    let until = soon.min(self.ask.deadline);
                    self.outbound.table.until_other(&session, until).await;
                }
                answer => return answer,
            }
        }
    }

    async fn attempt(&self, session: &Session, attempt: u32) -> Result<Encoded, RequestError> {
        let role = session.facts().role;
        if !role.answers() {
            return Err(RequestError::Role { role, forbids: "answers no requests" });
        }
        Attempt::new(&self.outbound, session, &self.ask, attempt).run().await
    }

    /// A call to the node itself goes straight to the rules of a call.
    async fn ask_ourselves(&self) -> Result<Encoded, RequestError> {
        let ourselves = self.outbound.ourselves().ok_or(RequestError::Stopped)?;
        let mut leg = Leg::new(&self.outbound, &self.outbound.name, &self.ask, 1);
        let request = self.ask.request(leg.trace, leg.attempt);
        let answer = ourselves.answer(&request).await;
        let answer = answer.map_err(|failure| RequestError::Failed {
            peer: self.outbound.name.clone(),
            method: self.ask.method.clone(),
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
                    method: self.ask.method.clone(),
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
fn new_key() -> IdempotencyKey {
    IdempotencyKey(rand::random())
}
