//! Reading records back from a node's log of JSON lines.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, BufRead};
use std::str::FromStr;

use serde::Deserialize;
use serde_json::Value;

use super::record::{MESSAGE, MethodText, Record, TARGET};

/// The longest line that is looked at, in bytes; a record takes less than 1 KiB.
pub const LINE_MAX_BYTES: usize = 64 * 1024;

/// How many broken lines are named; the others are counted.
const NAMED: usize = 8;

/// The longest time that is believed, in microseconds: a thousand years.
const DURATION_MAX_US: u64 = 1_000 * 366 * 86_400 * 1_000_000;

/// What was found in one log.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// The records, in the order of their lines.
    pub records: Vec<Record>,
    /// How many lines were read, of any kind.
    pub lines: u64,
    /// How many lines could not be read.
    pub broken: u64,
    /// The first few of those, named.
    pub named: Vec<BrokenLine>,
}

/// A line that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenLine {
    /// Its number, counted from 1.
    pub line: u64,
    /// What is wrong with it.
    pub fault: Fault,
}

impl fmt::Display for BrokenLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.fault)
    }
}

/// What is wrong with a line of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It is longer than [`LINE_MAX_BYTES`].
    TooLong,
    /// It is no JSON object.
    NotJson,
    /// It is the last one and has no end: its node was stopped in mid-write, or writes on.
    CutOff,
    /// It says to be a record, and has a field of another type, or one twice.
    Form,
    /// It says to be a record, and this field is missing or has no right value.
    Field(&'static str),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "longer than {LINE_MAX_BYTES} bytes"),
            Self::NotJson => f.write_str("no JSON object"),
            Self::CutOff => f.write_str("cut off"),
            Self::Form => f.write_str("a record with a field of the wrong type, or one twice"),
            Self::Field(name) => write!(f, "the record's {name} is missing or wrong"),
        }
    }
}

impl Log {
    /// Reads a log to its end. Lines that hold no record are passed over, broken ones are counted;
    /// the memory that a line takes is bounded, whatever its length.
    ///
    /// # Errors
    /// Those of the reader.
    pub fn read(mut reader: impl BufRead) -> io::Result<Self> {
        let mut log = Self::default();
        let mut line = Vec::new();
        while let Some(end) = next_line(&mut reader, &mut line)? {
            log.lines += 1;
            match record_of(&line, end) {
                Ok(found) => log.records.extend(found),
                Err(fault) => log.note(fault),
            }
        }
        Ok(log)
    }

    fn note(&mut self, fault: Fault) {
        self.broken += 1;
        if self.named.len() < NAMED {
            self.named.push(BrokenLine { line: self.lines, fault });
        }
    }
}

/// How a line ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LineEnd {
    Newline,
    Overlong,
    EndOfFile,
}

/// Reads the next line, without its newline, of which no more than [`LINE_MAX_BYTES`] are kept.
fn next_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Option<LineEnd>> {
    line.clear();
    let mut length = 0_u64;
    loop {
        let chunk = match reader.fill_buf() {
            Ok(chunk) => chunk,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let newline = chunk.iter().position(|byte| *byte == b'\n');
        let part = &chunk[..newline.unwrap_or(chunk.len())];
        let room = LINE_MAX_BYTES.saturating_sub(line.len());
        line.extend_from_slice(&part[..part.len().min(room)]);
        length += part.len() as u64;
        let (at_end, taken) = (chunk.is_empty(), part.len() + usize::from(newline.is_some()));
        reader.consume(taken);
        let overlong = length > LINE_MAX_BYTES as u64;
        match newline {
            None if at_end && length == 0 => return Ok(None),
            None if !at_end => {}
            _ if overlong => return Ok(Some(LineEnd::Overlong)),
            Some(_) => return Ok(Some(LineEnd::Newline)),
            None => return Ok(Some(LineEnd::EndOfFile)),
        }
    }
}

fn record_of(line: &[u8], end: LineEnd) -> Result<Option<Record>, Fault> {
    if end == LineEnd::Overlong {
        return Err(Fault::TooLong);
    }
    if line.trim_ascii().is_empty() {
        return Ok(None);
    }
    let broken = if end == LineEnd::EndOfFile { Fault::CutOff } else { Fault::NotJson };
    let head: Head = serde_json::from_slice(line).map_err(|_| broken)?;
    if head.target != TARGET || head.message != MESSAGE {
        return Ok(None);
    }
    let fields: Fields<'_> = serde_json::from_slice(line).map_err(|_| Fault::Form)?;
    fields.check().map(Some)
}

/// What tells whether a line holds a record.
#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    target: Value,
    #[serde(default)]
    message: Value,
}

