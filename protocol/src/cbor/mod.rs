//! CBOR (RFC 8949) as the protocol uses it: heads written and read by hand, bodies passed on as
//! they came until somebody asks for a type.

mod encoded;
mod glance;
mod malformed;
mod meant;
mod reader;
mod scratch;
mod writer;

pub use encoded::{Encoded, ParamsError};
pub use malformed::MalformedError;
pub(crate) use reader::Reader;
pub(crate) use writer::{Writer, append_message, message, message_part};

/// The deepest nesting of arrays, maps and tags in one message, its own map counted.
pub const DEPTH_MAX: usize = 16;
/// How many maps of a message stand around params, a result or an event's body.
pub(crate) const MAPS_AROUND: usize = 2;
/// The most items in one array.
pub const ARRAY_MAX_ITEMS: usize = 4096;
/// The most pairs in one map.
pub const MAP_MAX_PAIRS: usize = 64;
