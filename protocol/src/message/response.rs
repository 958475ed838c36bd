//! What comes back on a request's stream: one response, then, for a subscription, its events.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;

use super::fields::{Slot, Take, each, open, parsed, unexpected};
use super::{MessageError, Outgoing};
use crate::cbor::{Reader, Writer};
use crate::{Code, Encoded, Failure, Retry};

/// The longest sentence of a failure, in bytes.
const MESSAGE_MAX_BYTES: usize = 1024;
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
    /// What it is about, such as `people.created`.
    pub topic: String,
    /// What happened: any CBOR item.
    pub body: Encoded,
}

const KINDS: &str = "response or event";

impl Reply {
    /// Decodes a message; result and event body stay as they came.
    ///
    /// # Errors
    /// What is no response and no event of the grammar.
    pub fn decode(message: &Bytes) -> Result<Self, MessageError> {
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
            Self::Result(result) => {
                let mut writer = Writer::with_capacity(32 + result.bytes().len());
                writer.map(1).text("response").map(1).text("result").raw(result.bytes());
                writer.seal()
            }
            Self::Error(failure) => {
                let mut writer = Writer::with_capacity(256);
                put_failure(writer.map(1).text("response").map(1).text("error"), failure);
                writer.seal()
            }
            Self::Event(Event { cursor, topic, body }) => {
                let mut writer = Writer::with_capacity(128 + body.bytes().len());
                writer.map(1).text("event").map(3);
                writer.text("cursor").byte_string(cursor);
                writer.text("topic").text(topic);
                writer.text("body").raw(body.bytes());
                writer.seal()
            }
        }
    }
}

fn put_failure(writer: &mut Writer, failure: &Failure) {
    let Failure { code, message, details, retry, retry_after } = failure;
    // Details beyond the protocol's bounds are left out: code and sentence still cross.
    let details = (!details.is_empty()).then(|| Encoded::of(details).ok()).flatten();
    writer.map(3 + usize::from(details.is_some()) + usize::from(retry_after.is_some()));
    writer.text("code").text(code.as_str());
    writer.text("message").text(shortened(message));
    writer.text("retry").text(retry.as_str());
    if let Some(details) = details {
        writer.text("details").raw(details.bytes());
    }
    if let Some(wait) = retry_after {
        writer.text("retry_after_ms").uint(wait.as_millis().try_into().unwrap_or(u64::MAX));
    }
}

/// The sentence, cut where it is too long to cross.
fn shortened(message: &str) -> &str {
    let end = message.floor_char_boundary(MESSAGE_MAX_BYTES);
    &message[..end]
}

fn response(message: &Bytes, reader: &mut Reader<'_>) -> Result<Reply, MessageError> {
    let (mut result, mut error) = (None, None);
    each(reader, |key, reader| match key {
        "result" => result.fill("result", Encoded::walked(message.slice_ref(reader.item()?))),
        "error" => error.fill("error", failure(message, reader)?),
        _ => Ok(Take::Unknown),
    })?;
    match (result, error) {
        (Some(result), None) => Ok(Reply::Result(result)),
        (None, Some(failure)) => Ok(Reply::Error(failure)),
        (None, None) => Err(MessageError::Missing { field: "result or error" }),
        (Some(_), Some(_)) => Err(MessageError::Twice { field: "result or error" }),
    }
}

fn failure(message: &Bytes, reader: &mut Reader<'_>) -> Result<Failure, MessageError> {
    let (mut code, mut sentence, mut details) = (None, None, None);
    let (mut retry, mut retry_after_ms) = (None, None);
    each(reader, |key, reader| match key {
        // A code of a later version is "unknown" here, its sentence still of use.
        "code" => code.fill("code", reader.text()?.parse().unwrap_or(Code::Unknown)),
        "message" => {
            sentence.fill("message", limited("message", reader.text()?, MESSAGE_MAX_BYTES)?)
        }
        "details" => details.fill("details", details_of(message, reader)?),
        "retry" => retry.fill("retry", retry_of(reader.text()?)),
        "retry_after_ms" => retry_after_ms.fill("retry_after_ms", reader.uint()?),
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

type Details = BTreeMap<std::borrow::Cow<'static, str>, ciborium::Value>;

fn details_of(message: &Bytes, reader: &mut Reader<'_>) -> Result<Details, MessageError> {
    let encoded = Encoded::walked(message.slice_ref(reader.item()?));
    let problem = |error: crate::ParamsError| error.to_string();
    encoded
        .decode()
        .map_err(|error| MessageError::Field { field: "details", problem: problem(error) })
}

fn event(message: &Bytes, reader: &mut Reader<'_>) -> Result<Event, MessageError> {
    let (mut cursor, mut topic, mut body) = (None, None, None);
    each(reader, |key, reader| match key {
        "cursor" => cursor.fill("cursor", cursor_of(message, reader)?),
        "topic" => topic.fill("topic", limited("topic", reader.text()?, TOPIC_MAX_BYTES)?),
        "body" => body.fill("body", Encoded::walked(message.slice_ref(reader.item()?))),
        _ => Ok(Take::Unknown),
    })?;
    Ok(Event {
        cursor: cursor.need("cursor")?,
        topic: topic.need("topic")?,
        body: body.need("body")?,
    })
}

fn cursor_of(message: &Bytes, reader: &mut Reader<'_>) -> Result<Bytes, MessageError> {
    let cursor = reader.byte_string()?;
    if cursor.len() > CURSOR_MAX_BYTES {
        let problem = format!("{} bytes, {CURSOR_MAX_BYTES} are allowed", cursor.len());
        return Err(MessageError::Field { field: "cursor", problem });
    }
    Ok(message.slice_ref(cursor))
}

fn limited(field: &'static str, text: &str, max: usize) -> Result<String, MessageError> {
    if text.len() > max {
        let problem = format!("{} bytes, {max} are allowed", text.len());
        return Err(MessageError::Field { field, problem });
    }
    parsed(field, text)
}