/// A record as written, each field still unchecked.
#[derive(Deserialize)]
pub(super) struct Fields<'a> {
    #[serde(borrow, default)]
    pub(super) node: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) dir: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) peer: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) method: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) code: Cow<'a, str>,
    pub(super) started_us: Option<i64>,
    pub(super) duration_us: Option<u64>,
    pub(super) deadline_ms: Option<u64>,
    pub(super) sent_bytes: Option<u64>,
    pub(super) received_bytes: Option<u64>,
    #[serde(borrow, default)]
    pub(super) trace_id: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) span_id: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) parent_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) key: Option<Cow<'a, str>>,
    pub(super) attempt: Option<u32>,
    pub(super) events: Option<u64>,
}

impl Fields<'_> {
    pub(super) fn check(self) -> Result<Record, Fault> {
        let time = |us: &i64| jiff::Timestamp::from_microsecond(*us).is_ok();
        let method = self.method.ok_or(Fault::Field("method"))?;
        Ok(Record {
            node: parsed("node", &self.node)?,
            dir: parsed("dir", &self.dir)?,
            peer: parsed("peer", &self.peer)?,
            method: MethodText::from_log(&method),
            code: parsed("code", &self.code)?,
            started_us: self.started_us.filter(time).ok_or(Fault::Field("started_us"))?,
            duration_us: given("duration_us", self.duration_us.filter(|us| *us < DURATION_MAX_US))?,
            deadline_ms: given("deadline_ms", self.deadline_ms)?,
            sent_bytes: given("sent_bytes", self.sent_bytes)?,
            received_bytes: given("received_bytes", self.received_bytes)?,
            trace_id: parsed("trace_id", &self.trace_id)?,
            span_id: parsed("span_id", &self.span_id)?,
            parent_id: self.parent_id.map(|id| parsed("parent_id", &id)).transpose()?,
            key: self.key.map(|key| parsed("key", &key)).transpose()?,
            attempt: given("attempt", self.attempt)?,
            events: self.events,
        })
    }
}

fn parsed<T: FromStr>(name: &'static str, text: &str) -> Result<T, Fault> {
    text.parse().map_err(|_| Fault::Field(name))
}

