//! What is said on the control stream, the first bidirectional stream of a connection.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use super::fields::{Slot, Take, each, list, open, parsed, text, uint, uint32, unexpected, word};
use super::{MessageError, Outgoing};
use crate::cbor::{Reader, Writer, message};
use crate::{NodeName, Role};

/// The most features that a greeting may name, each of at most 64 bytes.
const FEATURES_MAX: usize = 32;
/// The longest feature or agent, in bytes.
const WORD_MAX_BYTES: usize = 64;

/// Who a node is and what it takes: what `hello` and `welcome` say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Greeting {
    /// The protocol's version: 1.
    pub version: u32,
    /// The node's name: the same as in its certificate.
    pub name: NodeName,
    /// The node's role.
    pub role: Role,
    /// When this process of the node started, in milliseconds since 1970 UTC: another value means
    /// that the node restarted.
    pub boot_ms: u64,
    /// What program the node runs, for people: at most 64 bytes.
    pub agent: String,
    /// What the node can do beyond version 1: at most 32 words of at most 64 bytes.
    pub features: Vec<String>,
    /// How much the node takes.
    pub limits: PeerLimits,
}

/// How much a node takes from the peer that it greets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerLimits {
    /// How many requests it answers at the same time on this session.
    pub in_flight: u32,
    /// The largest message that any of its methods takes, in bytes.
    pub message_bytes: u32,
}

/// Says which requests will still be answered, before the session ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GoingAway {
    /// The index (stream id divided by four, RFC 9000 §2.1) of the last request stream of the
    /// *receiver* that will be answered; `None`: none will.
    pub last: Option<u64>,
    /// How long the receiver waits before it dials the sender again, in whole milliseconds on the
    /// wire: drawn for each receiver, so that they do not come back all at once. `None`: as long
    /// as it likes.
    pub retry_after: Option<Duration>,
    /// Why.
    pub why: Farewell,
}

/// Says that nothing more will come on this session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bye {
    /// Why.
    pub why: Farewell,
}

/// Why a session ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Farewell {
    /// The node has got what it came for.
    Done,
    /// The node stops.
    Stopping,
    /// Another connection to the same peer took this one's place.
    Replaced,
    /// Some reason that this version has no word for.
    Other,
}

/// A message on the control stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Control {
    /// The dialer's first message.
    Hello(Greeting),
    /// The listener's answer, given after it has judged the certificate.
    Welcome(Greeting),
    /// The sender enables other methods than before.
    MethodsChanged,
    /// The sender is there, and waits for the receiver.
    Alive,
    /// The sender answers only what it has begun to answer.
    GoingAway(GoingAway),
    /// The sender says nothing more.
    Bye(Bye),
    /// A kind that this version does not know, to be passed over.
    Unknown,
}

const KINDS: &str = "hello, welcome, methods_changed, alive, going_away or bye";

impl Control {
    /// Decodes a message.
    ///
    /// # Errors
    /// What is no control message of the grammar. An unknown kind is no error.
    pub fn decode(message: &[u8]) -> Result<Self, MessageError> {
        let (kind, mut reader) = open(message, KINDS)?;
        let control = match kind {
            "hello" => Self::Hello(greeting("hello", &mut reader)?),
            "welcome" => Self::Welcome(greeting("welcome", &mut reader)?),
            "methods_changed" => {
                each("methods_changed", &mut reader, |_, _| Ok(Take::Unknown))?;
                Self::MethodsChanged
            }
            "alive" => {
                each("alive", &mut reader, |_, _| Ok(Take::Unknown))?;
                Self::Alive
            }
            "going_away" => Self::GoingAway(going_away(&mut reader)?),
            "bye" => Self::Bye(bye(&mut reader)?),
            "request" | "response" | "event" => return Err(unexpected(kind, KINDS)),
            _ => {
                reader.item()?;
                Self::Unknown
            }
        };
        reader.finish()?;
        Ok(control)
    }
}

impl Outgoing for Control {
    fn encode(&self) -> Bytes {
        message(|writer| put(writer.map(1), self))
    }
}

fn put(writer: &mut Writer<'_>, control: &Control) {
    match control {
        Control::Hello(greeting) => put_greeting(writer.text("hello"), greeting),
        Control::Welcome(greeting) => put_greeting(writer.text("welcome"), greeting),
        Control::MethodsChanged => _ = writer.text("methods_changed").map(0),
        Control::Alive => _ = writer.text("alive").map(0),
        Control::GoingAway(GoingAway { last, retry_after, why }) => {
            let given = usize::from(last.is_some()) + usize::from(retry_after.is_some());
            writer.text("going_away").map(1 + given);
            if let Some(last) = last {
                writer.text("last").uint(*last);
            }
            if let Some(wait) = retry_after {
                writer.text("retry_after_ms").millis(*wait);
            }
            writer.text("why").text(why.as_str());
        }
        Control::Bye(Bye { why }) => _ = writer.text("bye").map(1).text("why").text(why.as_str()),
        Control::Unknown => _ = writer.text("unknown").map(0),
    }
}

