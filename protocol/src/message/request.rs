//! What one node asks of another.

use std::time::Duration;

use bytes::Bytes;

use super::fields::{
    Slot, Take, byte_string, each, list, open, parsed, sized, uint, uint32, unexpected, wrong,
};
use super::{MessageError, Outgoing};
use crate::cbor::{Reader, Writer};
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

impl Request {
    /// Decodes a message; params stay as they came.
    ///
    /// # Errors
    /// What is no request of the grammar.
    pub fn decode(message: &Bytes) -> Result<Self, MessageError> {
        let (kind, mut reader) = open(message, "request")?;
        if kind != "request" {
            return Err(unexpected(kind, "request"));
        }
        let request = request(message, &mut reader)?;
        reader.finish()?;
        Ok(request)
    }
}

impl Outgoing for Request {
    fn encode(&self) -> Bytes {
        let Self { method, params, deadline, key, trace, attempt, to, via } = self;
        let mut writer = Writer::with_capacity(128 + params.bytes().len());
        let optional = [key.is_some(), *attempt != 1, to.is_some(), !via.is_empty()];
        let pairs = 4 + optional.into_iter().filter(|there| *there).count();
        writer.map(1).text("request").map(pairs);
        writer.text("method").text(method.as_str());
        writer.text("deadline_ms").millis(*deadline);
        writer.text("trace").byte_string(&trace.to_bytes());
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
        writer.text("params").raw(params.bytes());
        writer.seal()
    }
}

fn request(message: &Bytes, reader: &mut Reader<'_>) -> Result<Request, MessageError> {
    let (mut method, mut params, mut deadline_ms, mut trace) = (None, None, None, None);
    let (mut key, mut attempt, mut to, mut via) = (None, None, None, None);
    each("request", reader, |name, reader| match name {
        "method" => method.fill("method", parsed("method", reader)?),
        "params" => params.fill("params", Encoded::walked(message.slice_ref(reader.item()?))),
        "deadline_ms" => deadline_ms.fill("deadline_ms", uint("deadline_ms", reader)?),
        "trace" => trace.fill("trace", trace_of(reader)?),
        "key" => key.fill("key", IdempotencyKey(sized("key", reader)?)),
        "attempt" => attempt.fill("attempt", uint32("attempt", reader)?),
        "to" => to.fill("to", parsed("to", reader)?),
        "via" => via.fill("via", list("via", VIA_MAX, reader, |item| parsed("via", item))?),
        _ => Ok(Take::Unknown),
    })?;
    Ok(Request {
        method: method.need("method")?,
        params: params.need("params")?,
        deadline: Duration::from_millis(deadline_ms.need("deadline_ms")?),
        key,
        trace: trace.need("trace")?,
        attempt: attempt.unwrap_or(1),
        to,
        via: via.unwrap_or_default(),
    })
}

fn trace_of(reader: &mut Reader<'_>) -> Result<Trace, MessageError> {
    let problem = || "25 bytes: trace id (16), span id (8), flags (1), no id zero".to_owned();
    let trace = Trace::from_bytes(byte_string("trace", reader)?);
    trace.ok_or_else(|| wrong("trace", problem()))
}
