//! The harness of the scenarios: real nodes under a throw-away authority, services to ask, a
//! dialer and a listener that can do wrong things byte by byte, and the records that nodes leave.
//!
//! Everything listens on port 0 of the loopback address, and waits on conditions. A condition that
//! does not come to hold within [`PATIENCE`] fails its test.

#![allow(clippy::unwrap_used, reason = "a harness that cannot go on has failed its test")]
#![allow(missing_docs, reason = "names say what the few lines behind them do")]

mod binary;
pub mod faults;
pub mod history;
mod http;
mod lab;
mod network;
mod raw;
mod records;
mod shown;

pub use binary::{Ongoing, Program, Running, Said};
pub use http::{Asked, Heard, HeardStream, Pushed};
pub use lab::{
    Block, CallBack, Describe, Echo, Lab, LabSeen, OnThread, Panic, Relay, Slow, SlowCallBack,
    SlowWrite, TimeLeft, TimeLeftAtCaller, this_thread,
};
pub use network::{Network, Setup, gone, until, until_session};
pub use raw::{RawDialer, RawListener, RawSession, RawStream, close_of, greeting, request};
pub use records::{records_of, until_records};
pub use shown::{certified, expired, for_network, showing, showing_nothing};

use std::time::Duration;

/// How long a condition may take to hold: far longer than it ever needs.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Waits for what must come, and fails the test where it does not.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: not within {} s", PATIENCE.as_secs()),
    }
}
