//! The asking end of a lane: many requests on one stream, each answer found again by its number.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bothways_protocol::{
    Failure, LaneAnswer, LaneAsk, LaneEnd, LaneId, Opening, Outgoing, Reply, Request, ResetCode,
};
use bytes::Bytes;
use thiserror::Error;
use tokio::sync::Notify;
use tokio::task::yield_now;
use tokio::time::sleep_until;

use super::turn::Turn;
use crate::transport::{Came, MessageReader, MessageWriter, Outbox, ReadError};

/// A lane on which this node asks.
#[derive(Debug)]
pub(crate) struct Lane {
    outbox: Outbox,
    waiting: Mutex<Waiting>,
    /// Somebody waits for less long than everybody before.
    sooner: Notify,
}

/// Those who wait for an answer.
#[derive(Debug)]
struct Waiting {
    /// One slot for each request that may be in flight: the number of a request is that of its
    /// slot, and of the turn in which the slot is used.
    slots: Vec<Slot>,
    free: Vec<usize>,
    /// No deadline is sooner.
    soonest: Option<Instant>,
    /// Why no answer comes any more.
    ended: Option<Arc<str>>,
}

#[derive(Debug)]
struct Slot {
    id: LaneId,
    deadline: Instant,
    state: State,
}

#[derive(Debug)]
enum State {
    Free,
    Waiting(Option<Waker>),
    Ended(Result<Landed, Unanswered>),
}

/// An answer, and how many bytes its message had.
#[derive(Debug)]
pub(crate) struct Landed {
    pub(crate) end: LaneEnd,
    pub(crate) bytes: usize,
}

/// A request on a lane that has no answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum Unanswered {
    /// The time is up.
    #[error("the time is up")]
    Late,
    /// What came is no answer.
    #[error("{0}")]
    Broken(String),
    /// The lane has ended, so nobody knows whether the request acted.
    #[error("{0}")]
    Lost(Arc<str>),
}

/// A request in flight on a lane. Dropped before its answer came, it tells the peer so.
#[derive(Debug)]
pub(crate) struct Flight {
    lane: Arc<Lane>,
    id: LaneId,
    /// How many bytes the request had, its length included.
    pub(crate) sent_bytes: usize,
    ended: bool,
}

impl Lane {
    /// A lane on which so many requests may be in flight.
    pub(super) fn new(in_flight: usize) -> Self {
        let now = Instant::now();
        let slots = (0..in_flight)
            .map(|index| Slot { id: index as LaneId, deadline: now, state: State::Free })
            .collect();
        let free = (0..in_flight).rev().collect();
        let waiting = Waiting { slots, free, soonest: None, ended: None };
        let (outbox, sooner) = (Outbox::default(), Notify::new());
        Self { outbox, waiting: Mutex::new(waiting), sooner }
    }

    /// Begins a request; `None` where the lane takes no more.
    pub(super) fn ask(self: &Arc<Self>, request: &Request, deadline: Instant) -> Option<Flight> {
        let id = self.lock().enter(deadline, &self.sooner)?;
        let sent_bytes = self.outbox.put(|buffer| request.append_to_lane(id, buffer));
        Some(Flight { lane: self.clone(), id, sent_bytes, ended: false })
    }

    /// Sends and receives until the stream ends, and says why it did.
    pub(super) async fn run(self: Arc<Self>, mut writer: MessageWriter, mut reader: MessageReader) {
        // However this ends, dropped with its session included, nobody waits on.
        let mut ended = Ended { lane: &self, why: "the session has ended".to_owned() };
        let sending = async {
            match writer.send(Opening::Lane.encode()).await {
                Ok(()) => self.outbox.send_all(&mut writer).await,
                Err(error) => error,
            }
        };
        ended.why = tokio::select! {
            biased;
            why = self.hear_all(&mut reader) => why,
            error = sending => error.to_string(),
            never = self.watch_the_time() => match never {},
        };
    }

    /// Hands answers to those who wait for them.
    async fn hear_all(&self, reader: &mut MessageReader) -> String {
        let mut turn = Turn::new();
        loop {
            loop {
                match reader.buffered() {
                    Ok(Some(message)) => {
                        if let Err(why) = self.hear(&message) {
                            if let Ok(Reply::Error(failure)) = Reply::decode(&message) {
                                self.lock().refuse_all(&failure);
                                return "the peer takes no lane".to_owned();
                            }
                            reader.stop(ResetCode::ProtocolError);
                            return why;
                        }
                        if turn.is_over() {
                            yield_now().await;
                        }
                    }
                    Ok(None) => break,
                    Err(error) => return broken(reader, &error),
                }
            }
            match reader.more().await {
                Ok(Came::Bytes) => {}
                Ok(Came::End) => return "the peer ended the lane".to_owned(),
                Err(error) => return broken(reader, &error),
            }
        }
    }

    /// Hands on one answer. What cannot be read is the fault of its request alone, where it says of
    /// which; else of the lane.
    fn hear(&self, message: &Bytes) -> Result<(), String> {
        let bytes = message.len();
        let (id, with) = match LaneAnswer::decode(message) {
            Ok(Some(LaneAnswer { id, end })) => (id, Ok(Landed { end, bytes })),
            Ok(None) => return Ok(()),
            Err(error) => match error.id {
                Some(id) => (id, Err(Unanswered::Broken(error.to_string()))),
                None => return Err(error.to_string()),
            },
        };
        self.lock().end(id, with);
        Ok(())
    }

