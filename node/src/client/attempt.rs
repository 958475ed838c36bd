//! One attempt at a request: a message out, a message in, a record; on the session's lane, or on a
//! stream of its own.

use std::pin::Pin;
use std::time::Instant;

use bothways_protocol::{
    Encoded, Event, Failure, FrameError, LaneEnd, NodeName, Outgoing, Reply, ResetCode, body_bytes,
};
use bytes::Bytes;
use tokio::time::{Sleep, sleep_until, timeout_at};

use super::RequestError;
use super::ask::Ask;
use super::leg::Leg;
use super::outbound::Outbound;
use crate::exchange::Outcome;
use crate::session::{Landed, Place, RequestStream, Session, Unanswered};
use crate::transport::ReadError;

/// What any answer may have, whatever its method declares: that of a failure, with its sentence and
/// its details.
const FAILURE_MAX_BYTES: usize = 8 * 1024;

/// One attempt.
pub(super) struct Attempt<'a> {
    session: Session,
    ask: &'a Ask,
    leg: Leg<'a>,
    /// For a record of a subscription's events, where one is due.
    due: Option<Pin<Box<Sleep>>>,
}

impl<'a> Attempt<'a> {
    pub(super) fn new(
        outbound: &'a Outbound,
        session: Session,
        ask: &'a Ask,
        began: Instant,
    ) -> Self {
        let leg = Leg::new(outbound, session.peer(), ask, began);
        Self { session, ask, leg, due: None }
    }

    /// Makes the attempt once it has a place among the requests in flight.
    pub(super) async fn run(mut self) -> Result<Encoded, RequestError> {
        match self.place().await {
            Ok(place) => self.with(place).await,
            Err(error) => {
                self.leg.code = Outcome::Failed(error.code());
                Err(error)
            }
        }
    }

    /// Sends the request and waits for its answer, on the lane where there is one for it.
    pub(super) async fn with(mut self, place: Place) -> Result<Encoded, RequestError> {
        let answer = match self.session.lane(&self.ask.request, self.ask.deadline) {
            Some(flight) => {
                self.leg.sent_bytes = flight.sent_bytes as u64;
                self.landed(flight.await)
            }
            None => self.over_stream(place).await,
        };
        self.leg.code = outcome(&answer);
        answer
    }

    /// Begins a subscription: events follow on the stream, which takes no place from then on. The
    /// attempt's record is left with it.
    pub(super) async fn subscribe(&mut self) -> Result<(Encoded, RequestStream), RequestError> {
        let begun = self.begin_subscription().await;
        match &begun {
            Ok(_) => {
                self.leg.code = Outcome::Ok;
                self.leg.begin_events();
            }
            Err(error) => self.leg.code = Outcome::Failed(error.code()),
        }
        begun
    }

    async fn begin_subscription(&mut self) -> Result<(Encoded, RequestStream), RequestError> {
        let place = self.place().await?;
        let mut opened = None;
        let answer = self.within_deadline(&mut opened, place).await?;
        let mut stream = opened.take().ok_or_else(|| self.not_sent())?;
        stream.leave_place();
        Ok((answer, stream))
    }

    /// The next event of a subscription; `None` where the peer has no more to tell on this session.
    pub(super) async fn event(
        &mut self,
        stream: &mut RequestStream,
    ) -> Result<Option<Event>, RequestError> {
        let message = match self.next_message(stream).await {
            Ok(Some(message)) => message,
            Ok(None) => return Ok(None),
            Err(error @ (ReadError::Reset(_) | ReadError::Lost(_))) => {
                return Err(self.lost(error.to_string()));
            }
            Err(error) => return Err(self.refuse(stream, error.to_string())),
        };
        self.leg.received_bytes = stream.reader.received_bytes();
        match Reply::decode(&message) {
            Ok(Reply::Event(event)) => Ok(Some(event)),
            Ok(_) => Err(self.refuse(stream, "a second response".to_owned())),
            Err(error) => Err(self.refuse(stream, error.to_string())),
        }
    }

    /// An event has been handed on.
    pub(super) fn note_event(&mut self) {
        if let Some(at) = self.leg.note_events(1) {
            self.due = Some(Box::pin(sleep_until(at.into())));
        }
    }

    /// The next message of a subscription; meanwhile, a record of what has come, where one is due.
    async fn next_message(
        &mut self,
        stream: &mut RequestStream,
    ) -> Result<Option<Bytes>, ReadError> {
        loop {
            let Some(due) = &mut self.due else { return stream.reader.next().await };
            tokio::select! {
                biased;
                message = stream.reader.next() => return message,
                () = due => {
                    self.due = None;
                    self.leg.received_bytes = stream.reader.received_bytes();
                    self.leg.record_events();
                }
            }
        }
    }

    /// A place among the requests in flight.
    async fn place(&self) -> Result<Place, RequestError> {
        let bytes = self.ask.request.params.bytes().len();
        // Known without sending anything in most cases, so that the peer hears nothing of it.
        if bytes > self.max() {
            return Err(self.too_large(bytes));
        }
        let place = self.session.place(self.ask.cause());
        let place = timeout_at(self.ask.deadline.into(), place).await;
        place.map_err(|_| self.late())?.map_err(|_| self.not_sent())
    }

