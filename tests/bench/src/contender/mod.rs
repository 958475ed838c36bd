//! Who is measured: one file for each kind. A new contender is a variant here, a file, and its
//! name in the rows that it stands in.

mod bothways;
mod framed;
mod quic;
mod quinn;
mod quinn_told;
mod store;
mod tarpc;
mod tonic;

use std::any::Any;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use self::bothways::{Asked, Mode, Question, Records, Streams};
use crate::end::{DriverJob, Setting};
use crate::load::Reading;

/// The pause between two starts, in which the one before says goodbye.
const BETWEEN_STARTS: Duration = Duration::from_millis(5);

/// A way of answering and asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Contender {
    /// Quinn without anything on it: a stream per request.
    Quinn,
    /// Quinn with one long-lived stream for all requests.
    QuinnFramed,
    /// Quinn with one long-lived stream for each subscriber.
    QuinnTold,
    /// bothways' store, written by tasks of the same process.
    Store,
    /// gRPC, with mutual TLS.
    Tonic,
    /// tarpc over TCP, without TLS.
    Tarpc,
    /// bothways as it is by default, but for the records of requests, asked by a handler.
    Bothways,
    /// bothways with a stream for each request.
    BothwaysStreams,
    /// bothways, asked from another thread than its own.
    BothwaysOutside,
    /// bothways with records in memory at both ends, as they are by default.
    BothwaysRecorded,
    /// bothways with the exchange log on at both ends: JSON, to a file.
    BothwaysLogged,
    /// bothways, each end asking the other over one session.
    BothwaysBothDirections,
    /// bothways, asked for nothing: `node.ping`.
    BothwaysPing,
    /// bothways, asked for a record in its data folder: `people.get`.
    BothwaysPeople,
    /// bothways, asked to write a record in its data folder: `people.create`.
    BothwaysCreates,
    /// bothways, telling those who watch: changes in a store in memory, sessions without a node.
    BothwaysTold,
    /// bothways with one network thread, asked by sessions without a node.
    BothwaysOneThread,
    /// The same with four network threads.
    BothwaysFourThreads,
}

/// Somebody who answers, as long as this is kept.
pub(crate) struct Listening {
    address: SocketAddr,
    _kept: Box<dyn Any>,
}

impl Contender {
    /// The contender's name in the report.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Quinn => "quinn",
            Self::QuinnFramed => "quinn framed",
            Self::QuinnTold => "quinn, a stream each",
            Self::Store => "bare store",
            Self::Tonic => "tonic",
            Self::Tarpc => "tarpc, no TLS",
            Self::Bothways => "bothways",
            Self::BothwaysStreams => "bothways, streams",
            Self::BothwaysOutside => "bothways, outside",
            Self::BothwaysRecorded => "bothways, recorded",
            Self::BothwaysLogged => "bothways, logged",
            Self::BothwaysBothDirections => "bothways, both directions",
            Self::BothwaysPing => "bothways, node.ping",
            Self::BothwaysPeople => "bothways, people.get",
            Self::BothwaysCreates => "bothways, people.create",
            Self::BothwaysTold => "bothways, watch",
            Self::BothwaysOneThread => "bothways, 1 thread",
            Self::BothwaysFourThreads => "bothways, 4 threads",
        }
    }

    /// Whether it is some kind of bothways.
    pub(crate) fn is_bothways(self) -> bool {
        use Contender::{Quinn, QuinnFramed, QuinnTold, Store, Tarpc, Tonic};
        !matches!(self, Quinn | QuinnFramed | QuinnTold | Store | Tonic | Tarpc)
    }

    /// Whether it can run on many threads. It does only where that is asked for: with 64 in flight
    /// on two cores one thread answered as many requests for half the CPU time (tonic), and twice as
    /// many for a quarter of it (tarpc).
    pub(crate) fn runs_on_many_threads(self) -> bool {
        matches!(self, Self::Tonic | Self::Tarpc)
    }

    /// Begins to answer.
    pub(crate) async fn listen(self, setting: &Setting) -> Result<Listening> {
        match self {
            Self::Quinn => quinn::listen(setting),
            Self::QuinnFramed => framed::listen(setting),
            Self::QuinnTold => quinn_told::listen(setting),
            Self::Store => store::listen(),
            Self::Tonic => tonic::listen(setting).await,
            Self::Tarpc => tarpc::listen(setting).await,
            _ => bothways::listen(setting, self.mode()).await,
        }
    }

    /// Does the work of a case.
    pub(crate) async fn drive(self, job: &DriverJob) -> Result<Reading> {
        match self {
            Self::Quinn => quinn::drive(job).await,
            Self::QuinnFramed => framed::drive(job).await,
            Self::QuinnTold => quinn_told::drive(job).await,
            Self::Store => store::drive(job).await,
            Self::Tonic => tonic::drive(job).await,
            Self::Tarpc => tarpc::drive(job).await,
            _ => bothways::drive(job, self.mode()).await,
        }
    }

    /// What is particular about a kind of bothways.
    fn mode(self) -> Mode {
        let default = Mode::default();
        match self {
            Self::BothwaysStreams => Mode { streams: Streams::Own, ..default },
            Self::BothwaysOutside => Mode { asked: Asked::Outside, ..default },
            Self::BothwaysLogged => Mode { records: Records::Logged, ..default },
            Self::BothwaysRecorded => Mode { records: Records::Memory, ..default },
            Self::BothwaysBothDirections => Mode { asked: Asked::BothDirections, ..default },
            Self::BothwaysPing => Mode { question: Question::Ping, ..default },
            Self::BothwaysPeople => Mode { question: Question::Person, ..default },
            Self::BothwaysCreates => Mode { question: Question::NewPerson, ..default },
            Self::BothwaysTold => Mode { question: Question::Events, ..default },
            Self::BothwaysOneThread => Mode { asked: Asked::ByHand, ..default },
            Self::BothwaysFourThreads => {
                Mode { asked: Asked::ByHand, network_threads: 4, ..default }
            }
            _ => default,
        }
    }
}

impl Listening {
    fn new(address: SocketAddr, kept: impl Any) -> Self {
        Self { address, _kept: Box::new(kept) }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}
