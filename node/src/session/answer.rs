//! Answers what a peer asks: one request on a stream of its own, or many on a lane.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use bothways_protocol::{
    Code, Encoded, Failure, FrameError, Opening, Outgoing, Reply, Request, ResetCode,
};
use futures_util::future::BoxFuture;
use tokio::task::{JoinSet, yield_now};

use super::Session;
use super::lane_answer::serve_lane;
use crate::clock::within;
use crate::transport::{MessageReader, MessageWriter, ReadError};

/// Who answers what a session hands on.
pub(crate) trait Dispatch: Send + Sync + 'static {
    /// What a request leaves behind when it is dropped.
    type Entry: Entry;

    /// Whether requests are answered at all.
    fn answers(&self) -> bool;

    /// The largest message that any method takes, in bytes.
    fn message_bytes(&self) -> usize;

    /// Begins a request, and answers it where that needs no wait.
    fn begin(self: &Arc<Self>, asked: Asked) -> Begun<Self::Entry>;
}

/// A request that has begun.
pub(crate) enum Begun<E> {
    /// And has ended.
    Answered(Answered<E>),
    /// And ends with this: who drops it gives the request up.
    AtWork(BoxFuture<'static, Answered<E>>),
}

/// What a request leaves behind when it is dropped: its record.
pub(crate) trait Entry: Send + 'static {
    /// Notes how many bytes its response has.
    fn note_sent(&mut self, bytes: u64);
}

/// One request of a peer.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) session: Session,
    pub(crate) request: Request,
    /// When its first byte was received.
    pub(crate) began: Instant,
    /// When all of it was there: its deadline counts from then.
    pub(crate) read: Instant,
    /// How many bytes its message has, without and with the length in front.
    pub(crate) message_bytes: usize,
    pub(crate) received_bytes: u64,
    /// Its place among those in flight: whoever still works on it may keep it.
    pub(crate) place: AnsweringPlace,
}

/// An answer, and what it leaves behind.
pub(crate) struct Answered<E> {
    pub(crate) answer: Result<Encoded, Failure>,
    pub(crate) entry: E,
}

/// A place among the requests that are being answered, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct AnsweringPlace(Session);

impl Drop for AnsweringPlace {
    fn drop(&mut self) {
        self.0.inner.answering.fetch_sub(1, Ordering::Relaxed);
        // It may have been the last one.
        if self.0.is_draining() {
            self.0.inner.due.notify_one();
        }
    }
}

impl Session {
    /// A place for one request more, if there is one.
    pub(super) fn answering_place(&self) -> Option<AnsweringPlace> {
        let max = self.inner.answering_max;
        let one_more = |taken: usize| (taken < max).then_some(taken + 1);
        let answering = &self.inner.answering;
        answering.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok()?;
        self.inner.requests_in.fetch_add(1, Ordering::Relaxed);
        Some(AnsweringPlace(self.clone()))
    }

    /// A place for one request more, if there is one soon.
    pub(super) async fn place_to_answer(&self) -> Option<AnsweringPlace> {
        if let Some(place) = self.answering_place() {
            return Some(place);
        }
        // A peer may give up one request and begin the next in the same datagram: what was given
        // up has been woken, and gives its place back before this is polled again.
        yield_now().await;
        self.answering_place()
    }

    /// How many requests of the peer are being answered.
    pub(super) fn answering(&self) -> usize {
        self.inner.answering.load(Ordering::Relaxed)
    }

    /// Says in the log that a request could not be read.
    pub(super) fn complain(&self, failure: &Failure) {
        if let Some(line) = self.inner.complaints.may_speak(Instant::now()) {
            let (peer, problem, left_out) = (self.peer(), &failure.message, line.left_out);
            tracing::warn!(peer = %peer, problem = %problem, left_out, "request not readable");
        }
    }
}

/// Polls a task once, here and now, and hands on to `tasks` only what is not done then: most
/// requests are answered without a task of their own.
pub(super) fn begin(tasks: &mut JoinSet<()>, task: impl Future<Output = ()> + Send + 'static) {
    let mut task = Box::pin(task);
    if task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
        tasks.spawn(task);
    }
}

