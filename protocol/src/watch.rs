//! How a peer watches what changes at another, by convention of all services that tell of their
//! changes: `<service>.watch`, `<service>.acknowledge`, `<service>.durables` and
//! `<service>.forget`.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::name::{LABEL_MAX_CHARS, LABEL_PATTERN};
use crate::{NameError, NodeName};

/// The longest cursor, in bytes.
const CURSOR_MAX_BYTES: usize = 64;

/// The same as text, in characters.
const CURSOR_MAX_CHARS: usize = (CURSOR_MAX_BYTES * 4).div_ceil(3);

/// How a cursor is written, as JSON Schema says it.
const CURSOR_PATTERN: &str = "^[A-Za-z0-9_-]{2,}$";

/// Params of `<service>.watch`: the response is a [`WatchBegan`], behind it come events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(description = "Begins to tell the caller of what changes.")]
pub struct Watch {
    /// What to be told of: topics such as `people.created`, or `people.*`, all of them, which is
    /// the default.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("examples" = [["people.*"]]))]
    pub topics: Vec<String>,
    /// Where to begin; a durable subscription begins anew there. Without it now, a durable one where
    /// it stands, a new one with everything that is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<WatchFrom>,
    /// The subscription whose place the node that answers remembers: it moves when the subscriber
    /// acknowledges.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub durable: Option<DurableName>,
}

/// A subscription has begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WatchBegan {
    /// Where it begins: what stands behind this is told.
    pub cursor: Cursor,
    /// Whether the service wants each event acknowledged, durable subscription or not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub acknowledge: bool,
}

/// Params of `<service>.acknowledge`, a write: the subscriber has dealt with an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(description = "Says that the subscriber has dealt with an event.")]
pub struct Acknowledge {
    /// The event's cursor.
    pub cursor: Cursor,
    /// The durable subscription that moves on to there, and never back; without it that one event
    /// alone is acknowledged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub durable: Option<DurableName>,
}

/// An event is acknowledged.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Acknowledged {}

/// Params of `<service>.durables`: the caller's durable subscriptions there are told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(description = "Lists the caller's durable subscriptions.")]
pub struct ListDurables {}

/// The durable subscriptions of a caller at a service, in the order of their names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Durables {
    /// The durable subscriptions.
    pub durables: Vec<DurableStanding>,
}

/// Where a durable subscription stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DurableStanding {
    /// Its name.
    pub name: DurableName,
    /// Everything up to here is acknowledged.
    pub cursor: Cursor,
    /// How many changes stand behind that at the node, whether or not they are for it.
    pub behind: u64,
}

/// Params of `<service>.forget`, a write: the durable subscription ends, and its place is free.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(description = "Ends a durable subscription of the caller's.")]
pub struct Forget {
    /// Its name.
    pub durable: DurableName,
}

/// A durable subscription is forgotten.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Forgotten {}

/// Where a subscription begins. Written `now`, `all` or as a cursor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("pattern" = CURSOR_PATTERN, "maxLength" = CURSOR_MAX_CHARS))]
#[schemars(extend("examples" = ["now", "all"]))]
#[schemars(description = "Where a subscription begins: now, all, or a cursor")]
pub enum WatchFrom {
    /// With what changes from now on.
    Now,
    /// With the oldest change that is kept.
    All,
    /// Behind an event, or behind a listing.
    Cursor(Cursor),
}

/// A place in what a service tells, as only that service can read it: opaque, at most 64 bytes.
///
/// It is good for the caller that was given it, with the same service over the same store. In an
/// event it stands as bytes, in params and results as base64url without padding (RFC 4648 §5).
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("pattern" = CURSOR_PATTERN, "maxLength" = CURSOR_MAX_CHARS))]
#[schemars(description = "A place in what a service tells, as an event or a listing gave it")]
pub struct Cursor(Bytes);

/// What is no cursor.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("this is no cursor: use one that an event or a listing gave")]
pub struct CursorError;

