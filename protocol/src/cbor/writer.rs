//! Writes the heads of messages, in preferred serialization (RFC 8949 §4.1).

use std::time::Duration;

use bytes::Bytes;
use ciborium_ll::{Encoder, Header};

/// The longest head of a byte string: one byte and a 64-bit length.
const HEAD_MAX_BYTES: usize = 9;

/// A message being written, with room left before it for its own length.
#[derive(Debug)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// A writer with room for a body of so many bytes.
    pub(crate) fn with_capacity(body_bytes: usize) -> Self {
        let mut bytes = Vec::with_capacity(HEAD_MAX_BYTES + body_bytes);
        bytes.resize(HEAD_MAX_BYTES, 0);
        Self { bytes }
    }

    pub(crate) fn map(&mut self, pairs: usize) -> &mut Self {
        self.push(Header::Map(Some(pairs)))
    }

    pub(crate) fn array(&mut self, items: usize) -> &mut Self {
        self.push(Header::Array(Some(items)))
    }

    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        self.push(Header::Text(Some(text.len()))).raw(text.as_bytes())
    }

    pub(crate) fn byte_string(&mut self, bytes: &[u8]) -> &mut Self {
        self.push(Header::Bytes(Some(bytes.len()))).raw(bytes)
    }

    pub(crate) fn uint(&mut self, value: u64) -> &mut Self {
        self.push(Header::Positive(value))
    }

    /// Writes a duration in whole milliseconds.
    pub(crate) fn millis(&mut self, duration: Duration) -> &mut Self {
        self.uint(duration.as_millis().try_into().unwrap_or(u64::MAX))
    }

    /// Writes an item that is encoded already.
    pub(crate) fn raw(&mut self, item: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(item);
        self
    }

    /// The body behind its length: one byte string of definite length.
    pub(crate) fn seal(mut self) -> Bytes {
        let body_bytes = self.bytes.len() - HEAD_MAX_BYTES;
        let mut head = Vec::with_capacity(HEAD_MAX_BYTES);
        put(&mut head, Header::Bytes(Some(body_bytes)));
        let start = HEAD_MAX_BYTES - head.len();
        self.bytes[start..HEAD_MAX_BYTES].copy_from_slice(&head);
        Bytes::from(self.bytes).slice(start..)
    }

    fn push(&mut self, header: Header) -> &mut Self {
        put(&mut self.bytes, header);
        self
    }
}

fn put(bytes: &mut Vec<u8>, header: Header) {
    Encoder::from(bytes).push(header).expect("a vector takes what is written to it");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_stands_behind_its_length() {
        for (body_bytes, head) in [
            (1, &[0x41][..]),
            (24, &[0x58, 24]),
            (300, &[0x59, 0x01, 0x2c]),
            (70_000, &[0x5a, 0x00, 0x01, 0x11, 0x70]),
        ] {
            let mut writer = Writer::with_capacity(0);
            writer.raw(&vec![0; body_bytes]);
            let sealed = writer.seal();
            assert_eq!(&sealed[..head.len()], head);
            assert_eq!(sealed.len(), head.len() + body_bytes);
        }
    }
}
