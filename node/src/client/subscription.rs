//! A subscription as its subscriber sees it: events in order and without a gap, whatever becomes of
//! sessions and nodes meanwhile.

use std::time::{Duration, Instant};

use bothways_protocol::{
    Acknowledge, Cursor, DurableName, Encoded, Event, MethodName, Watch, WatchBegan, WatchFrom,
};
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

use super::attempt::Attempt;
use super::peer::new_key;
use super::{Peer, RequestError};
use crate::config::Limits;

/// Events that wait to be taken; those behind them wait at the peer.
const QUEUE: usize = 16;

/// Events of a service of a peer, one after the other.
///
/// It resumes behind the last event when a session ends or a node restarts, for as long as it is
/// held; dropping it ends it. Events that are not taken wait at the peer, in its store.
#[derive(Debug)]
pub struct Subscription {
    peer: Peer,
    service: String,
    durable: Option<DurableName>,
    events: mpsc::Receiver<Result<Event, RequestError>>,
    state: watch::Receiver<SubscriptionState>,
    _task: AbortOnDropHandle<()>,
}

/// How a subscription is at the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubscriptionState {
    /// It has not begun yet.
    Beginning,
    /// It has begun, or has resumed, on a session.
    Live {
        /// Where: what stands behind this is told.
        cursor: Cursor,
        /// Whether the service wants each event acknowledged.
        acknowledge: bool,
    },
    /// It waits to resume.
    Waiting {
        /// What has ended it, in words.
        why: String,
    },
    /// It has ended with an error, which [`Subscription::next`] gives.
    Ended,
}

impl Subscription {
    pub(super) fn begin(peer: Peer, service: String, watch: Watch) -> Self {
        let (to_take, events) = mpsc::channel(QUEUE);
        let (told, state) = watch::channel(SubscriptionState::Beginning);
        let durable = watch.durable.clone();
        let thread = peer.thread();
        let following = Following {
            peer: peer.clone(),
            service: service.clone(),
            watch,
            events: to_take,
            state: told,
            begun: false,
            failures: 0,
        };
        let task = thread.start_task(following.run());
        Self { peer, service, durable, events, state, _task: task }
    }

    /// Waits for the next event. Dropping the wait loses none.
    ///
    /// # Errors
    /// What no later attempt would change: the peer refuses the subscription for good, such as with
    /// `out_of_range` where what changed behind the last event is no longer kept (detail `oldest`:
    /// the oldest cursor that is); or this node has stopped.
    pub async fn next(&mut self) -> Result<Event, RequestError> {
        self.events.recv().await.unwrap_or(Err(RequestError::Stopped))
    }

    /// How it is, and a way to wait for a change of that.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<SubscriptionState> {
        self.state.clone()
    }

    /// Tells the peer that an event has been dealt with, and with a durable subscription all before
    /// it. Waits while the peer cannot be reached.
    ///
    /// # Errors
    /// The peer's refusal; or this node has stopped.
    pub async fn acknowledge(&self, event: &Event) -> Result<(), RequestError> {
        let peer = self.peer.told();
        let method = method(&self.service, "acknowledge")?;
        let no_cursor = |problem: String| RequestError::Answer {
            peer: peer.clone(),
            method: method.clone(),
            problem,
        };
        let cursor = Cursor::of_bytes(event.cursor.clone());
        let cursor = cursor.map_err(|error| no_cursor(error.to_string()))?;
        let params = Acknowledge { cursor, durable: self.durable.clone() };
        let params = Encoded::of(&params).map_err(RequestError::Params)?;
        let (limits, key, mut failures) = (&self.peer.outbound().limits, new_key(), 0);
        loop {
            let asked = self.peer.ask(method.clone(), params.clone(), Some(key), 0).await;
            match asked {
                Err(error) if error.may_pass() => {
                    failures += 1;
                    sleep(pause(failures, limits)).await;
                }
                answer => return answer.map(drop),
            }
        }
    }
}

/// What keeps a subscription going, on a network thread.
struct Following {
    peer: Peer,
    service: String,
    /// With where to begin next.
    watch: Watch,
    events: mpsc::Sender<Result<Event, RequestError>>,
    state: watch::Sender<SubscriptionState>,
    /// Whether it has ever begun.
    begun: bool,
    /// Attempts that have failed, or ended, since it was live.
    failures: u32,
}

impl Following {
    async fn run(mut self) {
        loop {
            let why = match self.follow().await {
                Ok(()) => "the peer ends it for now".to_owned(),
                Err(error) if self.is_final(&error) => {
                    self.state.send_replace(SubscriptionState::Ended);
                    let _ = self.events.send(Err(error)).await;
                    return;
                }
                Err(error) => error.to_string(),
            };
            self.failures += 1;
            let (peer, service) = (self.peer.told(), &self.service);
            tracing::debug!(%peer, %service, why, "subscription waits");
            self.state.send_replace(SubscriptionState::Waiting { why });
            sleep(pause(self.failures, &self.peer.outbound().limits)).await;
        }
    }

    fn is_final(&self, error: &RequestError) -> bool {
        !error.may_pass() || (self.peer.is_fail_fast() && !self.begun)
    }

    /// Subscribes, and hands events on until the subscription ends on this session.
    async fn follow(&mut self) -> Result<(), RequestError> {
        if self.peer.is_ourselves() {
            return Err(RequestError::Role {
                role: self.peer.outbound().role,
                forbids: "subscribes to itself: a subscription needs a session",
            });
        }
        let outbound = self.peer.outbound().clone();
        let method = method(&self.service, "watch")?;
        let params = Encoded::of(&self.watch).map_err(RequestError::Params)?;
        let now = Instant::now();
        let (ask, session) = self.peer.ready(method.clone(), params, now).await?;
        let mut attempt = Attempt::new(&outbound, session, &ask, now);
        let (began, mut stream) = attempt.subscribe().await?;
        let began: WatchBegan = began.decode().map_err(|error| RequestError::Answer {
            peer: self.peer.told(),
            method,
            problem: error.to_string(),
        })?;
        (self.begun, self.failures) = (true, 0);
        // From here on it resumes where it began, however that was said.
        self.watch.from = Some(WatchFrom::Cursor(began.cursor.clone()));
        let WatchBegan { cursor, acknowledge } = began;
        self.state.send_replace(SubscriptionState::Live { cursor, acknowledge });
        while let Some(event) = attempt.event(&mut stream).await? {
            if let Ok(cursor) = Cursor::of_bytes(event.cursor.clone()) {
                self.watch.from = Some(WatchFrom::Cursor(cursor));
            }
            if self.events.send(Ok(event)).await.is_err() {
                return Err(RequestError::Stopped);
            }
        }
        Ok(())
    }
}

fn method(service: &str, method: &str) -> Result<MethodName, RequestError> {
    format!("{service}.{method}").parse().map_err(RequestError::Method)
}

/// How long to wait before the next attempt: at random up to a bound that doubles, so that all who
/// lost the same peer do not come back at once.
fn pause(failures: u32, limits: &Limits) -> Duration {
    let longest = limits.redial_min.saturating_mul(1 << (failures - 1).min(16));
    longest.min(limits.redial_max).mul_f64(rand::random())
}
