//! A request that did not begin where it was asked: on a network thread it finds or awaits a session,
//! and is attempted there, as often as it takes.

use std::sync::Arc;
use std::time::Instant;

use bothways_protocol::{Encoded, NodeName};
use tokio::time::timeout_at;

use super::RequestError;
use super::attempt::{Attempt, outcome};
use super::leg::Leg;
use super::outbound::Outbound;
use super::peer::{Ask, Patience, Target};
use crate::session::{DialError, Session};

/// How often one request is begun on another session, where the first surely did not process it.
const ATTEMPTS_MAX: u32 = 3;

/// A request on a network thread.
pub(super) struct Asking {
    pub(super) outbound: Arc<Outbound>,
    /// With the attempts that were made already.
    pub(super) ask: Ask,
    pub(super) target: Target,
    pub(super) patience: Patience,
    /// The session that has surely not processed the attempt that was made, and how it said so.
    pub(super) refused: Option<(Session, RequestError)>,
}

impl Asking {
    pub(super) async fn run(mut self) -> Result<Encoded, RequestError> {
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

    /// Makes an attempt, on the thread where the session lives.
    async fn attempt(&mut self, session: &Session) -> Result<Encoded, RequestError> {
        let role = session.facts().role;
        if !role.answers() {
            return Err(RequestError::Role { role, forbids: "answers no requests" });
        }
        let now = Instant::now();
        self.ask.ready(self.ask.request.attempt + 1, now);
        if session.thread().is_here() {
            return Attempt::new(&self.outbound, session.clone(), &self.ask, now).run().await;
        }
        let (outbound, ask, there) = (self.outbound.clone(), self.ask.clone(), session.clone());
        let attempt = async move { Attempt::new(&outbound, there, &ask, now).run().await };
        session.thread().run(attempt).await.unwrap_or(Err(RequestError::Stopped))
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
