//! The table: every case, and what bothways is to reach in it.

use std::time::Duration;

use crate::case::Goal::{AtLeast, AtMost, NoMoreThan, Shown};
use crate::case::Measure::{CpuUs, KibPerSession, P50Us, P99Us, PerSecond};
use crate::case::{Case, Requests, Work};
use crate::contender::Contender::{
    Bothways, BothwaysOutside, BothwaysStreams, Quinn, QuinnFramed, Tarpc, Tonic,
};

/// How many bytes the params of a request hold, and its result, where the case does not say
/// otherwise.
pub(crate) const BODY_BYTES: usize = 64;

/// Every case, in the order of the report; quick ones take shorter windows.
pub(crate) fn all(quick: bool) -> Vec<Case> {
    let requests = |in_flight| Requests {
        in_flight,
        body_bytes: BODY_BYTES,
        warm_up: Duration::from_millis(if quick { 250 } else { 1_000 }),
        window: Duration::from_millis(if quick { 1_000 } else { 4_000 }),
    };
    vec![
        Case::new("64 in flight", Work::Requests(requests(64)))
            .row(BothwaysStreams, PerSecond, AtLeast(0.90, Quinn))
            .row(BothwaysStreams, PerSecond, AtLeast(3.5, Tonic))
            .row(BothwaysStreams, PerSecond, AtLeast(1.0, Tarpc))
            .row(Bothways, PerSecond, AtLeast(1.5, Quinn))
            .row(Bothways, PerSecond, AtLeast(0.80, QuinnFramed))
            .row(Bothways, PerSecond, AtLeast(6.0, Tonic))
            .row(Bothways, PerSecond, AtLeast(1.5, Tarpc))
            .row(BothwaysOutside, PerSecond, Shown)
            .row(BothwaysStreams, P99Us, AtMost(1.2, Quinn))
            .row(Bothways, P99Us, AtMost(1.2, Quinn)),
        Case::new("64 in flight, one core", Work::Requests(requests(64)))
            .on_one_core()
            .row(BothwaysStreams, CpuUs, AtMost(1.15, Quinn))
            .row(Bothways, CpuUs, AtMost(0.7, Quinn)),
        Case::new("1 in flight, one core", Work::Requests(requests(1)))
            .on_one_core()
            .row(BothwaysStreams, P50Us, AtMost(1.10, Quinn))
            .row(Bothways, P50Us, AtMost(1.10, Quinn)),
        // Below the rate of Initials at which a node asks for a Retry, whatever the machine.
        Case::new("start to first response", connects(quick)).row(
            Bothways,
            P50Us,
            AtMost(1.25, Quinn),
        ),
        Case::new("idle sessions", Work::IdleSessions { count: 200 }).row(
            Bothways,
            KibPerSession,
            NoMoreThan(44.0),
        ),
    ]
}

fn connects(quick: bool) -> Work {
    Work::Connects { count: if quick { 50 } else { 150 } }
}
