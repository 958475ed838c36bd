//! A bench: the same request over and over, and how long the answers took.
//!
//! Knows a peer to ask and what came of it; knows no session. [`Load`] is what to send and how,
//! [`Meter`] counts along, [`Report`] says what was measured. [`Bench`] is the service by which a
//! peer can be told to ask back; a node has it only where its configuration names it.

mod load;
mod pacer;
mod report;
mod service;
mod tally;
mod turns;

pub use load::{Load, Pace};
pub use report::{Bin, Latency, Report};
pub use service::{ASKS_AT_ONCE_MAX, Ask, BODY_MAX_BYTES, Bench, Echo, Echoed};
pub use tally::{Meter, Progress};