    /// What an answer on a lane is.
    fn landed(&mut self, landed: Result<Landed, Unanswered>) -> Result<Encoded, RequestError> {
        let Landed { end, bytes } = match landed {
            Ok(landed) => landed,
            Err(Unanswered::Late) => return Err(self.late()),
            Err(Unanswered::Broken(problem)) => return Err(self.no_answer(problem)),
            Err(Unanswered::Lost(problem)) => return Err(self.lost(problem.to_string())),
        };
        self.leg.received_bytes = bytes as u64;
        let max = self.answer_bytes();
        if bytes > max {
            let error = FrameError::Oversize { bytes: bytes as u64, max };
            return Err(self.no_answer(error.to_string()));
        }
        match end {
            LaneEnd::Result(result) => Ok(result),
            LaneEnd::Error(failure) => Err(self.failed(failure)),
            LaneEnd::Reset(ResetCode::NotProcessed) => Err(self.not_sent()),
            LaneEnd::Reset(code) => Err(self.lost(ReadError::Reset(Some(code)).to_string())),
        }
    }

    /// Has a stream for the request alone.
    async fn over_stream(&mut self, place: Place) -> Result<Encoded, RequestError> {
        self.within_deadline(&mut None, place).await
    }

    /// Sends the request and reads the answer until the deadline, on a stream that it leaves to the
    /// caller.
    async fn within_deadline(
        &mut self,
        opened: &mut Option<RequestStream>,
        place: Place,
    ) -> Result<Encoded, RequestError> {
        let deadline = self.ask.deadline;
        match timeout_at(deadline.into(), self.on_stream(opened, place)).await {
            Ok(answer) => answer,
            Err(_) => {
                if let Some(stream) = opened {
                    stream.give_up(ResetCode::DeadlineExceeded);
                }
                Err(self.late())
            }
        }
    }

    /// Sends the request and reads the answer, on a stream that it leaves to the caller.
    async fn on_stream(
        &mut self,
        opened: &mut Option<RequestStream>,
        place: Place,
    ) -> Result<Encoded, RequestError> {
        let stream = self.session.open(place, self.ask.cause(), self.answer_bytes()).await;
        let stream = opened.insert(stream.map_err(|_| self.not_sent())?);
        let message = self.ask.request.encode();
        let bytes = body_bytes(&message);
        if bytes > self.max() {
            return Err(self.too_large(bytes));
        }
        self.leg.sent_bytes = message.len() as u64;
        if let Err(error) = stream.writer.send(message).await {
            // A peer that stops the stream has answered without reading on.
            if !matches!(error, quinn::WriteError::Stopped(_)) {
                return Err(self.lost(error.to_string()));
            }
        }
        stream.writer.finish();
        let answer = self.answer(stream).await;
        self.leg.received_bytes = stream.reader.received_bytes();
        answer
    }

    async fn answer(&self, stream: &mut RequestStream) -> Result<Encoded, RequestError> {
        let message = match stream.reader.next().await {
            Ok(Some(message)) => message,
            Ok(None) => return Err(self.refuse(stream, "the stream ended without one".to_owned())),
            Err(ReadError::Reset(Some(ResetCode::NotProcessed))) => return Err(self.not_sent()),
            Err(error @ (ReadError::Reset(_) | ReadError::Lost(_))) => {
                return Err(self.lost(error.to_string()));
            }
            Err(ReadError::Crowded) => {
                stream.reader.stop(ResetCode::Cancelled);
                return Err(self.crowded());
            }
            Err(error) => return Err(self.refuse(stream, error.to_string())),
        };
        match Reply::decode(&message) {
            Ok(Reply::Result(result)) => Ok(result),
            Ok(Reply::Error(failure)) => Err(self.failed(failure)),
            Ok(Reply::Event(_)) => {
                Err(self.refuse(stream, "an event before the response".to_owned()))
            }
            Err(error) => Err(self.refuse(stream, error.to_string())),
        }
    }

    /// What came is no answer: nothing more of it is read.
    fn refuse(&self, stream: &mut RequestStream, problem: String) -> RequestError {
        stream.reader.stop(ResetCode::ProtocolError);
        self.no_answer(problem)
    }

    /// The largest message that the peer takes, in bytes.
    fn max(&self) -> usize {
        self.session.facts().limits.message_bytes as usize
    }

    /// The largest answer that is taken, in bytes.
    fn answer_bytes(&self) -> usize {
        self.ask.result_bytes.max(FAILURE_MAX_BYTES)
    }

    fn peer(&self) -> NodeName {
        self.session.peer().clone()
    }

    fn too_large(&self, bytes: usize) -> RequestError {
        RequestError::TooLarge { peer: self.peer(), bytes, max: self.max() }
    }

    fn not_sent(&self) -> RequestError {
        RequestError::NotSent { peer: self.peer() }
    }

    fn late(&self) -> RequestError {
        let (method, within) = (self.ask.request.method.clone(), self.ask.within);
        RequestError::Deadline { peer: self.peer(), method, within }
    }

    fn failed(&self, failure: Failure) -> RequestError {
        RequestError::Failed { peer: self.peer(), method: self.ask.request.method.clone(), failure }
    }

    fn lost(&self, problem: String) -> RequestError {
        RequestError::Lost { peer: self.peer(), method: self.ask.request.method.clone(), problem }
    }

    fn crowded(&self) -> RequestError {
        RequestError::Crowded { peer: self.peer(), method: self.ask.request.method.clone() }
    }

    fn no_answer(&self, problem: String) -> RequestError {
        RequestError::Answer { peer: self.peer(), method: self.ask.request.method.clone(), problem }
    }
}

/// How an attempt ended, for its record.
pub(super) fn outcome(answer: &Result<Encoded, RequestError>) -> Outcome {
    match answer {
        Ok(_) => Outcome::Ok,
        Err(error) => Outcome::Failed(error.code()),
    }
}
