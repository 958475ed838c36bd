//! The line of a record, written straight into a buffer: byte for byte what the record's event
//! would have become. Its time is the one at which the request ended, which is when the record was
//! made.

use super::json::escape;
use super::stamp::Stamp;
use super::{Look, text};
use crate::exchange::Record;

/// What a line takes, longest names aside, in bytes.
const LINE_USUAL: usize = 640;

/// Writes records as lines.
pub(super) struct Records {
    look: Look,
    stamp: Stamp,
}

impl Records {
    pub(super) fn new(look: Look) -> Self {
        Self { look, stamp: Stamp::new(look) }
    }

    /// Appends a record's line, its end included.
    pub(super) fn write(&mut self, record: &Record, line: &mut Vec<u8>) {
        match self.look {
            Look::Json => self.write_json(record, line),
            Look::Plain => self.write_text(record, &text::Lines { coloured: false }, line),
            Look::Coloured => self.write_text(record, &text::Lines { coloured: true }, line),
        }
    }

    /// Names, words and ids are of plain letters and digits, by their types; of a method, only what
    /// is none may hold what has to be escaped.
    fn write_json(&mut self, record: &Record, line: &mut Vec<u8>) {
        line.reserve(LINE_USUAL);
        put(line, b"{\"timestamp\":\"");
        self.stamp.write(record.ended_us(), line);
        put(line, b"\",\"level\":\"INFO\",\"message\":\"request\",\"node\":\"");
        put(line, record.node.as_str().as_bytes());
        put(line, b"\",\"dir\":\"");
        put(line, record.dir.as_str().as_bytes());
        put(line, b"\",\"peer\":\"");
        put(line, record.peer.as_str().as_bytes());
        put(line, b"\",\"method\":\"");
        match record.method.is_name() {
            true => put(line, record.method.as_str().as_bytes()),
            false => put(line, escape(record.method.as_str()).as_bytes()),
        }
        put(line, b"\",\"code\":\"");
        put(line, record.code.as_str().as_bytes());
        put(line, b"\",\"started_us\":");
        put_number(line, record.started_us);
        put(line, b",\"duration_us\":");
        put_number(line, record.duration_us);
        put(line, b",\"deadline_ms\":");
        put_number(line, record.deadline_ms);
        put(line, b",\"sent_bytes\":");
        put_number(line, record.sent_bytes);
        put(line, b",\"received_bytes\":");
        put_number(line, record.received_bytes);
        put(line, b",\"trace_id\":\"");
        put_id(line, record.trace_id.0);
        put(line, b"\",\"span_id\":\"");
        put_id(line, record.span_id.0);
        if let Some(parent) = record.parent_id {
            put(line, b"\",\"parent_id\":\"");
            put_id(line, parent.0);
        }
        if let Some(key) = record.key {
            put(line, b"\",\"key\":\"");
            put_id(line, key.0);
        }
        put(line, b"\",\"attempt\":");
        put_number(line, record.attempt);
        if let Some(events) = record.events {
            put(line, b",\"events\":");
            put_number(line, events);
        }
        put(line, b",\"target\":\"exchange\"}\n");
    }

    fn write_text(&mut self, record: &Record, lines: &text::Lines, line: &mut Vec<u8>) {
        let mut time = Vec::new();
        self.stamp.write(record.ended_us(), &mut time);
        let time = String::from_utf8_lossy(&time);
        line.extend_from_slice(lines.record(&time, record).as_bytes());
    }
}

#[inline]
fn put(line: &mut Vec<u8>, bytes: &[u8]) {
    line.extend_from_slice(bytes);
}

fn put_number(line: &mut Vec<u8>, number: impl itoa::Integer) {
    put(line, itoa::Buffer::new().format(number).as_bytes());
}

/// Appends two digits for each byte. Without a table and a branch: so it is done for many bytes at
/// a time.
fn put_id<const N: usize>(line: &mut Vec<u8>, id: [u8; N]) {
    // No sum is over 255: said, so that there is nothing to check in between.
    let digit = |half: u8| {
        let letter = u8::from(half > 9).wrapping_mul(b'a' - b'0' - 10);
        half.wrapping_add(b'0').wrapping_add(letter)
    };
    let mut digits = [[0; 2]; N];
    for (pair, byte) in digits.iter_mut().zip(id) {
        *pair = [digit(byte >> 4), digit(byte & 15)];
    }
    put(line, digits.as_flattened());
}
