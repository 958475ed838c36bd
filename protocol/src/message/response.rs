//! What comes back on a request's stream: one response, then, for a subscription, its events.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use ciborium::Value;

use super::fields::{Slot, Take, byte_string, each, open, text, uint, unexpected, word, wrong};
use super::{MessageError, Outgoing};
use crate::cbor::{MAPS_AROUND, Reader, Writer, append_message, message, message_part};
use crate::text::shown;
use crate::{Code, Encoded, Failure, ParamsError, Retry};

/// The longest sentence of a failure, in bytes.
const MESSAGE_MAX_BYTES: usize = 1024;
/// The most that a failure's details may be, encoded, in bytes.
const DETAILS_MAX_BYTES: usize = 4096;
/// How many maps of a message stand around a failure's details.
const MAPS_AROUND_DETAILS: usize = 3;
/// The longest topic, in bytes.
const TOPIC_MAX_BYTES: usize = 256;
/// The longest cursor, in bytes.
const CURSOR_MAX_BYTES: usize = 64;

/// A message that answers a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// The request succeeded.
    Result(Encoded),
    /// The request failed.
    Error(Failure),
    /// Something happened that the request subscribed to.
    Event(Event),
}

/// One thing that happened, on a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Where to resume behind this event: opaque, at most 64 bytes.
    pub cursor: Bytes,
    /// What it is about, such as `people.created`: at most 256 bytes, no control characters.
    pub topic: String,
    /// What happened: any CBOR item.
    pub body: Encoded,
}

/// What of an event is the same for all who are told of it: everything but the cursor, encoded
/// once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventTail(Bytes);

impl EventTail {
    /// Encodes topic and body.
    #[must_use]
    pub fn of(topic: &str, body: &Encoded) -> Self {
        Self(message_part(|writer| {
            writer.text("topic").text(topic).text("body").raw(body.bytes());
        }))
    }

    /// Appends the event, with this cursor, to others in a buffer, its length in front.
    pub fn append_to(&self, cursor: &[u8], buffer: &mut Vec<u8>) {
        append_message(buffer, |writer| {
            writer.map(1).text("event").map(3).text("cursor").byte_string(cursor).raw(&self.0);
        });
    }

    /// How many bytes are kept.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.0.len()
    }
}

const KINDS: &str = "response or event";

impl Reply {
    /// Decodes a message; result and event body stay as they came.
    ///
    /// # Errors
    /// What is no response and no event of the grammar.
    pub fn decode(message: &Bytes) -> Result<Self, MessageError> {
        if let Some(result) = lone_result(message) {
            return Ok(Self::Result(result));
        }
        let (kind, mut reader) = open(message, KINDS)?;
        let reply = match kind {
            "response" => response(message, &mut reader)?,
            "event" => Self::Event(event(message, &mut reader)?),
            _ => return Err(unexpected(kind, KINDS)),
        };
        reader.finish()?;
        Ok(reply)
    }
}

impl Outgoing for Reply {
    fn encode(&self) -> Bytes {
        match self {
            Self::Result(result) => message(|writer| {
                writer.map(1).text("response").map(1).text("result").raw(result.bytes());
            }),
            Self::Error(failure) => message(|writer| {
                put_failure(writer.map(1).text("response").map(1).text("error"), failure);
            }),
            Self::Event(Event { cursor, topic, body }) => message(|writer| {
                writer.map(1).text("event").map(3);
                writer.text("cursor").byte_string(cursor);
                writer.text("topic").text(topic);
                writer.text("body").raw(body.bytes());
            }),
        }
    }
}

pub(super) fn put_failure(writer: &mut Writer<'_>, failure: &Failure) {
    let Failure { code, message, details, retry, retry_after } = failure;
    let details = (!details.is_empty()).then(|| encoded_details(details)).flatten();
    writer.map(3 + usize::from(details.is_some()) + usize::from(retry_after.is_some()));
    writer.text("code").text(code.as_str());
    writer.text("message").text(&shown(message, MESSAGE_MAX_BYTES));
    writer.text("retry").text(retry.as_str());
    if let Some(details) = details {
        writer.text("details").raw(details.bytes());
    }
    if let Some(wait) = retry_after {
        writer.text("retry_after_ms").millis(*wait);
    }
}

/// The details as they cross; `None` where they are beyond the bounds: code and sentence still
/// cross then.
fn encoded_details(details: &Details) -> Option<Encoded> {
    let mut bytes = Vec::with_capacity(128);
    ciborium::into_writer(details, &mut bytes).ok()?;
    let fits = bytes.len() <= DETAILS_MAX_BYTES;
    fits.then(|| Encoded::inside(MAPS_AROUND_DETAILS, bytes.into()).ok()).flatten()
}

/// A result as this library writes it, its keys at a glance.
fn lone_result(message: &Bytes) -> Option<Encoded> {
    let mut reader = Reader::inside(MAPS_AROUND, message);
    reader.skip_over(b"\xa1\x68response\xa1\x66result")?;
    let result = message.slice_ref(reader.item().ok()?);
    reader.finish().ok()?;
    Some(Encoded::walked(result))
}

fn response(message: &Bytes, reader: &mut Reader<'_>) -> Result<Reply, MessageError> {
    let (mut result, mut error) = (None, None);
    each("response", reader, |key, reader| match key {
        b"result" => result.fill("result", Encoded::walked(message.slice_ref(reader.item()?))),
        b"error" => error.fill("error", failure(message, reader)?),
        _ => Ok(Take::Unknown),
    })?;
    match (result, error) {
        (Some(result), None) => Ok(Reply::Result(result)),
        (None, Some(failure)) => Ok(Reply::Error(failure)),
        (None, None) => Err(MessageError::Missing { field: "result or error" }),
        (Some(_), Some(_)) => Err(wrong("response", "both a result and an error".to_owned())),
    }
}

