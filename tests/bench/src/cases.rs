//! The table: every case, and what bothways is to reach in it.

use std::time::Duration;

use crate::case::Goal::{AtLeast, AtMost, Beside, NoLessThan, NoMoreThan, Shown};
use crate::case::Measure::{
    CpuAnsweringUs, CpuUs, DroppedPercent, IdleCpuPercent, KibPerSession, KibPerSubscriber,
    MbPerSecond, Missed, OthersIdleP99Us, OthersP99Times, OthersP99Us, P50Us, P99Us, PerSecond,
    ResidentMib,
};
use crate::case::{Case, FanOut, Requests, Work};
use crate::contender::Contender::{
    Bothways, BothwaysBothDirections, BothwaysCreates, BothwaysFourThreads, BothwaysLogged,
    BothwaysOneThread, BothwaysOutside, BothwaysPeople, BothwaysPing, BothwaysRecorded,
    BothwaysStreams, BothwaysTold, Quinn, QuinnFramed, QuinnTold, Store, Tarpc, Tonic,
};

/// How many bytes the params of a request hold, and its result, where the case does not say
/// otherwise.
pub(crate) const BODY_BYTES: usize = 64;

/// The case that the chart shows.
pub(crate) const CHARTED: &str = "64 in flight";

/// Every case, in the order of the report.
pub(crate) fn all(pace: Pace) -> Vec<Case> {
    let requests = |in_flight| pace.requests(in_flight);
    vec![
        Case::new(CHARTED, Work::Requests(requests(64)))
            .row(BothwaysStreams, PerSecond, AtLeast(0.90, Quinn))
            .row(BothwaysStreams, PerSecond, AtLeast(3.5, Tonic))
            .row(BothwaysStreams, PerSecond, AtLeast(1.0, Tarpc))
            .row(Bothways, PerSecond, AtLeast(1.5, Quinn))
            .row(Bothways, PerSecond, AtLeast(0.80, QuinnFramed))
            .row(Bothways, PerSecond, AtLeast(6.0, Tonic))
            .row(Bothways, PerSecond, AtLeast(1.5, Tarpc))
            .row(BothwaysOutside, PerSecond, Beside(Bothways))
            .row(BothwaysBothDirections, PerSecond, AtLeast(0.9, Bothways))
            .row(BothwaysRecorded, PerSecond, Beside(Bothways))
            .row(BothwaysLogged, PerSecond, AtLeast(0.7, Bothways))
            .row(BothwaysLogged, DroppedPercent, Shown)
            .row(BothwaysStreams, P99Us, AtMost(1.2, Quinn))
            .row(Bothways, P99Us, AtMost(1.2, Quinn)),
        Case::new("64 in flight, one core", Work::Requests(requests(64)))
            .on_one_core()
            .row(BothwaysStreams, CpuUs, AtMost(1.15, Quinn))
            .row(Bothways, CpuUs, AtMost(0.7, Quinn))
            .row(BothwaysRecorded, CpuUs, Beside(Bothways)),
        Case::new("1 in flight, one core", Work::Requests(requests(1)))
            .on_one_core()
            .row(BothwaysStreams, P50Us, AtMost(1.10, Quinn))
            .row(Bothways, P50Us, AtMost(1.10, Quinn)),
        Case::new("64 KiB, 16 in flight", pace.large())
            .row(Bothways, MbPerSecond, AtLeast(0.9, Quinn))
            .row(Bothways, MbPerSecond, AtLeast(1.0, Tonic)),
        Case::new("store, 64 in flight", Work::Requests(requests(64))).row(
            BothwaysPeople,
            PerSecond,
            AtLeast(0.8, BothwaysPing),
        ),
        Case::new("durable writes, 64 writers", Work::Requests(requests(64)))
            .row(BothwaysCreates, PerSecond, NoLessThan(8_000.0))
            .row(BothwaysCreates, PerSecond, Beside(Store))
            .row(BothwaysCreates, P99Us, NoMoreThan(60_000.0))
            .row(BothwaysCreates, P99Us, Beside(Store)),
        Case::new("a change to 100 subscribers, one at a time", pace.fan_out(1)).row(
            BothwaysTold,
            PerSecond,
            Beside(QuinnTold),
        ),
        Case::new("a change to 100 subscribers, 8 at a time", pace.fan_out(8)).row(
            BothwaysTold,
            PerSecond,
            Beside(QuinnTold),
        ),
        Case::new("a change to 100 subscribers, 64 at a time", pace.fan_out(64))
            .row(BothwaysTold, PerSecond, AtLeast(0.9, QuinnTold))
            .row(BothwaysTold, CpuAnsweringUs, Beside(QuinnTold))
            .row(BothwaysTold, Missed, NoMoreThan(0.0)),
        Case::new("a change to 1,000 subscribers", pace.large_fan_out())
            .rounds(pace.large_fan_outs())
            .row(BothwaysTold, PerSecond, Beside(QuinnTold))
            .row(BothwaysTold, Missed, NoMoreThan(0.0))
            .row(BothwaysTold, KibPerSubscriber, NoMoreThan(64.0))
            .row(BothwaysTold, KibPerSubscriber, Beside(QuinnTold))
            .row(BothwaysTold, OthersP99Times, NoMoreThan(5.0))
            .row(BothwaysTold, OthersP99Us, Shown)
            .row(BothwaysTold, OthersIdleP99Us, Shown),
        Case::new("100 sessions, 2 in flight", pace.crowd())
            .row(BothwaysFourThreads, PerSecond, AtLeast(0.9, BothwaysOneThread))
            .row(BothwaysFourThreads, CpuUs, Beside(BothwaysOneThread))
            .row(BothwaysFourThreads, CpuAnsweringUs, Beside(BothwaysOneThread)),
        Case::new("start to first response", pace.starts()).row(
            Bothways,
            P50Us,
            AtMost(1.25, Quinn),
        ),
        Case::new("10,000 idle sessions", pace.idle_sessions())
            .rounds(1)
            .row(Bothways, KibPerSession, NoMoreThan(44.0))
            .row(Bothways, ResidentMib, NoMoreThan(500.0))
            .row(Bothways, IdleCpuPercent, NoMoreThan(15.0)),
        lossy("1 % loss, 40 ms round trip", 1, pace),
        lossy("5 % loss, 40 ms round trip", 5, pace),
    ]
}

