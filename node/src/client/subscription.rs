//! A subscription as its subscriber sees it: events in order and without a gap, whatever becomes of
//! sessions and nodes meanwhile.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bothways_protocol::{
    Acknowledge, Cursor, DurableName, Encoded, Event, MethodName, Watch, WatchBegan, WatchFrom,
};
use bytes::Bytes;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

use super::ask::{Ask, new_key};
use super::attempt::Attempt;
use super::leg::Leg;
use super::outbound::Outbound;
use super::standing::Standing;
use super::{Peer, RequestError};
use crate::config::Limits;
use crate::exchange::Outcome;

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
    /// The cursor of the last event that was taken.
    taken: Option<Bytes>,
    standing: Arc<Mutex<Standing>>,
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
        let standing = Arc::new(Mutex::new(Standing::new()));
        let thread = peer.thread();
        let following = Following {
            peer: peer.clone(),
            service: service.clone(),
            watch,
            durable: durable.clone(),
            events: to_take,
            state: told,
            standing: standing.clone(),
            acknowledging: None,
            begun: false,
            failures: 0,
        };
        let task = thread.start_task(following.run());
        Self { peer, service, durable, events, taken: None, standing, state, _task: task }
    }

    /// Waits for the next event. Dropping the wait loses none.
    ///
    /// # Errors
    /// What no later attempt would change: the peer refuses the subscription for good, such as with
    /// `out_of_range` where what changed behind the last event is no longer kept (detail `oldest`:
    /// the oldest cursor that is); or this node has stopped.
    pub async fn next(&mut self) -> Result<Event, RequestError> {
        let event = self.events.recv().await.unwrap_or(Err(RequestError::Stopped))?;
        self.taken = Some(event.cursor.clone());
        Ok(event)
    }

    /// Where another subscription goes on once the events that were taken from this one have been
    /// dealt with; `None` before it has begun. It moves without an event, too, now and then, where
    /// what changes is not for this subscriber: who keeps it is not left behind by what the peer
    /// keeps of its history.
    #[must_use]
    pub fn cursor(&self) -> Option<Cursor> {
        let taken = self.taken.as_ref();
        let passed = locked(&self.standing).behind(taken).cloned();
        passed.or_else(|| Cursor::of_bytes(taken?.clone()).ok())
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
        let cursor = match &self.durable {
            // What has passed behind it needs no word of its own.
            Some(_) => locked(&self.standing).behind(Some(&event.cursor)).cloned(),
            None => None,
        };
        let method = method(&self.service, "acknowledge")?;
        let own = || {
            Cursor::of_bytes(event.cursor.clone()).map_err(|error| RequestError::Answer {
                peer: self.peer.told(),
                method,
                problem: error.to_string(),
            })
        };
        let cursor = cursor.map_or_else(own, Ok)?;
        let params = Acknowledge { cursor, durable: self.durable.clone() };
        acknowledge(&self.peer, &self.service, &params).await?;
        locked(&self.standing).note_acknowledged(&event.cursor);
        Ok(())
    }
}