pub(super) fn failure(message: &Bytes, reader: &mut Reader<'_>) -> Result<Failure, MessageError> {
    let (mut code, mut sentence, mut details) = (None, None, None);
    let (mut retry, mut retry_after_ms) = (None, None);
    each("error", reader, |key, reader| match key {
        // A code of a later version is "unknown" here, its sentence still of use.
        b"code" => code.fill("code", text("code", reader)?.parse().unwrap_or(Code::Unknown)),
        b"message" => sentence.fill("message", sentence_of(reader)?),
        b"details" => details.fill("details", details_of(message, reader)?),
        b"retry" => retry.fill("retry", retry_of(text("retry", reader)?)),
        b"retry_after_ms" => retry_after_ms.fill("retry_after_ms", uint("retry_after_ms", reader)?),
        _ => Ok(Take::Unknown),
    })?;
    Ok(Failure {
        code: code.need("code")?,
        message: sentence.need("message")?.into(),
        details: details.unwrap_or_default(),
        retry: retry.need("retry")?,
        retry_after: retry_after_ms.map(Duration::from_millis),
    })
}

/// A word of a later version advises nothing that this one could follow: never.
fn retry_of(word: &str) -> Retry {
    Retry::ALL.into_iter().find(|retry| retry.as_str() == word).unwrap_or(Retry::Never)
}

/// A sentence is shown to people, so what is not visible in it is replaced.
fn sentence_of(reader: &mut Reader<'_>) -> Result<String, MessageError> {
    let sentence = text("message", reader)?;
    if sentence.len() > MESSAGE_MAX_BYTES {
        let problem = format!("{} bytes, {MESSAGE_MAX_BYTES} are allowed", sentence.len());
        return Err(wrong("message", problem));
    }
    Ok(shown(sentence, MESSAGE_MAX_BYTES).into_owned())
}

type Details = BTreeMap<Cow<'static, str>, Value>;

fn details_of(message: &Bytes, reader: &mut Reader<'_>) -> Result<Details, MessageError> {
    let encoded = Encoded::walked(message.slice_ref(reader.item()?));
    let bytes = encoded.bytes().len();
    if bytes > DETAILS_MAX_BYTES {
        return Err(wrong("details", format!("{bytes} bytes, {DETAILS_MAX_BYTES} are allowed")));
    }
    encoded.decode().map_err(|error: ParamsError| wrong("details", error.to_string()))
}

fn event(message: &Bytes, reader: &mut Reader<'_>) -> Result<Event, MessageError> {
    let (mut cursor, mut topic, mut body) = (None, None, None);
    each("event", reader, |key, reader| match key {
        b"cursor" => cursor.fill("cursor", cursor_of(reader)?),
        b"topic" => topic.fill("topic", word("topic", TOPIC_MAX_BYTES, reader)?),
        b"body" => body.fill("body", Encoded::walked(message.slice_ref(reader.item()?))),
        _ => Ok(Take::Unknown),
    })?;
    Ok(Event {
        cursor: cursor.need("cursor")?,
        topic: topic.need("topic")?,
        body: body.need("body")?,
    })
}

/// A cursor is kept beyond its event, so it is a copy: it keeps no message in memory.
fn cursor_of(reader: &mut Reader<'_>) -> Result<Bytes, MessageError> {
    let cursor = byte_string("cursor", reader)?;
    if cursor.len() > CURSOR_MAX_BYTES {
        let problem = format!("{} bytes, {CURSOR_MAX_BYTES} are allowed", cursor.len());
        return Err(wrong("cursor", problem));
    }
    Ok(Bytes::copy_from_slice(cursor))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the peer reads of a failure.
    fn crossed(failure: Failure) -> Failure {
        let frame = Reply::Error(failure).encode();
        let mut frames = crate::Frames::new(frame.len());
        frames.push(frame);
        match Reply::decode(&frames.next_message().unwrap().unwrap()).unwrap() {
            Reply::Error(failure) => failure,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_sentence_crosses_shortened_and_in_one_line() {
        let long = format!("no\n{}", "ä".repeat(1000));
        let read = crossed(Failure::new(Code::Internal, long)).message;
        assert!(read.starts_with("no\u{fffd}ä") && (1000..=1024).contains(&read.len()), "{read}");
    }

    #[test]
    fn details_beyond_the_bounds_are_left_out_and_the_failure_crosses() {
        let nested = |depth| (0..depth).fold(Value::from(1), |inner, _| Value::Array(vec![inner]));
        for (detail, crosses) in [
            (nested(12), true),
            (nested(13), false),
            (Value::from("x".repeat(4080)), true),
            (Value::from("x".repeat(4096)), false),
        ] {
            let read = crossed(Failure::new(Code::Internal, "it broke").detail("why", detail));
            assert_eq!(read.details.contains_key("why"), crosses, "{read:?}");
            assert_eq!(read.message, "it broke");
        }
    }

    #[test]
    fn a_later_versions_words_are_read_as_those_that_promise_nothing() {
        let message = [
            &[0xa1, 0x68][..],
            b"response",
            &[0xa1, 0x65],
            b"error",
            &[0xa3, 0x64],
            b"code",
            &[0x63],
            b"odd",
            &[0x67],
            b"message",
            &[0x60, 0x65],
            b"retry",
            &[0x63],
            b"odd",
        ];
        let read = Reply::decode(&Bytes::from(message.concat()));
        let expected = Failure::new(Code::Unknown, "").retry(Retry::Never);
        assert_eq!(read, Ok(Reply::Error(expected)));
    }
}
