//! The words that bothways nodes speak: messages, codes, limits and the CBOR codec.
//!
//! This crate acts on values in memory alone: no socket, no clock, no file, no task. `SPEC.md`
//! beside it says the same in prose, `bothways.cddl` as a grammar, `vectors/` by example.
//!
//! A request crosses as bytes, however the network cuts them, and comes out as it went in:
//!
//! ```
//! use std::time::Duration;
//!
//! use bothways_protocol::{Encoded, Frames, IdempotencyKey, Outgoing, Request, Trace};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let request = Request {
//!     method: "people.create".parse()?,
//!     params: Encoded::of(&std::collections::BTreeMap::from([("name", "Ann")]))?,
//!     deadline: Duration::from_secs(10),
//!     key: Some(IdempotencyKey([7; 16])),
//!     trace: Trace::new([1; 16], [2; 8]).ok_or("an id of zeros")?,
//!     attempt: 1,
//!     to: None,
//!     via: Vec::new(),
//! };
//! let sent = request.encode();
//!
//! let mut arriving = Frames::new(64 * 1024);
//! arriving.push(sent.slice(..5));
//! assert_eq!(arriving.next_message()?, None);
//! arriving.push(sent.slice(5..));
//! let message = arriving.next_message()?.ok_or("more is needed")?;
//! assert_eq!(Request::decode(&message)?, request);
//! # Ok(())
//! # }
//! ```

mod cbor;
mod close;
mod code;
mod failure;
mod frame;
mod message;
mod method;
mod name;
mod role;
mod text;
mod trace;
mod watch;

pub use cbor::{ARRAY_MAX_ITEMS, DEPTH_MAX, Encoded, MAP_MAX_PAIRS, MalformedError, ParamsError};
pub use close::{CloseCode, ResetCode};
pub use code::{Code, CodeError, Retry};
pub use failure::Failure;
pub use frame::{FrameError, Frames, body_bytes};
pub use message::{
    Bye, Control, Event, EventTail, Farewell, GoingAway, Greeting, LaneAnswer, LaneAsk, LaneEnd,
    LaneError, LaneId, MessageError, Opening, Outgoing, PeerLimits, Reply, Request,
};
pub use method::{Effect, Method};
pub use name::{
    DisplayName, LABEL_MAX_CHARS, MethodName, NAME_MAX_CHARS, NameError, NetworkName, NodeName,
};
pub use role::{Role, RoleError};
pub use text::is_visible;
pub use trace::{IdempotencyKey, SpanId, Trace, TraceError, TraceId};
pub use watch::{
    Acknowledge, Acknowledged, Cursor, CursorError, DurableName, Watch, WatchBegan, WatchFrom,
    WatchFromError,
};

/// The protocol's version, as greetings carry it.
pub const VERSION: u32 = 1;

/// The feature of greetings that says that a node takes lanes.
pub const LANES: &str = "lanes";

/// The name under which TLS negotiates the protocol (ALPN, RFC 7301).
pub const ALPN: &[u8] = b"bothways/1";
