//! The words that bothways nodes speak: messages, codes, limits and the CBOR codec.
//!
//! This crate acts on values in memory alone: no socket, no clock, no file, no task. `SPEC.md`
//! beside it says the same in prose, `bothways.cddl` as a grammar, `vectors/` by example.

mod code;
mod failure;
mod method;
mod name;
mod role;
mod trace;

pub use code::{Code, CodeError, Retry};
pub use failure::Failure;
pub use method::{Effect, Method};
pub use name::{
    DisplayName, LABEL_MAX_CHARS, MethodName, NAME_MAX_CHARS, NameError, NetworkName, NodeName,
    is_visible,
};
pub use role::{Role, RoleError};
pub use trace::{IdempotencyKey, SpanId, Trace, TraceError, TraceId};