/// Answers what comes on one stream.
pub(super) struct StreamAnswer<D> {
    pub(super) dispatch: Arc<D>,
    pub(super) session: Session,
    pub(super) writer: MessageWriter,
    pub(super) reader: MessageReader,
    /// The time that a message may take, to come and to go.
    pub(super) message_send: Duration,
}

impl<D: Dispatch> StreamAnswer<D> {
    /// Reads the request, answers it, ends the stream.
    pub(super) async fn run(mut self) {
        let began = Instant::now();
        let Some(place) = self.session.place_to_answer().await else {
            return self.refuse(too_many()).await;
        };
        let message = match self.reader.next_within(self.message_send).await {
            Ok(Some(message)) => message,
            Ok(None) => return self.unreadable(Failure::from(&FrameError::Truncated)).await,
            Err(error) => match unread(&error) {
                Some(failure) => return self.unreadable(failure).await,
                None => return,
            },
        };
        match Opening::decode(&message) {
            Ok(Opening::Request(request)) => {
                let asked = Asked {
                    session: self.session.clone(),
                    request,
                    began,
                    read: Instant::now(),
                    message_bytes: message.len(),
                    received_bytes: self.reader.received_bytes(),
                    place,
                };
                self.answer(asked).await;
            }
            Ok(Opening::Lane) => {
                drop(place);
                Box::pin(serve_lane(self)).await;
            }
            Err(error) => self.unreadable(Failure::from(&error)).await,
        }
    }

    async fn answer(mut self, asked: Asked) {
        let answered = match self.dispatch.begin(asked) {
            Begun::Answered(answered) => answered,
            Begun::AtWork(work) => tokio::select! {
                biased;
                answered = work => answered,
                () = self.writer.stopped() => {
                    self.reader.stop(ResetCode::Answered);
                    return self.writer.reset(ResetCode::Cancelled);
                }
            },
        };
        let Answered { answer, mut entry } = answered;
        self.reader.stop(ResetCode::Answered);
        self.reply(answer.map_or_else(Reply::Error, Reply::Result)).await;
        entry.note_sent(self.writer.sent_bytes());
    }

    async fn unreadable(mut self, failure: Failure) {
        self.session.complain(&failure);
        self.reader.stop(ResetCode::Answered);
        self.reply(Reply::Error(failure)).await;
    }

    /// Answers a request that is not even read.
    pub(super) async fn refuse(mut self, failure: Failure) {
        self.reader.stop(ResetCode::Answered);
        self.reply(Reply::Error(failure)).await;
    }

    /// Writes the response. A caller that does not read it in time does not get it.
    async fn reply(&mut self, reply: Reply) {
        let sending = self.writer.send(reply.encode());
        match within(self.message_send, sending).await {
            Ok(Ok(())) => self.writer.finish(),
            // The caller stopped the stream, or is gone.
            Ok(Err(_)) => {}
            Err(_) => self.writer.reset(ResetCode::DeadlineExceeded),
        }
    }
}

pub(super) fn too_many() -> Failure {
    Failure::new(Code::ResourceExhausted, "too many requests in flight").reason("in_flight")
}

pub(super) fn going_away() -> Failure {
    Failure::new(Code::Unavailable, "the node is going away").reason("going_away")
}

/// What a request that could not be read is answered with; `None` where nobody waits for it.
pub(super) fn unread(error: &ReadError) -> Option<Failure> {
    Some(match error {
        ReadError::Reset(_) | ReadError::Lost(_) => return None,
        ReadError::Crowded => {
            Failure::new(Code::ResourceExhausted, error.to_string()).reason("assembling")
        }
        ReadError::Slow { .. } => {
            Failure::new(Code::DeadlineExceeded, error.to_string()).reason("slow_message")
        }
        ReadError::Frame(error) => Failure::from(error),
    })
}
