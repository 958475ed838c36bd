//! What is said on a lane: requests and responses by number, many on one stream.
//!
//! A lane carries the same fields as a stream of its own does, in arrays in place of maps, since a
//! key would cost more than what stands behind it. The first item says what kind of message it is.

use bytes::Bytes;

use super::MessageError;
use super::fields::{each, parsed, uint, wrong};
use super::request::{Options, Request, options, put_options, trace_of};
use super::response::{failure, put_failure};
use crate::cbor::{Reader, Writer, append_message};
use crate::{Encoded, Failure, ResetCode};

/// A request from the asking node, a result from the answering node.
const WHOLE: u64 = 0;
/// A failure from the answering node.
const FAILED: u64 = 1;
/// The asking node gives up, the answering node gives no answer.
const RESET: u64 = 2;

/// How deep a lane's message counts as nested before it begins: params and result may be as deep as
/// on a stream of their own, where one map more stands around them.
const DEPTH: usize = 1;

/// Which request a message on a lane belongs to: a number that the asking node has not used on this
/// lane before.
pub type LaneId = u64;

/// What the asking node says on a lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LaneAsk {
    /// A request, as it would be on a stream of its own.
    Request(LaneId, Request),
    /// Nobody waits for the answer any more, for this reason.
    GiveUp(LaneId, ResetCode),
}

/// What the answering node says on a lane.
#[derive(Debug, Clone, PartialEq)]
pub struct LaneAnswer {
    /// Which request it answers.
    pub id: LaneId,
    /// How that ended.
    pub end: LaneEnd,
}

/// How a request on a lane ended.
#[derive(Debug, Clone, PartialEq)]
pub enum LaneEnd {
    /// It succeeded.
    Result(Encoded),
    /// It failed.
    Error(Failure),
    /// There will be no answer, for this reason: what a reset says on a stream.
    Reset(ResetCode),
}

/// A message on a lane that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct LaneError {
    /// Which request it belongs to, where that much could be read: then the lane is still of use.
    pub id: Option<LaneId>,
    /// What is wrong with it.
    pub error: MessageError,
}

impl Request {
    /// Appends the request, by this number, to others in a lane's buffer, its length in front.
    pub fn append_to_lane(&self, id: LaneId, buffer: &mut Vec<u8>) {
        append_message(buffer, |writer| put_request(writer, id, self));
    }
}

impl LaneAsk {
    /// Appends the message to others in a buffer, its length in front.
    pub fn append_to(&self, buffer: &mut Vec<u8>) {
        match self {
            Self::Request(id, request) => request.append_to_lane(*id, buffer),
            Self::GiveUp(id, code) => append_message(buffer, |to| put_reset(to, *id, *code)),
        }
    }

    /// Decodes a message; params stay as they came. `None` for a kind that this version does not
    /// know, which is passed over.
    ///
    /// # Errors
    /// What is no message of the grammar.
    pub fn decode(message: &Bytes) -> Result<Option<Self>, LaneError> {
        let Some((head, mut reader)) = open(message)? else { return Ok(None) };
        let asked = match head.kind {
            WHOLE => request(message, head, &mut reader).map(|asked| Self::Request(head.id, asked)),
            RESET => reset(head, &mut reader).map(|code| Self::GiveUp(head.id, code)),
            _ => Err(wrong("kind", "only an answer says that a request failed".to_owned())),
        };
        head.whole(asked, reader).map(Some)
    }
}

impl LaneAnswer {
    /// Appends the message to others in a buffer, its length in front.
    pub fn append_to(&self, buffer: &mut Vec<u8>) {
        append_message(buffer, |writer| match &self.end {
            LaneEnd::Result(result) => {
                writer.array(3).uint(WHOLE).uint(self.id).raw(result.bytes());
            }
            LaneEnd::Error(failure) => {
                put_failure(writer.array(3).uint(FAILED).uint(self.id), failure);
            }
            LaneEnd::Reset(code) => put_reset(writer, self.id, *code),
        });
    }

