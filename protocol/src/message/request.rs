//! What one node asks of another.

use std::time::Duration;

use bytes::Bytes;

use super::fields::{
    Slot, Take, byte_string, each, list, open, parsed, sized, uint, uint32, unexpected, wrong,
};
use super::{MessageError, Outgoing};
use crate::cbor::{MAPS_AROUND, Reader, Writer, message};
use crate::{Encoded, IdempotencyKey, MethodName, NodeName, Trace};

/// The most nodes that a request may have passed through.
const VIA_MAX: usize = 8;

/// A request: the first message on a bidirectional stream that the asking node opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What is asked for.
    pub method: MethodName,
    /// With what: any CBOR item, a map with text keys by custom.
    pub params: Encoded,
    /// How long the caller waits from now on, in whole milliseconds on the wire.
    pub deadline: Duration,
    /// What makes a write act once.
    pub key: Option<IdempotencyKey>,
    /// What caused it, and the span by which both ends record it.
    pub trace: Trace,
    /// Which attempt this is at the same request: 1 is the first, and the default.
    pub attempt: u32,
    /// The node that is to answer, where it is not the one asked.
    pub to: Option<NodeName>,
    /// The nodes that passed the request on, the first one first: at most 8.
    pub via: Vec<NodeName>,
}

/// The first message on a stream that the asking node opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opening {
    /// One request, which has the stream to itself.
    Request(Request),
    /// A lane: what follows are [`LaneAsk`](super::LaneAsk)s.
    Lane,
}

impl Request {
    /// Decodes a message; params stay as they came.
    ///
    /// # Errors
    /// What is no request of the grammar.
    pub fn decode(message: &Bytes) -> Result<Self, MessageError> {
        match Opening::decode(message)? {
            Opening::Request(request) => Ok(request),
            Opening::Lane => Err(unexpected("lane", "request")),
        }
    }
}

impl Opening {
    /// Decodes a message; a request's params stay as they came.
    ///
    /// # Errors
    /// What is no request and no lane of the grammar.
    pub fn decode(message: &Bytes) -> Result<Self, MessageError> {
        if let Some(request) = in_our_order(message) {
            return Ok(Self::Request(request));
        }
        let (kind, mut reader) = open(message, "request")?;
        let opening = match kind {
            "request" => Self::Request(request(message, &mut reader)?),
            "lane" => {
                each("lane", &mut reader, |_, _| Ok(Take::Unknown))?;
                Self::Lane
            }
            _ => return Err(unexpected(kind, "request")),
        };
        reader.finish()?;
        Ok(opening)
    }
}

impl Outgoing for Opening {
    fn encode(&self) -> Bytes {
        match self {
            Self::Request(request) => request.encode(),
            Self::Lane => message(|writer| _ = writer.map(1).text("lane").map(0)),
        }
    }
}

impl Outgoing for Request {
    fn encode(&self) -> Bytes {
        let Self { method, params, deadline, trace, .. } = self;
        message(|writer| {
            writer.map(1).text("request").map(4 + options(self));
            writer.text("method").text(method.as_str());
            writer.text("deadline_ms").millis(*deadline);
            writer.text("trace").byte_string(&trace.to_bytes());
            put_options(writer, self);
            writer.text("params").raw(params.bytes());
        })
    }
}

/// How many of the fields a request has that most do without.
pub(super) fn options(request: &Request) -> usize {
    let Request { key, attempt, to, via, .. } = request;
    let optional = [key.is_some(), *attempt != 1, to.is_some(), !via.is_empty()];
    optional.into_iter().filter(|there| *there).count()
}

/// Writes those fields as pairs.
pub(super) fn put_options(writer: &mut Writer<'_>, request: &Request) {
    let Request { key, attempt, to, via, .. } = request;
    if let Some(key) = key {
        writer.text("key").byte_string(&key.0);
    }
    if *attempt != 1 {
        writer.text("attempt").uint((*attempt).into());
    }
    if let Some(to) = to {
        writer.text("to").text(to.as_str());
    }
    if !via.is_empty() {
        writer.text("via").array(via.len());
        for node in via {
            writer.text(node.as_str());
        }
    }
}

