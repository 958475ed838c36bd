//! Writes the heads of messages, in preferred serialization (RFC 8949 §4.1).

use std::time::Duration;

use bytes::Bytes;

use super::scratch::{in_scratch, taken_out};

/// The major types of items (RFC 8949 §3.1), where a head's first byte has them.
const UNSIGNED: u8 = 0;
const BYTES: u8 = 2 << 5;
const TEXT: u8 = 3 << 5;
const ARRAY: u8 = 4 << 5;
const MAP: u8 = 5 << 5;

/// The longest head: one byte and a 64-bit argument.
const HEAD_MAX_BYTES: usize = 9;
/// The head of a byte string whose length is given in 16 bits.
const HEAD_16_BYTES: usize = 3;

/// Writes items behind each other.
#[derive(Debug)]
pub(crate) struct Writer<'a> {
    bytes: &'a mut Vec<u8>,
}

/// One message behind its length: a byte string of definite length.
pub(crate) fn message(body: impl FnOnce(&mut Writer<'_>)) -> Bytes {
    in_scratch(|bytes| {
        bytes.resize(HEAD_MAX_BYTES, 0);
        body(&mut Writer { bytes });
        let head = Head::of(BYTES, (bytes.len() - HEAD_MAX_BYTES) as u64);
        let start = HEAD_MAX_BYTES - head.as_slice().len();
        bytes[start..HEAD_MAX_BYTES].copy_from_slice(head.as_slice());
        taken_out(bytes, start)
    })
}

/// A part of a message, without a length in front.
pub(crate) fn message_part(body: impl FnOnce(&mut Writer<'_>)) -> Bytes {
    in_scratch(|bytes| {
        body(&mut Writer { bytes });
        taken_out(bytes, 0)
    })
}

/// Appends one message to those in a buffer, its length in front of it in 16 bits where it fits:
/// so the message need not be moved when its length is known.
pub(crate) fn append_message(bytes: &mut Vec<u8>, body: impl FnOnce(&mut Writer<'_>)) {
    let start = bytes.len();
    bytes.extend_from_slice(&[BYTES | 25, 0, 0]);
    body(&mut Writer { bytes });
    let body_bytes = bytes.len() - start - HEAD_16_BYTES;
    match u16::try_from(body_bytes) {
        Ok(length) => {
            bytes[start + 1..start + HEAD_16_BYTES].copy_from_slice(&length.to_be_bytes());
        }
        Err(_) => {
            let head = Head::of(BYTES, body_bytes as u64);
            bytes.splice(start..start + HEAD_16_BYTES, head.as_slice().iter().copied());
        }
    }
}

impl Writer<'_> {
    pub(crate) fn map(&mut self, pairs: usize) -> &mut Self {
        self.head(MAP, pairs as u64)
    }

    pub(crate) fn array(&mut self, items: usize) -> &mut Self {
        self.head(ARRAY, items as u64)
    }

    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        self.head(TEXT, text.len() as u64).raw(text.as_bytes())
    }

    pub(crate) fn byte_string(&mut self, bytes: &[u8]) -> &mut Self {
        self.head(BYTES, bytes.len() as u64).raw(bytes)
    }

    pub(crate) fn uint(&mut self, value: u64) -> &mut Self {
        self.head(UNSIGNED, value)
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

    fn head(&mut self, major: u8, argument: u64) -> &mut Self {
        match argument {
            0..24 => self.bytes.push(major | argument.to_be_bytes()[7]),
            _ => self.bytes.extend_from_slice(Head::of(major, argument).as_slice()),
        }
        self
    }
}

/// The head of an item, in its shortest form.
struct Head {
    bytes: [u8; HEAD_MAX_BYTES],
    length: usize,
}

impl Head {
    fn of(major: u8, argument: u64) -> Self {
        let (info, width) = match argument {
            0..24 => (argument.to_be_bytes()[7], 0),
            24..=0xff => (24, 1),
            0x100..=0xffff => (25, 2),
            0x1_0000..=0xffff_ffff => (26, 4),
            _ => (27, 8),
        };
        let mut bytes = [0; HEAD_MAX_BYTES];
        bytes[0] = major | info;
        bytes[1..=width].copy_from_slice(&argument.to_be_bytes()[8 - width..]);
        Self { bytes, length: 1 + width }
    }

    fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTHS: [(usize, &[u8]); 5] = [
        (1, &[0x41]),
        (24, &[0x58, 24]),
        (300, &[0x59, 0x01, 0x2c]),
        (65_535, &[0x59, 0xff, 0xff]),
        (70_000, &[0x5a, 0x00, 0x01, 0x11, 0x70]),
    ];

    #[test]
    fn a_body_stands_behind_its_length() {
        for (body_bytes, head) in LENGTHS {
            let sealed = message(|writer| _ = writer.raw(&vec![7; body_bytes]));
            assert_eq!(&sealed[..head.len()], head);
            assert_eq!(&sealed[head.len()..], vec![7; body_bytes]);
        }
    }

    #[test]
    fn messages_are_appended_to_each_other_and_read_back() {
        let mut buffer = Vec::new();
        for (body_bytes, _) in LENGTHS {
            append_message(&mut buffer, |writer| _ = writer.raw(&vec![7; body_bytes]));
        }
        let mut frames = crate::Frames::new(70_000);
        frames.push(buffer.into());
        for (body_bytes, _) in LENGTHS {
            assert_eq!(frames.next_message().unwrap().unwrap(), vec![7; body_bytes]);
        }
        assert_eq!(frames.finish(), Ok(()));
    }
}