fn lossy(name: &'static str, percent: u8, pace: Pace) -> Case {
    Case::new(name, pace.far_away()).with_loss(percent).rounds(pace.lossy_rounds()).row(
        Bothways,
        P99Us,
        AtMost(1.10, BothwaysStreams),
    )
}

/// How long things are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// About two minutes in all, with three rounds.
    Quick,
    /// As long as good figures take.
    Thorough,
}

impl Pace {
    fn requests(self, in_flight: usize) -> Requests {
        let (warm_up, window) = match self {
            Self::Quick => (200, 700),
            Self::Thorough => (1_000, 4_000),
        };
        Requests {
            sessions: 1,
            in_flight,
            body_bytes: BODY_BYTES,
            warm_up: Duration::from_millis(warm_up),
            window: Duration::from_millis(window),
        }
    }

    fn large(self) -> Work {
        Work::Requests(Requests { body_bytes: 65_536, ..self.requests(16) })
    }

    fn crowd(self) -> Work {
        Work::Requests(Requests { sessions: 100, ..self.requests(2) })
    }

    /// The ratio depends on how many changes are outstanding: each is written to the store by a
    /// thread of its own, and where few are under way they wait for threads to be woken.
    fn fan_out(self, outstanding: usize) -> Work {
        let Requests { warm_up, window, .. } = self.requests(outstanding);
        Work::FanOut(FanOut { subscribers: 100, outstanding, warm_up, window, others: false })
    }

    /// Long enough for a p99 of those who ask meanwhile.
    fn large_fan_out(self) -> Work {
        let window = Duration::from_secs(if self == Self::Quick { 3 } else { 8 });
        let Requests { warm_up, .. } = self.requests(0);
        Work::FanOut(FanOut { subscribers: 1_000, outstanding: 8, warm_up, window, others: true })
    }

    fn large_fan_outs(self) -> u32 {
        if self == Self::Quick { 1 } else { 3 }
    }

    /// What is in flight on one session often shares one datagram, and its loss: it takes many
    /// sessions to lose often enough for a p99.
    fn far_away(self) -> Work {
        let window = Duration::from_secs(if self == Self::Quick { 4 } else { 10 });
        Work::Requests(Requests { sessions: 60, window, ..self.requests(8) })
    }

    fn lossy_rounds(self) -> u32 {
        if self == Self::Quick { 1 } else { 3 }
    }

    /// Below the rate of Initials at which a node asks for a Retry, whatever the machine.
    fn starts(self) -> Work {
        Work::Starts { count: if self == Self::Quick { 40 } else { 150 } }
    }

    fn idle_sessions(self) -> Work {
        let window = Duration::from_secs(if self == Self::Quick { 4 } else { 20 });
        Work::IdleSessions { count: 10_000, window }
    }
}