    /// Tells those whose time is up. One timer for all of them: it is set where somebody waits for
    /// less long than everybody before, and when it rings.
    async fn watch_the_time(&self) -> Infallible {
        loop {
            let sooner = self.sooner.notified();
            let soonest = self.lock().soonest;
            match soonest {
                None => sooner.await,
                Some(soonest) => tokio::select! {
                    () = sooner => {}
                    () = sleep_until(soonest.into()) => self.lock().ring(Instant::now()),
                },
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells those who wait on a lane that it has ended, when it is dropped.
struct Ended<'a> {
    lane: &'a Lane,
    why: String,
}

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.lane.lock().end_all(&self.why);
    }
}

fn broken(reader: &mut MessageReader, error: &ReadError) -> String {
    reader.stop(ResetCode::ProtocolError);
    error.to_string()
}

impl Waiting {
    fn enter(&mut self, deadline: Instant, sooner: &Notify) -> Option<LaneId> {
        if self.ended.is_some() {
            return None;
        }
        let index = self.free.pop()?;
        let slot = &mut self.slots[index];
        (slot.deadline, slot.state) = (deadline, State::Waiting(None));
        if self.soonest.is_none_or(|soonest| deadline < soonest) {
            self.soonest = Some(deadline);
            sooner.notify_one();
        }
        Some(self.slots[index].id)
    }

    /// Where the slot of a request is, whoever has it now.
    fn index(&self, id: LaneId) -> usize {
        let index = id % self.slots.len() as LaneId;
        usize::try_from(index).expect("less than the number of slots")
    }

    /// The slot of a request that still waits. Who has given up is no longer found.
    fn slot(&mut self, id: LaneId) -> Option<&mut Slot> {
        let index = self.index(id);
        self.slots.get_mut(index).filter(|slot| slot.id == id)
    }

    fn end(&mut self, id: LaneId, with: Result<Landed, Unanswered>) {
        if let Some(slot) = self.slot(id) {
            slot.end(with);
        }
    }

    fn ring(&mut self, now: Instant) {
        self.soonest = None;
        for slot in &mut self.slots {
            if !matches!(slot.state, State::Waiting(_)) {
                continue;
            }
            if slot.deadline <= now {
                slot.end(Err(Unanswered::Late));
            } else {
                let soonest = self.soonest.get_or_insert(slot.deadline);
                *soonest = slot.deadline.min(*soonest);
            }
        }
    }

    /// The lane's stream was refused before anything on it was processed: so was each request.
    fn refuse_all(&mut self, failure: &Failure) {
        for slot in &mut self.slots {
            slot.end(Ok(Landed { end: LaneEnd::Error(failure.clone()), bytes: 0 }));
        }
        self.ended = Some("the peer takes no lane".into());
    }

    fn end_all(&mut self, why: &str) {
        let why: Arc<str> = why.into();
        for slot in &mut self.slots {
            slot.end(Err(Unanswered::Lost(why.clone())));
        }
        self.ended = Some(why);
    }

    /// Gives the slot back; the next request in it has another number.
    fn leave(&mut self, id: LaneId) {
        let slots = self.slots.len() as u64;
        if let Some(slot) = self.slot(id) {
            (slot.id, slot.state) = (id + slots, State::Free);
            self.free.push(self.index(id));
        }
    }
}

impl Slot {
    fn end(&mut self, with: Result<Landed, Unanswered>) {
        if let State::Waiting(waker) = &mut self.state {
            let waker = waker.take();
            self.state = State::Ended(with);
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
}

impl Future for Flight {
    type Output = Result<Landed, Unanswered>;

    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        let mut waiting = self.lane.lock();
        let id = self.id;
        let slot = waiting.slot(id).expect("the slot is given back with the flight");
        match &mut slot.state {
            State::Waiting(waker) => {
                match waker {
                    Some(waker) => waker.clone_from(task.waker()),
                    None => *waker = Some(task.waker().clone()),
                }
                Poll::Pending
            }
            state => {
                let State::Ended(with) = std::mem::replace(state, State::Free) else {
                    unreachable!("a flight is polled to its end once")
                };
                waiting.leave(id);
                drop(waiting);
                self.ended = true;
                if let Err(Unanswered::Late) = with {
                    self.say_that_we_gave_up(ResetCode::DeadlineExceeded);
                }
                Poll::Ready(with)
            }
        }
    }
}

impl Flight {
    /// Tells the peer why nobody waits for its answer any more.
    pub(crate) fn give_up(&mut self, code: ResetCode) {
        if !std::mem::replace(&mut self.ended, true) {
            self.lane.lock().leave(self.id);
            self.say_that_we_gave_up(code);
        }
    }

    fn say_that_we_gave_up(&self, code: ResetCode) {
        let given_up = LaneAsk::GiveUp(self.id, code);
        self.lane.outbox.put(|buffer| given_up.append_to(buffer));
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.give_up(ResetCode::Cancelled);
    }
}