impl Farewell {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Stopping => "stopping",
            Self::Replaced => "replaced",
            Self::Other => "other",
        }
    }

    fn of(word: &str) -> Self {
        let known = [Self::Done, Self::Stopping, Self::Replaced];
        known.into_iter().find(|why| why.as_str() == word).unwrap_or(Self::Other)
    }
}

impl fmt::Display for Farewell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

fn put_greeting(writer: &mut Writer<'_>, greeting: &Greeting) {
    writer.map(7);
    writer.text("version").uint(greeting.version.into());
    writer.text("name").text(greeting.name.as_str());
    writer.text("role").text(greeting.role.as_str());
    writer.text("boot_ms").uint(greeting.boot_ms);
    writer.text("agent").text(&greeting.agent);
    writer.text("features").array(greeting.features.len());
    for feature in &greeting.features {
        writer.text(feature);
    }
    let PeerLimits { in_flight, message_bytes } = greeting.limits;
    writer.text("limits").map(2);
    writer.text("in_flight").uint(in_flight.into());
    writer.text("message_bytes").uint(message_bytes.into());
}

fn greeting(kind: &'static str, reader: &mut Reader<'_>) -> Result<Greeting, MessageError> {
    let (mut version, mut name, mut role, mut boot_ms) = (None, None, None, None);
    let (mut agent, mut features, mut limits) = (None, None, None);
    each(kind, reader, |key, reader| match key {
        b"version" => version.fill("version", uint32("version", reader)?),
        b"name" => name.fill("name", parsed("name", reader)?),
        b"role" => role.fill("role", parsed("role", reader)?),
        b"boot_ms" => boot_ms.fill("boot_ms", uint("boot_ms", reader)?),
        b"agent" => agent.fill("agent", word("agent", WORD_MAX_BYTES, reader)?),
        b"features" => features.fill("features", features_of(reader)?),
        b"limits" => limits.fill("limits", peer_limits(reader)?),
        _ => Ok(Take::Unknown),
    })?;
    Ok(Greeting {
        version: version.need("version")?,
        name: name.need("name")?,
        role: role.need("role")?,
        boot_ms: boot_ms.need("boot_ms")?,
        agent: agent.unwrap_or_default(),
        features: features.unwrap_or_default(),
        limits: limits.need("limits")?,
    })
}

fn peer_limits(reader: &mut Reader<'_>) -> Result<PeerLimits, MessageError> {
    let (mut in_flight, mut message_bytes) = (None, None);
    each("limits", reader, |key, reader| match key {
        b"in_flight" => in_flight.fill("in_flight", uint32("in_flight", reader)?),
        b"message_bytes" => message_bytes.fill("message_bytes", uint32("message_bytes", reader)?),
        _ => Ok(Take::Unknown),
    })?;
    Ok(PeerLimits {
        in_flight: in_flight.need("in_flight")?,
        message_bytes: message_bytes.need("message_bytes")?,
    })
}

fn features_of(reader: &mut Reader<'_>) -> Result<Vec<String>, MessageError> {
    list("features", FEATURES_MAX, reader, |item| word("features", WORD_MAX_BYTES, item))
}

fn going_away(reader: &mut Reader<'_>) -> Result<GoingAway, MessageError> {
    let (mut last, mut retry_after_ms, mut why) = (None, None, None);
    each("going_away", reader, |key, reader| match key {
        b"last" => last.fill("last", uint("last", reader)?),
        b"retry_after_ms" => retry_after_ms.fill("retry_after_ms", uint("retry_after_ms", reader)?),
        b"why" => why.fill("why", Farewell::of(text("why", reader)?)),
        _ => Ok(Take::Unknown),
    })?;
    let retry_after = retry_after_ms.map(Duration::from_millis);
    Ok(GoingAway { last, retry_after, why: why.unwrap_or(Farewell::Other) })
}

fn bye(reader: &mut Reader<'_>) -> Result<Bye, MessageError> {
    let mut why = None;
    each("bye", reader, |key, reader| match key {
        b"why" => why.fill("why", Farewell::of(text("why", reader)?)),
        _ => Ok(Take::Unknown),
    })?;
    Ok(Bye { why: why.unwrap_or(Farewell::Other) })
}
