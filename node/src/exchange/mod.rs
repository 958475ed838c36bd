//! The exchange: what a person can see of who asked whom for what.
//!
//! Each end of each request leaves one [`Record`]. Many nodes' records are [`merge`]d to
//! [`Exchanges`], in the order of cause and not of clocks, and [`draw`] shows those. This layer
//! knows records alone: no task, no socket, no session. It imports the protocol's words and what
//! reads and writes lines.

pub mod draw;
mod emit;
mod fields;
mod log;
mod merge;
mod recent;
mod record;
mod recorder;
mod spans;
mod stats;
mod telling;

pub use emit::emit;
#[cfg(test)]
pub(crate) use emit::emit_event;
pub(crate) use emit::{ShortWay, TakeRecords, is_wanted};
pub use fields::RecordFields;
pub use log::{BrokenLine, Fault, LINE_MAX_BYTES, Log};
pub use merge::{Clock, Ends, Event, Exchange, Exchanges, Filter, Gap, Step, Times, Tree, merge};
pub(crate) use recent::Recent;
pub use recent::{Fed, RecordFeed};
pub use record::{Direction, DirectionError, MESSAGE, MethodText, Outcome, Record, TARGET};
pub(crate) use recorder::{READS_RECORDS, Recorder};
pub use spans::Export;
pub use stats::{Spread, Stat, stats};
pub(crate) use telling::Telling;
