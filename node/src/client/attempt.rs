//! One attempt at a request: a stream, a message out, a message in, a record.

use bothways_protocol::{Encoded, NodeName, Outgoing, Reply, ResetCode, body_bytes};
use tokio::time::timeout_at;

use super::RequestError;
use super::leg::Leg;
use super::outbound::Outbound;
use super::peer::Ask;
use crate::exchange::Outcome;
use crate::session::{Cause, RequestStream, Session};
use crate::transport::ReadError;

/// What any answer may have, whatever its method declares: that of a failure, with its sentence and
/// its details.
const FAILURE_MAX_BYTES: usize = 8 * 1024;

/// One attempt.
pub(super) struct Attempt<'a> {
    session: &'a Session,
    ask: &'a Ask,
    leg: Leg<'a>,
}

impl<'a> Attempt<'a> {
    pub(super) fn new(
        outbound: &'a Outbound,
        session: &'a Session,
        ask: &'a Ask,
        attempt: u32,
    ) -> Self {
        Self { session, ask, leg: Leg::new(outbound, session.peer(), ask, attempt) }
    }

    pub(super) async fn run(mut self) -> Result<Encoded, RequestError> {
        let deadline = self.ask.deadline;
        let mut opened = None;
        let answer = match timeout_at(deadline.into(), self.exchange(&mut opened)).await {
            Ok(answer) => answer,
            Err(_) => {
                if let Some(stream) = &mut opened {
                    stream.give_up(ResetCode::DeadlineExceeded);
                }
                Err(RequestError::Deadline {
                    peer: self.peer(),
                    method: self.ask.method.clone(),
                    within: self.ask.within,
                })
            }
        };
        self.leg.code = outcome(&answer);
        answer
    }

    /// Sends the request and reads the answer, on a stream that it leaves to the caller.
    async fn exchange(
        &mut self,
        opened: &mut Option<RequestStream>,
    ) -> Result<Encoded, RequestError> {
        let max = self.session.facts().limits.message_bytes as usize;
        let too_large = |bytes| RequestError::TooLarge { peer: self.peer(), bytes, max };
        // Known without a stream in most cases, so that the peer hears nothing of it.
        if self.ask.params.bytes().len() > max {
            return Err(too_large(self.ask.params.bytes().len()));
        }
        let not_sent = |_| RequestError::NotSent { peer: self.peer() };
        let cause = self.ask.origin.map_or(Cause::Own, |_| Cause::Handler);
        let answer_bytes = self.ask.result_bytes.max(FAILURE_MAX_BYTES);
        let stream = self.session.open(cause, answer_bytes).await;
        let stream = opened.insert(stream.map_err(not_sent)?);
        let message = self.ask.request(self.leg.trace, self.leg.attempt).encode();
        let bytes = body_bytes(&message);
        if bytes > max {
            return Err(too_large(bytes));
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
            Ok(None) => {
                return Err(self.no_answer(stream, "the stream ended without one".to_owned()));
            }
            Err(ReadError::Reset(Some(ResetCode::NotProcessed))) => {
                return Err(RequestError::NotSent { peer: self.peer() });
            }
            Err(error @ (ReadError::Reset(_) | ReadError::Lost(_))) => {
                return Err(self.lost(error.to_string()));
            }
            Err(error) => return Err(self.no_answer(stream, error.to_string())),
        };
        match Reply::decode(&message) {
            Ok(Reply::Result(result)) => Ok(result),
            Ok(Reply::Error(failure)) => Err(RequestError::Failed {
                peer: self.peer(),
                method: self.ask.method.clone(),
                failure,
            }),
            Ok(Reply::Event(_)) => {
                Err(self.no_answer(stream, "an event before the response".to_owned()))
            }
            Err(error) => Err(self.no_answer(stream, error.to_string())),
        }
    }

    fn peer(&self) -> NodeName {
        self.session.peer().clone()
    }

    fn lost(&self, problem: String) -> RequestError {
        RequestError::Lost { peer: self.peer(), method: self.ask.method.clone(), problem }
    }

    /// What came is no answer: nothing more of it is read.
    fn no_answer(&self, stream: &mut RequestStream, problem: String) -> RequestError {
        stream.reader.stop(ResetCode::ProtocolError);
        RequestError::Answer { peer: self.peer(), method: self.ask.method.clone(), problem }
    }
}

/// How an attempt ended, for its record.
pub(super) fn outcome(answer: &Result<Encoded, RequestError>) -> Outcome {
    match answer {
        Ok(_) => Outcome::Ok,
        Err(error) => Outcome::Failed(error.code()),
    }
}
