//! Trace context: which request caused which (W3C Trace Context, Level 2).

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// The identity of one leg of a request: the trace it belongs to and the span that the asking
/// node gave it. Both ends log the same span id; that is how exchanges are paired.
///
/// Its text form is the W3C `traceparent`, version 00.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Trace {
    trace_id: [u8; 16],
    span_id: [u8; 8],
    flags: u8,
}

/// The bit of the flags that says that the caller records this trace.
const SAMPLED: u8 = 1;
/// The bits that version 00 knows: sampled and random. Others are not passed on
/// (W3C, "Other Flags").
const KNOWN_FLAGS: u8 = 0b11;

impl Trace {
    /// The length on the wire: trace id, span id and flags, in this order.
    pub const BYTES: usize = 25;

    /// A trace from its parts, recorded; `None` where an id is all zeros, as no `traceparent` is.
    #[must_use]
    pub fn new(trace_id: [u8; 16], span_id: [u8; 8]) -> Option<Self> {
        let zero = trace_id == [0; 16] || span_id == [0; 8];
        (!zero).then_some(Self { trace_id, span_id, flags: SAMPLED })
    }

    /// The trace as on the wire.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..16].copy_from_slice(&self.trace_id);
        bytes[16..24].copy_from_slice(&self.span_id);
        bytes[24] = self.flags;
        bytes
    }

    /// The trace from its form on the wire; `None` where the length is wrong or an id is zero.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; Self::BYTES] = bytes.try_into().ok()?;
        let (trace_id, rest) = bytes.split_first_chunk::<16>()?;
        let (span_id, flags) = rest.split_first_chunk::<8>()?;
        let flags = *flags.first()?;
        Some(Self { flags, ..Self::new(*trace_id, *span_id)? })
    }

    /// The same trace with another span: the next hop, or the next attempt.
    #[must_use]
    pub fn with_span(self, span_id: [u8; 8]) -> Option<Self> {
        let flags = self.flags & KNOWN_FLAGS;
        Some(Self { flags, ..Self::new(self.trace_id, span_id)? })
    }

    /// The trace's id, shared by all legs that one first request caused.
    #[must_use]
    pub fn trace_id(self) -> TraceId {
        TraceId(self.trace_id)
    }

    /// This leg's id.
    #[must_use]
    pub fn span_id(self) -> SpanId {
        SpanId(self.span_id)
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.trace_id(), self.span_id(), self.flags)
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no `traceparent`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("no traceparent: 00-<32 hex digits>-<16 hex digits>-<2 hex digits>, ids not zero")]
pub struct TraceError;

/// Reads a `traceparent`, of version 00 or of a later one: of that, as much as version 00 has, and of
/// its flags the one that says that the trace is recorded (W3C Trace Context, "Versioning of
/// traceparent").
impl FromStr for Trace {
    type Err = TraceError;

    fn from_str(text: &str) -> Result<Self, TraceError> {
        let mut parts = text.split('-');
        let mut part = || parts.next().ok_or(TraceError);
        let (version, trace, span, flags) = (part()?, part()?, part()?, part()?);
        let [version] = bytes_of(version)?;
        let lower = !text.bytes().any(|c| c.is_ascii_uppercase());
        // Version ff is none, and only a later version has more parts.
        if version == 0xff || (version == 0 && parts.next().is_some()) || !lower {
            return Err(TraceError);
        }
        let [flags] = bytes_of(flags)?;
        let flags = if version == 0 { flags } else { flags & SAMPLED };
        let found = Self::new(bytes_of(trace)?, bytes_of(span)?).ok_or(TraceError)?;
        Ok(Self { flags, ..found })
    }
}

fn bytes_of<const N: usize>(digits: &str) -> Result<[u8; N], TraceError> {
    let mut bytes = [0; N];
    hex::decode_to_slice(digits, &mut bytes).map_err(|_| TraceError)?;
    Ok(bytes)
}

/// Declares an id that is shown as lower-case hexadecimal digits.
macro_rules! id {
    ($(#[$doc:meta])* $Id:ident, $bytes:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $Id(pub [u8; $bytes]);

        impl fmt::Display for $Id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut digits = [0; 2 * $bytes];
                hex::encode_to_slice(self.0, &mut digits).map_err(|_| fmt::Error)?;
                f.pad(std::str::from_utf8(&digits).map_err(|_| fmt::Error)?)
            }
        }

        impl fmt::Debug for $Id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $Id {
            type Err = hex::FromHexError;

            fn from_str(digits: &str) -> Result<Self, hex::FromHexError> {
                let mut bytes = [0; $bytes];
                hex::decode_to_slice(digits, &mut bytes)?;
                Ok(Self(bytes))
            }
        }
    };
}

id! {
    /// The id of a trace: all that one first request caused.
    TraceId, 16
}

id! {
    /// The id of one leg of a request, the same in the records of both of its ends.
    SpanId, 8
}

id! {
    /// What makes a write act once: 128 bits that the caller's library draws for each write and
    /// sends again with each attempt.
    IdempotencyKey, 16
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_traceparent_reads_and_writes_the_same() {
        let trace: Trace = TEXT.parse().unwrap();
        assert_eq!(trace.to_string(), TEXT);
        assert_eq!(Trace::from_bytes(&trace.to_bytes()), Some(trace));
        assert_eq!(trace.span_id().to_string(), "b7ad6b7169203331");
    }

    #[test]
    fn the_next_span_is_of_the_same_trace_and_passes_on_known_flags_alone() {
        let trace: Trace = TEXT.replace("-01", "-ff").parse().unwrap();
        let next = trace.with_span([9; 8]).unwrap();
        assert_eq!(next.to_string(), "00-0af7651916cd43dd8448eb211c80319c-0909090909090909-03");
        assert_eq!(trace.with_span([0; 8]), None);
    }

    #[test]
    fn of_a_later_version_as_much_is_read_as_this_one_knows() {
        let trace: Trace = TEXT.parse().unwrap();
        for later in [TEXT.replacen("00", "01", 1), TEXT.replacen("00", "cc", 1) + "-what-ever"] {
            assert_eq!(later.parse(), Ok(trace), "{later}");
        }
        let unknown = format!("01{}fe", &TEXT[2..53]).parse::<Trace>().unwrap();
        assert_eq!(&unknown.to_string()[53..], "00");
        assert_eq!(TEXT.replacen("00", "ff", 1).parse::<Trace>(), Err(TraceError));
    }

    #[test]
    fn zero_ids_wrong_lengths_and_upper_case_are_refused() {
        assert_eq!(Trace::new([0; 16], [1; 8]), None);
        assert_eq!(Trace::from_bytes(&[1; 24]), None);
        let zero_span = "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01";
        for bad in ["", "00", zero_span, &TEXT.to_uppercase(), &format!("{TEXT}-00"), &TEXT[1..]] {
            assert_eq!(bad.parse::<Trace>(), Err(TraceError), "{bad}");
        }
    }
}
