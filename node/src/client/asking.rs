//! A request that did not begin where it was asked: on a network thread it finds or awaits a session,
//! and is attempted there, as often as it takes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bothways_protocol::{Code, Encoded, NodeName};
use tokio::sync::watch;
use tokio::time::{sleep, timeout_at};

use super::RequestError;
use super::ask::Ask;
use super::attempt::{Attempt, outcome};
use super::leg::Leg;
use super::outbound::Outbound;
use super::peer::{Patience, Retries, Target};
use super::retry::{Again, again};
use crate::exchange::Outcome;
use crate::session::{DialError, Session};

/// A request on a network thread.
pub(super) struct Asking {
    pub(super) outbound: Arc<Outbound>,
    /// With the attempts that were made already.
    pub(super) ask: Ask,
    pub(super) target: Target,
    pub(super) patience: Patience,
    pub(super) retries: Retries,
    /// The session that the last attempt was made on, and how that failed.
    pub(super) refused: Option<(Session, RequestError)>,
    /// How an attempt ended that may have acted: what the caller is told where none ends better.
    pub(super) doubt: Option<RequestError>,
}

impl Asking {
    pub(super) async fn run(self) -> Result<Encoded, RequestError> {
        let (began, code) = (Instant::now(), Outcome::Failed(Code::Cancelled));
        let mut unless_sent = UnlessSent { asking: self, began, code };
        let answer = unless_sent.asking.answer().await;
        unless_sent.code = outcome(&answer);
        answer
    }

    async fn answer(&mut self) -> Result<Encoded, RequestError> {
        match self.target.clone() {
            Target::Over(session) => self.ask_over(&session).await,
            Target::Named(Ok(name)) if name == self.outbound.name => self.ask_ourselves().await,
            Target::Named(name) => self.ask_named(&name?).await,
        }
    }

    /// Asks over one certain session; where that one has lost its place to another session with
    /// the same peer, over the other one.
    async fn ask_over(&mut self, session: &Session) -> Result<Encoded, RequestError> {
        let error = match self.refused.take() {
            Some((_, error)) => error,
            None => match self.attempt(session).await {
                Err(error) => error,
                answer => return answer,
            },
        };
        if !self.has_other(session) {
            return Err(error);
        }
        self.refused = Some((session.clone(), error));
        self.ask_named(session.peer()).await
    }

    fn has_other(&self, session: &Session) -> bool {
        let other = self.outbound.table.find(session.peer());
        other.is_some_and(|other| !other.is(session))
    }

    async fn ask_named(&mut self, name: &NodeName) -> Result<Encoded, RequestError> {
        loop {
            if let Some((session, error)) = self.refused.take() {
                self.may_go_on(&session, error).await?;
            }
            let session = match self.session(name).await {
                Ok(session) => session,
                Err(error) => return Err(self.told(error)),
            };
            match self.attempt(&session).await {
                Err(error) => self.refused = Some((session, error)),
                answer => return answer,
            }
        }
    }

    /// Waits for the time of the next attempt, where one is to be made.
    async fn may_go_on(
        &mut self,
        session: &Session,
        error: RequestError,
    ) -> Result<(), RequestError> {
        let (now, attempt) = (Instant::now(), self.ask.request.attempt);
        let again = again(&error, attempt, rand::random());
        let wait = match again {
            Again::Elsewhere => Duration::ZERO,
            Again::After(wait) if self.retries == Retries::Safe => wait,
            // A peer that could not take the request has not looked whether an earlier one acted.
            Again::No if error.code() == Code::Unavailable => return Err(self.told(error)),
            Again::No | Again::After(_) => return Err(error),
        };
        let in_time = now + wait < self.ask.deadline;
        if !in_time || (again != Again::Elsewhere && !self.outbound.budget.take(now)) {
            return Err(self.told(error));
        }
        let (peer, wait_ms) = (session.peer(), wait.as_millis());
        tracing::debug!(peer = %peer, attempt, wait_ms, %error, "request is sent again");
        if error.leaves_doubt() {
            self.doubt = Some(error);
        }
        match again {
            Again::Elsewhere => self.until_other(session).await,
            _ => sleep(wait).await,
        }
        Ok(())
    }

    /// What the caller is told where the last attempt ended with this error: rather what left doubt
    /// before.
    fn told(&mut self, error: RequestError) -> RequestError {
        self.doubt.take().unwrap_or(error)
    }

    /// Waits a little for another session than this one, which does not process requests any more.
    async fn until_other(&self, session: &Session) {
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
    pub(super) async fn session(&self, name: &NodeName) -> Result<Session, RequestError> {
        if let Some(session) = self.outbound.table.find(name) {
            return Ok(session);
        }
        let mut changes = self.outbound.table.changes();
        // One that came in between is a change as well.
        changes.mark_changed();
        let Some(mut failed) = self.outbound.dialers.want(name) else {
            // A client that is connected does not answer, and says so.
            if let Some(client) = self.outbound.table.find_client(name) {
                return Ok(client);
            }
            return self.comes_back(name, changes).await;
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

    /// A peer that this node cannot dial may dial this node again, where it was there a moment ago.
    async fn comes_back(
        &self,
        name: &NodeName,
        mut changes: watch::Receiver<u64>,
    ) -> Result<Session, RequestError> {
        let was_there = self.ask.request.attempt > 0 && self.patience == Patience::Wait;
        let back = async {
            loop {
                if let Some(session) = self.outbound.table.find(name) {
                    return session;
                }
                // The sender lives as long as the table.
                let _ = changes.changed().await;
            }
        };
        let deadline = if was_there { self.ask.deadline } else { Instant::now() };
        let gone = |_| RequestError::NotConnected { peer: name.clone() };
        timeout_at(deadline.into(), back).await.map_err(gone)
    }

    /// Whether a dial that failed ends the wait: it does where the next one would fail as well.
    fn gives_up(&self, error: &DialError) -> bool {
        self.patience == Patience::FailFast || !matches!(error, DialError::Unreachable { .. })
    }
}

/// A request of which no attempt is made, because its peer cannot be reached, its role forbids it, or
/// its caller gives it up before, leaves a record, too: of a request that was never sent.
struct UnlessSent {
    asking: Asking,
    began: Instant,
    code: Outcome,
}

impl Drop for UnlessSent {
    fn drop(&mut self) {
        let Asking { outbound, ask, target, .. } = &mut self.asking;
        let peer = match target {
            Target::Over(session) => session.peer(),
            Target::Named(Ok(name)) => name,
            Target::Named(Err(_)) => return,
        };
        if ask.request.attempt == 0 {
            ask.request.attempt = 1;
            Leg::new(outbound, peer, ask, self.began).code = self.code;
        }
    }
}
