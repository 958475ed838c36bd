//! The words that bothways nodes speak: messages, codes, limits and the CBOR codec.
//!
//! This crate acts on values in memory alone: no socket, no clock, no file, no task. `SPEC.md`
//! beside it says the same in prose, `bothways.cddl` as a grammar, `vectors/` by example.

mod cbor;
mod close;
mod code;
mod failure;
mod frame;
mod message;
mod method;
mod name;
mod role;
mod trace;

pub use cbor::{ARRAY_MAX_ITEMS, DEPTH_MAX, Encoded, MAP_MAX_PAIRS, MalformedError, ParamsError};
pub use close::{CloseCode, ResetCode};
pub use code::{Code, CodeError, Retry};
pub use failure::Failure;
pub use frame::{FrameError, Frames};
pub use message::{
    Bye, Control, Event, Farewell, GoingAway, Greeting, MessageError, Outgoing, PeerLimits, Reply,
    Request,
};
pub use method::{Effect, Method};
pub use name::{
    DisplayName, LABEL_MAX_CHARS, MethodName, NAME_MAX_CHARS, NameError, NetworkName, NodeName,
    is_visible,
};
pub use role::{Role, RoleError};
pub use trace::{IdempotencyKey, SpanId, Trace, TraceError, TraceId};

/// The protocol's version, as greetings carry it.
pub const VERSION: u32 = 1;

/// The name under which TLS negotiates the protocol (ALPN, RFC 7301).
pub const ALPN: &[u8] = b"bothways/1";