    /// Decodes a message; the result stays as it came. `None` for a kind that this version does not
    /// know, which is passed over.
    ///
    /// # Errors
    /// What is no message of the grammar.
    pub fn decode(message: &Bytes) -> Result<Option<Self>, LaneError> {
        let Some((head, mut reader)) = open(message)? else { return Ok(None) };
        let end = match head.kind {
            WHOLE => result(message, head, &mut reader).map(LaneEnd::Result),
            FAILED => failed(message, head, &mut reader).map(LaneEnd::Error),
            _ => reset(head, &mut reader).map(LaneEnd::Reset),
        };
        let end = head.whole(end, reader)?;
        Ok(Some(Self { id: head.id, end }))
    }
}

/// How each message on a lane begins.
#[derive(Debug, Clone, Copy)]
struct Head {
    items: usize,
    kind: u64,
    id: LaneId,
}

impl Head {
    fn needs(self, items: usize) -> Result<(), MessageError> {
        if self.items == items {
            return Ok(());
        }
        let problem = format!("an array of {} items, {items} are needed", self.items);
        Err(wrong("message", problem))
    }

    /// What was read, if nothing stands behind it.
    fn whole<T>(self, read: Result<T, MessageError>, reader: Reader<'_>) -> Result<T, LaneError> {
        let read = read.and_then(|read| reader.finish().map(|()| read).map_err(Into::into));
        read.map_err(|error| LaneError { id: Some(self.id), error })
    }
}

/// The head of a message; `None` for a kind that this version does not know, which is held to the
/// bounds as any other.
fn open(message: &[u8]) -> Result<Option<(Head, Reader<'_>)>, LaneError> {
    let no_number = |error: MessageError| LaneError { id: None, error };
    let mut reader = Reader::inside(DEPTH, message);
    let items = reader.array().map_err(|error| no_number(error.into()))?;
    let kind = uint("kind", &mut reader).map_err(no_number)?;
    if kind > RESET {
        let mut whole = Reader::inside(DEPTH, message);
        let walked = whole.item().map(drop).and_then(|()| whole.finish());
        return walked.map(|()| None).map_err(|error| no_number(error.into()));
    }
    let id = uint("id", &mut reader).map_err(no_number)?;
    Ok(Some((Head { items, kind, id }, reader)))
}

fn put_request(writer: &mut Writer<'_>, id: LaneId, request: &Request) {
    let options = options(request);
    writer.array(6 + usize::from(options > 0)).uint(WHOLE).uint(id);
    writer.text(request.method.as_str()).millis(request.deadline);
    writer.byte_string(&request.trace.to_bytes()).raw(request.params.bytes());
    if options > 0 {
        put_options(writer.map(options), request);
    }
}

fn put_reset(writer: &mut Writer<'_>, id: LaneId, code: ResetCode) {
    writer.array(3).uint(RESET).uint(id).uint(code.number().into());
}

fn request(message: &Bytes, head: Head, reader: &mut Reader<'_>) -> Result<Request, MessageError> {
    if head.items != 7 {
        head.needs(6)?;
    }
    let method = parsed("method", reader)?;
    let deadline_ms = uint("deadline_ms", reader)?;
    let trace = trace_of(reader)?;
    let params = Encoded::walked(message.slice_ref(reader.item()?));
    let mut options = Options::default();
    if head.items == 7 {
        each("options", reader, |name, reader| options.read(name, reader))?;
    }
    Ok(options.request(method, params, deadline_ms, trace))
}

fn result(message: &Bytes, head: Head, reader: &mut Reader<'_>) -> Result<Encoded, MessageError> {
    head.needs(3)?;
    Ok(Encoded::walked(message.slice_ref(reader.item()?)))
}

fn failed(message: &Bytes, head: Head, reader: &mut Reader<'_>) -> Result<Failure, MessageError> {
    head.needs(3)?;
    failure(message, reader)
}