fn given<T>(name: &'static str, value: Option<T>) -> Result<T, Fault> {
    value.ok_or(Fault::Field(name))
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Read};

    use bothways_protocol::{Code, IdempotencyKey, SpanId, TraceId};

    use super::super::emit;
    use super::super::record::{Direction, Outcome};
    use super::*;

    fn record() -> Record {
        Record {
            node: "hub".parse().unwrap(),
            dir: Direction::In,
            peer: "cli".parse().unwrap(),
            method: MethodText::foreign("a\n\u{1b}[31m\"}"),
            code: Outcome::Failed(Code::Unimplemented),
            started_us: 1_764_000_000_000_000,
            duration_us: 1234,
            deadline_ms: 10_000,
            sent_bytes: 40,
            received_bytes: 90,
            trace_id: TraceId([7; 16]),
            span_id: SpanId([8; 8]),
            parent_id: None,
            key: Some(IdempotencyKey([9; 16])),
            attempt: 2,
            events: None,
        }
    }

    /// A place to write a log to that can be read afterwards.
    #[derive(Clone, Default)]
    struct Written(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(write: impl FnOnce()) -> Vec<u8> {
        let written = Written::default();
        let writer = written.clone();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, write);
        let bytes = written.0.lock().unwrap();
        bytes.clone()
    }

    fn read(text: impl AsRef<[u8]>) -> Log {
        Log::read(text.as_ref()).unwrap()
    }

    #[test]
    fn a_record_is_one_json_line_and_reads_back_the_same() {
        let parent_id = Some(SpanId([1; 8]));
        let child = Record { parent_id, key: None, events: Some(12), ..record() };
        let text = logged(|| {
            emit(&record());
            tracing::info!(target: "session", "request");
            emit(&child);
        });
        assert_eq!(text.iter().filter(|byte| **byte == b'\n').count(), 3);
        let first: Value = serde_json::from_slice(text.split(|b| *b == b'\n').next().unwrap())
            .expect("a line of JSON");
        assert_eq!(first["duration_us"], 1234);
        assert_eq!(first["message"], "request");
        assert_eq!((first.get("parent_id"), first.get("events")), (None, None));

        let log = read(text);
        assert_eq!((log.lines, log.broken), (3, 0));
        assert_eq!(log.records, [record(), child]);
    }

    #[test]
    fn broken_lines_are_named_and_what_stands_around_them_is_read() {
        let good = logged(|| emit(&record()));
        let mut text = good.clone();
        text.extend_from_slice(b"\xff\xfe\x00 garbage\n");
        text.extend_from_slice(b"WARN a line for people\n\r\n");
        text.extend_from_slice(&good[20..]);
        text.extend_from_slice(
            b"{\"target\":\"exchange\",\"message\":\"request\",\"node\":\"x\"}\n",
        );
        text.extend_from_slice(b"{\"target\":5}\n");
        text.extend_from_slice(&good);
        text.extend_from_slice(&good[..good.len() / 2]);

        let log = read(text);

        assert_eq!(log.records.len(), 2);
        let named: Vec<_> = log.named.iter().map(ToString::to_string).collect();
        let expected = [
            "line 2: no JSON object",
            "line 3: no JSON object",
            "line 5: no JSON object",
            "line 6: the record's method is missing or wrong",
            "line 9: cut off",
        ];
        assert_eq!(named, expected);
    }

    #[test]
    fn every_field_is_checked() {
        let good = String::from_utf8(logged(|| emit(&record()))).unwrap();
        let table = [
            ("\"hub\"", "\"a\\u001b[2J\"", "node"),
            ("\"in\"", "\"up\"", "dir"),
            ("\"unimplemented\"", "\"fine\"", "code"),
            ("1764000000000000", "9223372036854775807", "started_us"),
            (":1234,", ":18446744073709551615,", "duration_us"),
            ("0707", "07", "trace_id"),
            ("0808", "zz08", "span_id"),
            ("0909", "", "key"),
        ];
        for (was, is, field) in table {
            assert!(good.contains(was), "{was}");
            let log = read(good.replacen(was, is, 1));
            assert_eq!(log.named, [BrokenLine { line: 1, fault: Fault::Field(field) }], "{is}");
        }
        for wrong in ["\"attempt\":-2", "\"attempt\":\"2\"", "\"attempt\":2,\"attempt\":2"] {
            let log = read(good.replacen("\"attempt\":2", wrong, 1));
            assert_eq!(log.named, [BrokenLine { line: 1, fault: Fault::Form }], "{wrong}");
        }
    }

    #[test]
    fn a_line_of_a_hundred_megabytes_costs_no_memory_and_hides_nothing() {
        let good = logged(|| emit(&record()));
        let huge = io::repeat(b'x').take(100_000_000);
        let text = good.as_slice().chain(huge).chain(&b"\n"[..]).chain(good.as_slice());
        let mut reader = BufReader::with_capacity(1 << 20, text);
        let mut line = Vec::new();
        while next_line(&mut reader, &mut line).unwrap().is_some() {
            assert!(line.capacity() <= 2 * LINE_MAX_BYTES);
        }

        let huge = io::repeat(b'x').take(1_000_000);
        let text = good.as_slice().chain(huge).chain(&b"\n"[..]).chain(good.as_slice());
        let log = Log::read(BufReader::new(text)).unwrap();
        assert_eq!(log.records.len(), 2);
        assert_eq!(log.named, [BrokenLine { line: 2, fault: Fault::TooLong }]);
    }
}
