//! The answering end of a lane: requests as they come, answers as they are ready.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bothways_protocol::{
    CloseCode, Failure, LaneAnswer, LaneAsk, LaneEnd, LaneId, Request, ResetCode,
};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::task::{JoinSet, yield_now};
use tokio_util::sync::CancellationToken;

use super::answer::{
    Answered, Answering, Asked, Begun, Dispatch, Entry, StreamAnswer, Way, going_away, too_many,
};
use super::turn::Turn;
use super::{AnsweringPlace, Session};
use crate::transport::{Came, MessageReader, Outbox, ReadError};

/// Answers on a stream that turned out to be a lane, until it ends.
pub(super) async fn serve_lane<D: Dispatch>(stream: StreamAnswer<D>) {
    let StreamAnswer { on, mut writer, mut reader, open: _open } = stream;
    if !on.session.facts().lanes {
        return on.session.close(CloseCode::ProtocolError, "a lane that was not agreed on");
    }
    let Some(_served) = Served::one_of(&on.session) else {
        return on.session.close(CloseCode::ProtocolError, "a second lane at a time");
    };
    let end = Arc::new(End { outbox: Outbox::default(), given_up: Mutex::default() });
    let mut lane = LaneServing { on, end: end.clone(), tasks: JoinSet::new() };
    let ended = tokio::select! {
        biased;
        ended = lane.hear_all(&mut reader) => ended,
        _ = end.outbox.send_all(&mut writer) => return,
    };
    match ended {
        Ok(()) => {
            // Who asks nothing more still gets its answers.
            let finishing = async { while lane.tasks.join_next().await.is_some() {} };
            tokio::select! {
                biased;
                () = finishing => {}
                _ = end.outbox.send_all(&mut writer) => return,
            }
            if end.outbox.send_rest(&mut writer).await.is_ok() {
                writer.finish();
            }
        }
        Err(Some(problem)) => {
            tracing::warn!(peer = %lane.on.session.peer(), problem, "peer breaks the protocol");
            lane.on.session.close(CloseCode::ProtocolError, &problem);
        }
        Err(None) => writer.reset(ResetCode::Cancelled),
    }
}

/// One lane that is served; a peer has one at a time.
struct Served(Session);

impl Served {
    fn one_of(session: &Session) -> Option<Self> {
        let served = &session.inner.lanes_served;
        served.compare_exchange(0, 1, Ordering::Relaxed, Ordering::Relaxed).ok()?;
        Some(Self(session.clone()))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.0.inner.lanes_served.store(0, Ordering::Relaxed);
    }
}

/// What those who answer on a lane share.
#[derive(Debug)]
struct End {
    outbox: Outbox,
    /// How requests that are at work learn that nobody waits any more.
    given_up: Mutex<HashMap<LaneId, CancellationToken>>,
}

struct LaneServing<D> {
    on: Arc<Answering<D>>,
    end: Arc<End>,
    /// The requests that could not be answered at once.
    tasks: JoinSet<()>,
}

impl<D: Dispatch> LaneServing<D> {
    /// Takes requests in until the stream ends; an error says how the peer broke the protocol, if it
    /// did.
    async fn hear_all(&mut self, reader: &mut MessageReader) -> Result<(), Option<String>> {
        let (mut turn, mut amid_since) = (Turn::new(), None);
        loop {
            let mut began = Instant::now();
            while let Some(message) = reader.buffered().map_err(|error| Some(error.to_string()))? {
                self.hear(&message, began)?;
                // What is left behind it, if something is, has begun only now.
                amid_since = None;
                if turn.is_over() {
                    yield_now().await;
                    began = Instant::now();
                }
            }
            while self.tasks.try_join_next().is_some() {}
            self.end.outbox.room().await;
            let came = tokio::select! {
                biased;
                came = more(reader, &mut amid_since, self.on.message_send) => came,
                Some(_) = self.tasks.join_next() => continue,
            };
            match came {
                Ok(Came::Bytes) => {}
                Ok(Came::End) => return Ok(()),
                Err(ReadError::Lost(_) | ReadError::Reset(_)) => return Err(None),
                Err(error @ ReadError::Crowded) => {
                    // Not this peer's fault alone: it may ask on streams.
                    tracing::warn!(peer = %self.on.session.peer(), problem = %error, "lane ends");
                    return Err(None);
                }
                Err(error) => return Err(Some(error.to_string())),
            }
        }
    }

