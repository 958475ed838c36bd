//! What is wrong with bytes that should be CBOR.

use thiserror::Error;

use super::{ARRAY_MAX_ITEMS, DEPTH_MAX, MAP_MAX_PAIRS};

/// Bytes that are no CBOR item within the protocol's bounds.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MalformedError {
    /// The bytes end inside an item.
    #[error("the bytes end inside a CBOR item")]
    Truncated,
    /// The bytes break RFC 8949 at this offset.
    #[error("no well-formed CBOR (RFC 8949) at byte {at}")]
    Syntax {
        /// The offset, in bytes from the beginning of the message.
        at: usize,
    },
    /// Arrays, maps and tags are nested too deeply.
    #[error("nested more than {DEPTH_MAX} deep, the message's own maps counted")]
    TooDeep,
    /// An array or a map has too many entries.
    #[error(
        "an array of more than {ARRAY_MAX_ITEMS} items or a map of more than {MAP_MAX_PAIRS} pairs"
    )]
    TooMany,
    /// Something stands behind the item.
    #[error("{bytes} bytes behind the end of the CBOR item")]
    Trailing {
        /// How many bytes.
        bytes: usize,
    },
    /// Another type of item was needed here.
    #[error("expected {expected} at byte {at}")]
    Expected {
        /// What was needed.
        expected: &'static str,
        /// The offset, in bytes from the beginning of the message.
        at: usize,
    },
    /// A text is not UTF-8 (RFC 8949 §3.1).
    #[error("a text that is not UTF-8 at byte {at}")]
    Utf8 {
        /// The offset, in bytes from the beginning of the message.
        at: usize,
    },
}
