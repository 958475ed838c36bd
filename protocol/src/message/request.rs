//! What one node asks of another.

use std::time::Duration;

use bytes::Bytes;

use super::fields::{Slot, Take, each, fitting, open, parsed, sized, unexpected};
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
        writer.text("deadline_ms").uint(deadline.as_millis().try_into().unwrap_or(u64::MAX));
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
    each(reader, |field, reader| match field {
        "method" => method.fill("method", parsed("method", reader.text()?)?),
        "params" => params.fill("params", Encoded::walked(message.slice_ref(reader.item()?))),
        "deadline_ms" => deadline_ms.fill("deadline_ms", reader.uint()?),
        "trace" => trace.fill("trace", trace_of(reader.byte_string()?)?),
        "key" => key.fill("key", IdempotencyKey(sized("key", reader.byte_string()?)?)),
        "attempt" => attempt.fill("attempt", fitting("attempt", reader.uint()?)?),
        "to" => to.fill("to", parsed("to", reader.text()?)?),
        "via" => via.fill("via", nodes(reader)?),
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

fn trace_of(bytes: &[u8]) -> Result<Trace, MessageError> {
    let problem = || "25 bytes: trace id (16), span id (8), flags (1), no id zero".to_owned();
    Trace::from_bytes(bytes)
        .ok_or_else(|| MessageError::Field { field: "trace", problem: problem() })
}

fn nodes(reader: &mut Reader<'_>) -> Result<Vec<NodeName>, MessageError> {
    let count = reader.array()?;
    if count > VIA_MAX {
        let problem = format!("{count} nodes, {VIA_MAX} are allowed");
        return Err(MessageError::Field { field: "via", problem });
    }
    let nodes = (0..count).map(|_| parsed("via", reader.text()?)).collect::<Result<_, _>>()?;
    reader.leave();
    Ok(nodes)
}
