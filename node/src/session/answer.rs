//! Answers what a peer asks: one request on a stream of its own, or many on a lane.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bothways_protocol::{
    Code, Encoded, Failure, FrameError, Opening, Outgoing, Reply, Request, ResetCode,
};
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::task::{JoinSet, yield_now};
use tokio::time::timeout;

use super::lane_answer::serve_lane;
use super::tell::tell_all;
use super::{OpenStream, Session};
use crate::transport::{MessageReader, MessageWriter, ReadError, Sent};

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
    /// Notes how many bytes its response has, or all that a subscription has sent until now.
    fn note_sent(&mut self, bytes: u64);

    /// It is a subscription, and its response is sent: events follow.
    fn begin_events(&mut self);

    /// So many events were sent. Says when [`record_events`](Self::record_events) is due, where it
    /// was not before.
    fn note_events(&mut self, count: u64) -> Option<Instant>;

    /// Leaves a record of what was sent until now.
    fn record_events(&mut self);
}

/// One request of a peer.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) request: Request,
    pub(crate) way: Way,
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

/// How a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// On a stream of its own.
    Stream,
    /// With many others on one.
    Lane,
    /// From the node itself.
    Ourselves,
    /// From the node itself, which takes the events that follow.
    OwnStream,
}

/// What follows the response of a subscription.
pub(crate) trait Events: Send {
    /// Waits for the next events.
    fn next(&mut self) -> BoxFuture<'_, More>;
}

/// What comes next of a subscription.
#[derive(Debug)]
pub(crate) enum More {
    /// Some events, each with its length in front, and how many; those without a topic, which tell
    /// a cursor alone, do not count.
    Events(Bytes, u64),
    /// No more: the node stops.
    End,
    /// No more: they cannot be read. Whoever subscribes again is told why.
    Failed,
}

/// An answer, and what it leaves behind.
pub(crate) struct Answered<E> {
    pub(crate) answer: Result<Encoded, Failure>,
    pub(crate) entry: E,
    /// What follows the result of a subscription, on a stream of its own.
    pub(crate) events: Option<Box<dyn Events>>,
}

/// A place among the requests that are being answered, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct AnsweringPlace(Session);

impl AnsweringPlace {
    /// The session that the request came on.
    pub(crate) fn session(&self) -> &Session {
        &self.0
    }
}

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

/// What all who answer on one session share.
pub(super) struct Answering<D> {
    pub(super) dispatch: Arc<D>,
    pub(super) session: Session,
    /// The time that a message may take, to come and to go.
    pub(super) message_send: Duration,
}

/// Answers what comes on one stream.
pub(super) struct StreamAnswer<D> {
    pub(super) on: Arc<Answering<D>>,
    pub(super) writer: MessageWriter,
    pub(super) reader: MessageReader,
    pub(super) open: OpenStream,
}

/// What is to be done next for a stream.
enum Next<E> {
    /// Nothing: nobody waits for an answer.
    End,
    /// Its request is at work.
    Wait(BoxFuture<'static, Answered<E>>),
    /// Its response is to be sent.
    Reply(Bytes, Option<E>),
    /// It is a lane.
    Serve,
}

impl<D: Dispatch> StreamAnswer<D> {
    /// Answers the request here and now where it is there whole and needs no wait, as most do; has
    /// a task of its own do what is left.
    pub(super) fn begin(mut self, tasks: &mut JoinSet<()>) {
        let began = Instant::now();
        let Some(place) = self.on.session.answering_place() else {
            tasks.spawn(self.run());
            return;
        };
        let next = match self.reader.next().now_or_never() {
            Some(received) => self.take_in(received, (began, began), place),
            None => {
                tasks.spawn(self.receive(place));
                return;
            }
        };
        match next {
            Next::End => {}
            Next::Reply(mut message, entry) => match self.writer.send_now(&mut message) {
                Ok(Sent::Whole) => self.end(entry),
                Ok(Sent::Part) => _ = tasks.spawn(self.go_on(Next::Reply(message, entry))),
                // The caller stopped the stream, or is gone.
                Err(_) => self.leave(entry),
            },
            next => _ = tasks.spawn(self.go_on(next)),
        }
    }

