//! A request stream from its first byte to its last: read, answer by the rules, write, record.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use bothways_protocol::{
    Code, Encoded, Failure, FrameError, NodeName, Outgoing, Reply, Request, ResetCode,
};
use futures_util::FutureExt;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::rules::{Caller, Inbound};
use crate::exchange::{Direction, MethodText, Outcome, Record, emit, is_wanted};
use crate::session::{Arrival, Dispatch, Session};
use crate::transport::{MessageReader, ReadError};

impl Dispatch for Inbound {
    fn answers(&self) -> bool {
        self.outbound.role.answers()
    }

    fn message_bytes(&self) -> usize {
        self.largest_message()
    }

    async fn answer(self: Arc<Self>, mut arrival: Arrival) {
        let began = Instant::now();
        let (request, bytes) = match self.receive(&mut arrival.reader).await {
            Ok(received) => received,
            Err(Unread::Gone) => return,
            Err(Unread::Answer(failure)) => {
                complain(&arrival.session, &failure);
                arrival.reader.stop(ResetCode::Answered);
                return self.reply(&mut arrival, Reply::Error(failure)).await;
            }
        };
        let caller = Caller {
            peer: arrival.session.peer().clone(),
            role: arrival.session.facts().role,
            session: Some(arrival.session.clone()),
        };
        let cancelled = CancellationToken::new();
        let deciding = self.decide(caller, &request, bytes, &mut arrival.place, &cancelled);
        // Asked for only where the handler does not answer at once.
        let stopped = async { arrival.writer.stopped().await };
        let answer = watched(deciding, stopped, &cancelled).await;
        let code = outcome(&answer);
        let reply = answer.map_or_else(Reply::Error, Reply::Result);
        arrival.reader.stop(ResetCode::Answered);
        if code == Outcome::Failed(Code::Cancelled) {
            arrival.writer.reset(ResetCode::Cancelled);
        } else {
            self.reply(&mut arrival, reply).await;
        }
        let bytes = (arrival.writer.sent_bytes(), arrival.reader.received_bytes());
        self.record(arrival.session.peer(), began, &request, code, bytes);
    }
}

impl Inbound {
    /// Reads the one message of a request stream, in time and whole.
    async fn receive(&self, reader: &mut MessageReader) -> Result<(Request, usize), Unread> {
        let limit = self.outbound.limits.message_send;
        let message = match reader.next_within(limit).await {
            Ok(Some(message)) => message,
            Ok(None) => return Err(Unread::Answer(Failure::from(&FrameError::Truncated))),
            Err(error) => return Err(unread(error)),
        };
        let request =
            Request::decode(&message).map_err(|error| Unread::Answer(Failure::from(&error)))?;
        Ok((request, message.len()))
    }

    /// Writes the response. A caller that does not read it in time does not get it.
    async fn reply(&self, arrival: &mut Arrival, reply: Reply) {
        let sending = arrival.writer.send(reply.encode());
        match timeout(self.outbound.limits.message_send, sending).await {
            Ok(Ok(())) => arrival.writer.finish(),
            // The caller stopped the stream, or is gone.
            Ok(Err(_)) => {}
            Err(_) => arrival.writer.reset(ResetCode::DeadlineExceeded),
        }
    }

    pub(super) fn record(
        &self,
        peer: &NodeName,
        began: Instant,
        request: &Request,
        code: Outcome,
        (sent_bytes, received_bytes): (u64, u64),
    ) {
        if !is_wanted() {
            return;
        }
        let duration = began.elapsed();
        emit(&Record {
            node: self.outbound.name.clone(),
            dir: Direction::In,
            peer: peer.clone(),
            method: MethodText::from(request.method.clone()),
            code,
            started_us: crate::clock::unix_us().saturating_sub_unsigned(micros(duration)),
            duration_us: micros(duration),
            deadline_ms: request.deadline.as_millis().try_into().unwrap_or(u64::MAX),
            sent_bytes,
            received_bytes,
            trace_id: request.trace.trace_id(),
            span_id: request.trace.span_id(),
            parent_id: None,
            key: request.key,
            attempt: request.attempt,
        });
    }
}

/// How a request ended, for its record.
pub(super) fn outcome(answer: &Result<Encoded, Failure>) -> Outcome {
    match answer {
        Ok(_) => Outcome::Ok,
        Err(failure) => Outcome::Failed(failure.code),
    }
}

/// Answers, and cancels once the caller has stopped the stream or is gone.
async fn watched<T>(
    deciding: impl Future<Output = T>,
    stopped: impl Future<Output = ()>,
    cancelled: &CancellationToken,
) -> T {
    let (mut deciding, mut stopped) = (std::pin::pin!(deciding), std::pin::pin!(stopped.fuse()));
    poll_fn(|task| {
        if let Poll::Ready(answer) = deciding.as_mut().poll(task) {
            return Poll::Ready(answer);
        }
        if stopped.as_mut().poll(task).is_ready() {
            cancelled.cancel();
            return deciding.as_mut().poll(task);
        }
        Poll::Pending
    })
    .await
}

/// Says in the log that a request could not be read.
fn complain(session: &Session, failure: &Failure) {
    if let Some(line) = session.complaints().may_speak(Instant::now()) {
        let (peer, problem, left_out) = (session.peer(), &failure.message, line.left_out);
        tracing::warn!(peer = %peer, problem = %problem, left_out, "request not readable");
    }
}

/// A request that could not be read.
enum Unread {
    /// Nobody waits for an answer.
    Gone,
    /// The answer.
    Answer(Failure),
}

fn unread(error: ReadError) -> Unread {
    match error {
        ReadError::Reset(_) | ReadError::Lost(_) => Unread::Gone,
        ReadError::Crowded => Unread::Answer(
            Failure::new(Code::ResourceExhausted, error.to_string()).reason("assembling"),
        ),
        ReadError::Slow { .. } => Unread::Answer(
            Failure::new(Code::DeadlineExceeded, error.to_string()).reason("slow_message"),
        ),
        ReadError::Frame(error) => Unread::Answer(Failure::from(&error)),
    }
}

fn micros(duration: Duration) -> u64 {
    duration.as_micros().try_into().unwrap_or(u64::MAX)
}