    fn hear(&mut self, message: &Bytes, began: Instant) -> Result<(), Option<String>> {
        match LaneAsk::decode(message) {
            Ok(Some(LaneAsk::Request(id, request))) => {
                self.take_in(id, Message { request, began, bytes: message.len() });
            }
            Ok(Some(LaneAsk::GiveUp(id, _))) => self.end.give_up(id),
            Ok(None) => {}
            Err(error) => {
                let failure = Failure::from(&error.error);
                self.on.session.complain(&failure);
                let id = error.id.ok_or_else(|| Some(error.to_string()))?;
                self.end.refuse(id, failure);
            }
        }
        Ok(())
    }

    fn take_in(&mut self, id: LaneId, message: Message) {
        if self.on.session.inner.away.load(Ordering::Relaxed) {
            return self.end.refuse(id, going_away());
        }
        match self.on.session.answering_place() {
            Some(place) => self.begin(id, message, place),
            None => {
                let listed = self.end.list(id);
                self.tasks.spawn(listed.begin_soon(message, self.on.clone()));
            }
        }
    }

    fn begin(&mut self, id: LaneId, message: Message, place: AnsweringPlace) {
        let asked = message.asked(place);
        match self.on.dispatch.begin(asked) {
            Begun::Answered(answered) => self.end.answer(id, answered),
            Begun::AtWork(work) => _ = self.tasks.spawn(self.end.list(id).wait_for(work)),
        }
    }
}

/// A request as it came, and how.
struct Message {
    request: Request,
    began: Instant,
    bytes: usize,
}

impl Message {
    fn asked(self, place: AnsweringPlace) -> Asked {
        let Self { request, began, bytes } = self;
        let (message_bytes, received_bytes) = (bytes, bytes as u64);
        let way = Way::Lane;
        Asked { request, way, began, read: began, message_bytes, received_bytes, place }
    }
}

/// Waits for more of a lane: as long as it takes for the next message to begin, and no longer than
/// allowed for one to end that has begun.
async fn more(
    reader: &mut MessageReader,
    amid_since: &mut Option<Instant>,
    message_send: Duration,
) -> Result<Came, ReadError> {
    if !reader.is_amid() {
        *amid_since = None;
        return reader.more().await;
    }
    let since = *amid_since.get_or_insert_with(Instant::now);
    reader.more_within(message_send.saturating_sub(since.elapsed())).await
}

impl End {
    /// Lists a request that is not answered at once, so that it can be given up from now on.
    fn list(self: &Arc<Self>, id: LaneId) -> Listed {
        let given_up = CancellationToken::new();
        self.lock().insert(id, given_up.clone());
        Listed { end: self.clone(), id, given_up }
    }

    fn answer<E: Entry>(&self, id: LaneId, answered: Answered<E>) {
        let Answered { answer, mut entry, .. } = answered;
        let end = answer.map_or_else(LaneEnd::Error, LaneEnd::Result);
        entry.note_sent(self.put(id, end) as u64);
    }

    fn refuse(&self, id: LaneId, failure: Failure) {
        self.tell(id, LaneEnd::Error(failure));
    }

    fn tell(&self, id: LaneId, end: LaneEnd) {
        self.put(id, end);
    }

    fn put(&self, id: LaneId, end: LaneEnd) -> usize {
        let answer = LaneAnswer { id, end };
        self.outbox.put(|buffer| answer.append_to(buffer))
    }

    fn give_up(&self, id: LaneId) {
        if let Some(given_up) = self.lock().get(&id) {
            given_up.cancel();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<LaneId, CancellationToken>> {
        self.given_up.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that can be given up, until it is answered.
struct Listed {
    end: Arc<End>,
    id: LaneId,
    given_up: CancellationToken,
}

impl Listed {
    /// Begins a request that found no place among those in flight.
    async fn begin_soon<D: Dispatch>(self, message: Message, on: Arc<Answering<D>>) {
        let Some(place) = on.session.place_to_answer().await else {
            return self.end.refuse(self.id, too_many());
        };
        match on.dispatch.begin(message.asked(place)) {
            Begun::Answered(answered) => self.end.answer(self.id, answered),
            Begun::AtWork(work) => self.wait_for(work).await,
        }
    }

    /// Waits for an answer, or until the peer gives the request up.
    async fn wait_for<E: Entry>(self, work: BoxFuture<'static, Answered<E>>) {
        tokio::select! {
            biased;
            answered = work => self.end.answer(self.id, answered),
            () = self.given_up.cancelled() => {
                self.end.tell(self.id, LaneEnd::Reset(ResetCode::Cancelled));
            }
        }
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.end.lock().remove(&self.id);
    }
}