/// What keeps a subscription going, on a network thread.
struct Following {
    peer: Peer,
    service: String,
    /// With where to begin next.
    watch: Watch,
    durable: Option<DurableName>,
    events: mpsc::Sender<Result<Event, RequestError>>,
    state: watch::Sender<SubscriptionState>,
    standing: Arc<Mutex<Standing>>,
    /// Acknowledges what has passed a durable subscription.
    acknowledging: Option<AbortOnDropHandle<()>>,
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
        let outbound = self.peer.outbound().clone();
        let method = method(&self.service, "watch")?;
        let params = Encoded::of(&self.watch).map_err(RequestError::Params)?;
        let now = Instant::now();
        if self.peer.is_ourselves() {
            let ask = self.peer.ready_for_ourselves(method.clone(), params, now)?;
            return self.follow_ourselves(&outbound, &ask, now).await;
        }
        let (ask, session) = self.peer.ready(method.clone(), params, now).await?;
        let mut attempt = Attempt::new(&outbound, session, &ask, now);
        let (began, mut stream) = attempt.subscribe().await?;
        self.begin(&began, method)?;
        while let Some(event) = attempt.event(&mut stream).await? {
            if self.hand_on(event).await? {
                attempt.note_event();
            }
        }
        Ok(())
    }

    /// The same, at this node itself: there is no session that could end.
    async fn follow_ourselves(
        &mut self,
        outbound: &Outbound,
        ask: &Ask,
        now: Instant,
    ) -> Result<(), RequestError> {
        let ourselves = outbound.ourselves().ok_or(RequestError::Stopped)?;
        let mut leg = Leg::new(outbound, &outbound.name, ask, now);
        let method = ask.request.method.clone();
        let begun = ourselves.watch(ask.request.clone()).await;
        let (began, mut events) = begun.map_err(|failure| {
            leg.code = Outcome::Failed(failure.code);
            let (peer, method) = (outbound.name.clone(), method.clone());
            RequestError::Failed { peer, method, failure }
        })?;
        leg.code = Outcome::Ok;
        leg.begin_events();
        self.begin(&began, method)?;
        while let Some(event) = events.next().await {
            if self.hand_on(event).await? {
                leg.note_events(1);
            }
        }
        Ok(())
    }

    /// The subscription has begun.
    fn begin(&mut self, began: &Encoded, method: MethodName) -> Result<(), RequestError> {
        let began: WatchBegan = began.decode().map_err(|error| RequestError::Answer {
            peer: self.peer.told(),
            method,
            problem: error.to_string(),
        })?;
        (self.begun, self.failures) = (true, 0);
        // From here on it resumes where it is, however that was said. That is not where a durable one
        // stands, which moves by what is acknowledged alone.
        self.watch.from = Some(WatchFrom::Cursor(began.cursor.clone()));
        self.watch.durable = None;
        locked(&self.standing).note_begun(&began.cursor);
        let WatchBegan { cursor, acknowledge } = began;
        self.state.send_replace(SubscriptionState::Live { cursor, acknowledge });
        Ok(())
    }

    /// Hands an event on, and says whether it is one: a cursor alone only moves on.
    async fn hand_on(&mut self, event: Event) -> Result<bool, RequestError> {
        let cursor = Cursor::of_bytes(event.cursor.clone());
        if let Ok(cursor) = &cursor {
            self.watch.from = Some(WatchFrom::Cursor(cursor.clone()));
        }
        if event.topic.is_empty() {
            cursor.into_iter().for_each(|cursor| self.pass(cursor));
            return Ok(false);
        }
        locked(&self.standing).note_handed(&event.cursor);
        let handed = self.events.send(Ok(event)).await;
        handed.map(|()| true).map_err(|_| RequestError::Stopped)
    }

    /// The peer has told how far it has come without an event.
    fn pass(&mut self, cursor: Cursor) {
        let all_acknowledged = locked(&self.standing).note_passed(&cursor);
        let Some(durable) = self.durable.clone().filter(|_| all_acknowledged) else { return };
        let (peer, service) = (self.peer.clone(), self.service.clone());
        let params = Acknowledge { cursor, durable: Some(durable) };
        self.acknowledging = Some(self.peer.thread().start_task(async move {
            if let Err(error) = acknowledge(&peer, &service, &params).await {
                tracing::debug!(peer = %peer.told(), %service, %error, "durable cursor not moved");
            }
        }));
    }
}

/// Acknowledges, for as long as it takes the peer to be there.
async fn acknowledge(peer: &Peer, service: &str, params: &Acknowledge) -> Result<(), RequestError> {
    let method = method(service, "acknowledge")?;
    let params = Encoded::of(params).map_err(RequestError::Params)?;
    let (limits, key, mut failures) = (&peer.outbound().limits, new_key(), 0);
    loop {
        match peer.ask(method.clone(), params.clone(), Some(key), 0).await {
            Err(error) if error.may_pass() => {
                failures += 1;
                sleep(pause(failures, limits)).await;
            }
            answer => return answer.map(drop),
        }
    }
}

fn locked(standing: &Mutex<Standing>) -> MutexGuard<'_, Standing> {
    standing.lock().unwrap_or_else(PoisonError::into_inner)
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
