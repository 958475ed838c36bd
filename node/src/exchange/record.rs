//! The record of a request at one of its ends.

use std::fmt;
use std::str::FromStr;

use bothways_protocol::{Code, CodeError, IdempotencyKey, MethodName, NodeName, SpanId, TraceId};

/// The `target` of the log lines that hold records.
pub const TARGET: &str = "exchange";

/// The `message` of the log lines that hold records.
pub const MESSAGE: &str = "request";

/// One request as one of its two ends saw it, or a subscription until now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The node that wrote this record.
    pub node: NodeName,
    /// Whether that node asked or answered.
    pub dir: Direction,
    /// The node at the other end.
    pub peer: NodeName,
    /// What was asked for.
    pub method: MethodText,
    /// How it ended, as far as this end knows.
    pub code: Outcome,
    /// When it began here, in microseconds since 1970 by this node's wall clock: before the
    /// request was sent (`Out`), after its first byte was received (`In`).
    pub started_us: i64,
    /// How long it took here, in microseconds by a clock that never jumps.
    pub duration_us: u64,
    /// The time that it was given when it began here, in milliseconds.
    pub deadline_ms: u64,
    /// Bytes of messages that this end sent: the request (`Out`) or the response (`In`).
    pub sent_bytes: u64,
    /// Bytes of messages that this end received.
    pub received_bytes: u64,
    /// All that one first request caused carries this id.
    pub trace_id: TraceId,
    /// This leg's id, the same at both ends.
    pub span_id: SpanId,
    /// The leg that this one was issued under; the answering end does not know it.
    pub parent_id: Option<SpanId>,
    /// What makes a write act once, the same for each attempt.
    pub key: Option<IdempotencyKey>,
    /// 1 for the first attempt; each attempt has a span of its own.
    pub attempt: u32,
    /// How many events a subscription has delivered until now, by this end; `None` for what is no
    /// subscription.
    ///
    /// A subscription leaves more than one record at each end: when it begins, while it delivers,
    /// and when it ends. All of them begin at the same time; the longest tells most.
    pub events: Option<u64>,
}

impl Record {
    /// The node that issued the request.
    #[must_use]
    pub fn asker(&self) -> &NodeName {
        match self.dir {
            Direction::Out => &self.node,
            Direction::In => &self.peer,
        }
    }

    /// The node that the request was issued to.
    #[must_use]
    pub fn answerer(&self) -> &NodeName {
        match self.dir {
            Direction::Out => &self.peer,
            Direction::In => &self.node,
        }
    }

    /// When it ended here, in microseconds since 1970 by this node's clock.
    #[must_use]
    pub fn ended_us(&self) -> i64 {
        self.started_us.saturating_add_unsigned(self.duration_us)
    }
}

/// Which end of a request a node was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// It asked.
    Out,
    /// It answered.
    In,
}

impl Direction {
    /// The word for it: `out` or `in`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Out => "out",
            Self::In => "in",
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A word that is no direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DirectionError;

impl fmt::Display for DirectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a direction is in or out")
    }
}

impl std::error::Error for DirectionError {}

impl FromStr for Direction {
    type Err = DirectionError;

    fn from_str(word: &str) -> Result<Self, DirectionError> {
        match word {
            "out" => Ok(Self::Out),
            "in" => Ok(Self::In),
            _ => Err(DirectionError),
        }
    }
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// With a result.
    Ok,
    /// With an error, the peer's or this end's own.
    Failed(Code),
}

impl Outcome {
    /// The word for it: `ok` or the code.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed(code) => code.as_str(),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Outcome {
    type Err = CodeError;

    fn from_str(word: &str) -> Result<Self, CodeError> {
        if word == "ok" { Ok(Self::Ok) } else { word.parse().map(Self::Failed) }
    }
}

/// The longest text that is kept of a method that has no valid name, in characters.
const FOREIGN_CHARS: usize = 64;

/// What was asked for, fit to be shown: a method's name, or what the peer sent in its place.
///
/// It holds visible ASCII alone, whatever the peer sent, so it neither breaks a line nor moves
/// what stands around it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MethodText(Text);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Text {
    Name(MethodName),
    Foreign(Box<str>),
    Unread,
}

impl MethodText {
    /// The request could not be read as far as its method; shown as `?`.
    pub const UNREAD: Self = Self(Text::Unread);

    /// What a peer sent where a method's name belongs: in quotes, escaped, cut at 64 characters.
    #[must_use]
    pub fn foreign(text: &str) -> Self {
        match text.parse() {
            Ok(name) => Self(Text::Name(name)),
            Err(_) => Self(Text::Foreign(quoted(text, |c| c != '\\'))),
        }
    }

    /// The text as a log line has it: written by [`emit`](super::emit()), or forged.
    pub(crate) fn from_log(text: &str) -> Self {
        if text == "?" {
            return Self::UNREAD;
        }
        match text.parse() {
            Ok(name) => Self(Text::Name(name)),
            Err(_) => {
                let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
                Self(Text::Foreign(quoted(inner.unwrap_or(text), |_| true)))
            }
        }
    }

    /// The text to show.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Text::Name(name) => name.as_str(),
            Text::Foreign(text) => text,
            Text::Unread => "?",
        }
    }

    /// Whether it is the name of a method.
    #[must_use]
    pub fn is_name(&self) -> bool {
        matches!(self.0, Text::Name(_))
    }
}

impl From<MethodName> for MethodText {
    fn from(name: MethodName) -> Self {
        Self(Text::Name(name))
    }
}

impl fmt::Display for MethodText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

fn quoted(text: &str, plain: fn(char) -> bool) -> Box<str> {
    const CUT: &str = "...";
    let mut shown = String::from("\"");
    for c in text.chars() {
        if (c.is_ascii_graphic() || c == ' ') && plain(c) {
            shown.push(c);
        } else {
            shown.extend(c.escape_default());
        }
        if shown.len() > 1 + FOREIGN_CHARS {
            shown.truncate(1 + FOREIGN_CHARS - CUT.len());
            shown.push_str(CUT);
            break;
        }
    }
    shown.push('"');
    shown.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_peer_sends_as_method_stays_one_visible_line() {
        let table = [
            ("people.create", "people.create"),
            ("", "\"\""),
            ("?", "\"?\""),
            ("a\nb", "\"a\\nb\""),
            ("\u{1b}[2J", "\"\\u{1b}[2J\""),
            ("\u{202e}evil", "\"\\u{202e}evil\""),
            ("\\n", "\"\\\\n\""),
        ];
        for (sent, shown) in table {
            assert_eq!(MethodText::foreign(sent).as_str(), shown);
        }
        let long = MethodText::foreign(&"\u{1}x".repeat(1_000_000));
        assert_eq!(long.as_str().len(), 1 + FOREIGN_CHARS + 1);
        assert!(long.as_str().ends_with("...\""));
    }

    #[test]
    fn a_method_reads_back_from_a_log_as_it_was_shown() {
        for sent in ["people.create", "", "?", "a\"b", "\\", "ä\n", "\"", &"\u{7}".repeat(99)] {
            let method = MethodText::foreign(sent);
            assert_eq!(MethodText::from_log(method.as_str()), method, "{sent:?}");
        }
        assert_eq!(MethodText::from_log("?"), MethodText::UNREAD);
        assert!(MethodText::from_log("x\ny").as_str().is_ascii());
    }
}