impl Cursor {
    /// The cursor as an event carries it.
    ///
    /// # Errors
    /// More than 64 bytes.
    pub fn of_bytes(bytes: Bytes) -> Result<Self, CursorError> {
        (bytes.len() <= CURSOR_MAX_BYTES).then_some(Self(bytes)).ok_or(CursorError)
    }

    /// The cursor as an event carries it.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.0
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&URL_SAFE_NO_PAD.encode(&self.0))
    }
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cursor({self})")
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| CursorError)?;
        if bytes.is_empty() { Err(CursorError) } else { Self::of_bytes(bytes.into()) }
    }
}

impl TryFrom<String> for Cursor {
    type Error = CursorError;

    fn try_from(text: String) -> Result<Self, CursorError> {
        text.parse()
    }
}

impl From<Cursor> for String {
    fn from(cursor: Cursor) -> Self {
        cursor.to_string()
    }
}

/// What is no beginning of a subscription.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is neither now nor all nor a cursor")]
pub struct WatchFromError(String);

impl FromStr for WatchFrom {
    type Err = WatchFromError;

    fn from_str(text: &str) -> Result<Self, WatchFromError> {
        match text {
            "now" => Ok(Self::Now),
            "all" => Ok(Self::All),
            cursor => {
                let shown = || WatchFromError(cursor.chars().take(100).collect());
                cursor.parse().map(Self::Cursor).map_err(|_| shown())
            }
        }
    }
}

impl fmt::Display for WatchFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Now => f.pad("now"),
            Self::All => f.pad("all"),
            Self::Cursor(cursor) => cursor.fmt(f),
        }
    }
}

impl TryFrom<String> for WatchFrom {
    type Error = WatchFromError;

    fn try_from(text: String) -> Result<Self, WatchFromError> {
        text.parse()
    }
}

impl From<WatchFrom> for String {
    fn from(from: WatchFrom) -> Self {
        from.to_string()
    }
}

/// The name of a durable subscription, one of a caller's at a service: written like a
/// [`NodeName`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(description = "The name of a durable subscription")]
#[schemars(extend("minLength" = 1, "maxLength" = LABEL_MAX_CHARS, "pattern" = LABEL_PATTERN))]
pub struct DurableName(NodeName);

impl DurableName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for DurableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for DurableName {
    type Err = NameError;

    fn from_str(name: &str) -> Result<Self, NameError> {
        let kind = "name of a subscription";
        name.parse().map(Self).map_err(|error| match error {
            NameError::Empty { .. } => NameError::Empty { kind },
            NameError::TooLong { max, chars, .. } => NameError::TooLong { kind, max, chars },
            NameError::Form { name, rule, .. } => NameError::Form { kind, name, rule },
        })
    }
}

impl TryFrom<String> for DurableName {
    type Error = NameError;

    fn try_from(name: String) -> Result<Self, NameError> {
        name.parse()
    }
}

impl From<DurableName> for String {
    fn from(name: DurableName) -> Self {
        name.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Encoded;

    #[test]
    fn a_cursor_is_the_same_as_bytes_and_as_text() {
        let cursor = Cursor::of_bytes(Bytes::from_static(&[1, 0xff, 0, 7])).unwrap();
        assert_eq!(cursor.to_string().parse(), Ok(cursor.clone()));
        let from = WatchFrom::Cursor(cursor);
        assert_eq!(from.to_string().parse(), Ok(from));
        for bad in ["", "=", "a b", "AAA=", "ä", &"A".repeat(88)] {
            assert_eq!(bad.parse::<Cursor>(), Err(CursorError), "{bad}");
        }
    }

    #[test]
    fn a_cursor_has_64_bytes_at_the_most() {
        for (bytes, fits) in [(64, true), (65, false)] {
            let cursor = Cursor::of_bytes(Bytes::from(vec![7; bytes]));
            assert_eq!(cursor.is_ok(), fits, "{bytes}");
        }
    }

    #[test]
    fn what_is_not_given_is_not_written() {
        let watch = Watch::default();
        assert_eq!(Encoded::of(&watch).unwrap(), Encoded::empty_map());
        assert_eq!(Encoded::empty_map().decode::<Watch>().unwrap(), watch);
    }
}