    /// Answers the request once there is a place for it, if there is one soon.
    async fn run(self) {
        match self.on.session.place_to_answer().await {
            Some(place) => self.receive(place).await,
            None => self.refuse(too_many()).await,
        }
    }

    /// Answers the request once it is there.
    async fn receive(mut self, place: AnsweringPlace) {
        let began = Instant::now();
        let received = self.reader.next_within(self.on.message_send).await;
        let next = self.take_in(received, (began, Instant::now()), place);
        self.go_on(next).await;
    }

    async fn go_on(mut self, next: Next<D::Entry>) {
        match next {
            Next::End => {}
            Next::Serve => Box::pin(serve_lane(self)).await,
            Next::Reply(message, entry) => self.reply(message, entry).await,
            Next::Wait(work) => tokio::select! {
                biased;
                mut answered = work => {
                    let events = answered.events.take();
                    let (message, entry) = self.answer(answered);
                    match events {
                        Some(events) => Box::pin(tell_all(self, message, events, entry)).await,
                        None => self.reply(message, Some(entry)).await,
                    }
                }
                () = self.writer.stopped() => {
                    self.reader.stop(ResetCode::Answered);
                    self.writer.reset(ResetCode::Cancelled);
                }
            },
        }
    }

    /// Begins the request that came; the times are when it began to be read, and when it was.
    fn take_in(
        &mut self,
        received: Result<Option<Bytes>, ReadError>,
        (began, read): (Instant, Instant),
        place: AnsweringPlace,
    ) -> Next<D::Entry> {
        let message = match received {
            Ok(Some(message)) => message,
            Ok(None) => return self.unreadable(&Failure::from(&FrameError::Truncated)),
            Err(error) => match unread(&error) {
                Some(failure) => return self.unreadable(&failure),
                None => return Next::End,
            },
        };
        let request = match Opening::decode(&message) {
            Ok(Opening::Request(request)) => request,
            Ok(Opening::Lane) => return Next::Serve,
            Err(error) => return self.unreadable(&Failure::from(&error)),
        };
        let (message_bytes, received_bytes) = (message.len(), self.reader.received_bytes());
        let way = Way::Stream;
        let asked = Asked { request, way, began, read, message_bytes, received_bytes, place };
        match self.on.dispatch.begin(asked) {
            Begun::AtWork(work) => Next::Wait(work),
            Begun::Answered(answered) => {
                let (message, entry) = self.answer(answered);
                Next::Reply(message, Some(entry))
            }
        }
    }

    fn answer(&mut self, answered: Answered<D::Entry>) -> (Bytes, D::Entry) {
        let Answered { answer, entry, .. } = answered;
        self.reader.stop(ResetCode::Answered);
        (answer.map_or_else(Reply::Error, Reply::Result).encode(), entry)
    }

    fn unreadable(&mut self, failure: &Failure) -> Next<D::Entry> {
        self.on.session.complain(failure);
        self.reader.stop(ResetCode::Answered);
        Next::Reply(Reply::Error(failure.clone()).encode(), None)
    }

    /// Answers a request that is not even read.
    pub(super) async fn refuse(mut self, failure: Failure) {
        self.reader.stop(ResetCode::Answered);
        self.reply(Reply::Error(failure).encode(), None).await;
    }

    /// Writes the response. A caller that does not read it in time does not get it.
    async fn reply(mut self, message: Bytes, entry: Option<D::Entry>) {
        match timeout(self.on.message_send, self.writer.send(message)).await {
            Ok(Ok(())) => return self.end(entry),
            // The caller stopped the stream, or is gone.
            Ok(Err(_)) => {}
            Err(_) => self.writer.reset(ResetCode::DeadlineExceeded),
        }
        self.leave(entry);
    }

    /// The response is written.
    fn end(mut self, entry: Option<D::Entry>) {
        self.writer.finish();
        self.leave(entry);
    }

    fn leave(self, entry: Option<D::Entry>) {
        if let Some(mut entry) = entry {
            entry.note_sent(self.writer.sent_bytes());
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