/// A number that this version does not know says that nobody waits any more.
fn reset(head: Head, reader: &mut Reader<'_>) -> Result<ResetCode, MessageError> {
    head.needs(3)?;
    let number = uint("code", reader)?;
    Ok(ResetCode::of(number).unwrap_or(ResetCode::Cancelled))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{Code, Frames, IdempotencyKey, Trace};

    fn request(key: Option<IdempotencyKey>) -> Request {
        Request {
            method: "people.create".parse().unwrap(),
            params: Encoded::of(&["Ann"]).unwrap(),
            deadline: Duration::from_secs(10),
            key,
            trace: Trace::new([1; 16], [2; 8]).unwrap(),
            attempt: 1,
            to: None,
            via: Vec::new(),
        }
    }

    /// The messages of a buffer.
    fn messages(buffer: Vec<u8>) -> Vec<Bytes> {
        let mut frames = Frames::new(buffer.len());
        frames.push(buffer.into());
        std::iter::from_fn(|| frames.next_message().unwrap()).collect()
    }

    #[test]
    fn what_is_said_comes_back_as_it_went() {
        let asked = [
            LaneAsk::Request(0, request(None)),
            LaneAsk::Request(70_000, request(Some(IdempotencyKey([7; 16])))),
            LaneAsk::GiveUp(3, ResetCode::DeadlineExceeded),
        ];
        let mut buffer = Vec::new();
        asked.iter().for_each(|ask| ask.append_to(&mut buffer));
        for (ask, message) in asked.into_iter().zip(messages(buffer)) {
            assert_eq!(LaneAsk::decode(&message), Ok(Some(ask)));
        }

        let answers = [
            (0, LaneEnd::Result(Encoded::empty_map())),
            (u64::MAX, LaneEnd::Error(Failure::new(Code::NotFound, "no such person"))),
            (3, LaneEnd::Reset(ResetCode::Cancelled)),
        ];
        let answers = answers.map(|(id, end)| LaneAnswer { id, end });
        let mut buffer = Vec::new();
        answers.iter().for_each(|answer| answer.append_to(&mut buffer));
        for (answer, message) in answers.into_iter().zip(messages(buffer)) {
            assert_eq!(LaneAnswer::decode(&message), Ok(Some(answer)));
        }
    }

    #[test]
    fn a_kind_of_a_later_version_is_passed_over_if_it_is_whole() {
        for (message, passed) in [(&[0x82, 0x03, 0x60][..], true), (&[0x82, 0x03], false)] {
            let read = LaneAsk::decode(&Bytes::copy_from_slice(message));
            assert_eq!(read == Ok(None), passed, "{read:?}");
        }
    }

    #[test]
    fn a_request_that_is_wrong_in_itself_is_told_with_its_number() {
        // [0, 5, "people"]: too few items, and a name that is none.
        let short = [&[0x83, 0x00, 0x05, 0x66][..], b"people"].concat();
        assert_eq!(LaneAsk::decode(&short.into()).unwrap_err().id, Some(5));
        let failed = Bytes::from_static(&[0x83, 0x01, 0x05, 0xa0]);
        assert_eq!(LaneAsk::decode(&failed).unwrap_err().id, Some(5));
        for broken in [&[][..], &[0xa0], &[0x82, 0x00, 0x60], &[0x81, 0x03, 0x00], &[0x81, 0x1c]] {
            let refused = LaneAsk::decode(&Bytes::copy_from_slice(broken)).unwrap_err();
            assert_eq!(refused.id, None, "{broken:02x?}");
        }
    }

    #[test]
    fn params_may_be_as_deep_as_on_a_stream_and_no_deeper() {
        let of = |depth: usize| {
            let mut message = vec![0x83, 0x00, 0x01];
            message.extend(vec![0x81; depth]);
            message.push(0x00);
            LaneAnswer::decode(&message.into()).is_ok()
        };
        assert_eq!((of(14), of(15)), (true, false));
    }
}