/// Those fields while they are being read.
#[derive(Debug, Default)]
pub(super) struct Options {
    key: Option<IdempotencyKey>,
    attempt: Option<u32>,
    to: Option<NodeName>,
    via: Option<Vec<NodeName>>,
}

impl Options {
    /// Reads the value of one of these fields; another name is unknown.
    pub(super) fn read(
        &mut self,
        name: &[u8],
        reader: &mut Reader<'_>,
    ) -> Result<Take, MessageError> {
        match name {
            b"key" => self.key.fill("key", IdempotencyKey(sized("key", reader)?)),
            b"attempt" => self.attempt.fill("attempt", uint32("attempt", reader)?),
            b"to" => self.to.fill("to", parsed("to", reader)?),
            b"via" => {
                self.via.fill("via", list("via", VIA_MAX, reader, |item| parsed("via", item))?)
            }
            _ => Ok(Take::Unknown),
        }
    }

    /// The request that these fields and the others make.
    pub(super) fn request(
        self,
        method: MethodName,
        params: Encoded,
        deadline_ms: u64,
        trace: Trace,
    ) -> Request {
        let Self { key, attempt, to, via } = self;
        let (deadline, attempt) = (Duration::from_millis(deadline_ms), attempt.unwrap_or(1));
        let via = via.unwrap_or_default();
        Request { method, params, deadline, key, trace, attempt, to, via }
    }
}

/// The request as this library writes it, most of its keys at a glance: four times as fast as to look
/// for each. `None` where it is written in another way, or wrong.
fn in_our_order(message: &Bytes) -> Option<Request> {
    // The outer map is passed over as bytes, and counts all the same.
    let mut reader = Reader::inside(MAPS_AROUND - 1, message);
    reader.skip_over(b"\xa1\x67request")?;
    let pairs = reader.map().ok()?;
    reader.skip_over(b"\x66method")?;
    let method = reader.text().ok()?.parse().ok()?;
    reader.skip_over(b"\x6bdeadline_ms")?;
    let deadline_ms = reader.uint().ok()?;
    reader.skip_over(b"\x65trace")?;
    let trace = Trace::from_bytes(reader.byte_string().ok()?)?;
    let mut options = Options::default();
    if pairs == 5 {
        reader.skip_over(b"\x63key")?;
        options.key = Some(IdempotencyKey(reader.byte_string().ok()?.try_into().ok()?));
    }
    reader.skip_over(b"\x66params")?;
    let params = message.slice_ref(reader.item().ok()?);
    reader.finish().ok()?;
    let whole = pairs == 4 || pairs == 5;
    whole.then(|| options.request(method, Encoded::walked(params), deadline_ms, trace))
}

fn request(message: &Bytes, reader: &mut Reader<'_>) -> Result<Request, MessageError> {
    let (mut method, mut params, mut deadline_ms, mut trace) = (None, None, None, None);
    let mut options = Options::default();
    each("request", reader, |name, reader| match name {
        b"method" => method.fill("method", parsed("method", reader)?),
        b"params" => params.fill("params", Encoded::walked(message.slice_ref(reader.item()?))),
        b"deadline_ms" => deadline_ms.fill("deadline_ms", uint("deadline_ms", reader)?),
        b"trace" => trace.fill("trace", trace_of(reader)?),
        name => options.read(name, reader),
    })?;
    Ok(options.request(
        method.need("method")?,
        params.need("params")?,
        deadline_ms.need("deadline_ms")?,
        trace.need("trace")?,
    ))
}

pub(super) fn trace_of(reader: &mut Reader<'_>) -> Result<Trace, MessageError> {
    let problem = || "25 bytes: trace id (16), span id (8), flags (1), no id zero".to_owned();
    let trace = Trace::from_bytes(byte_string("trace", reader)?);
    trace.ok_or_else(|| wrong("trace", problem()))
}
