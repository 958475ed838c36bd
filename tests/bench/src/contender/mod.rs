//! Who is measured: one file for each kind. A new contender is a variant here, a file, and its
//! name in the cases that it takes part in.

mod bothways;
mod quinn;

use std::any::Any;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::case::Measure;
use crate::end::{DriverJob, ListenerJob};
use crate::load::Reading;
use crate::usage::resident_kib;

/// How long after the last session the listener's memory is read.
const SETTLED: Duration = Duration::from_secs(1);
/// The pause between two starts, in which the one before says goodbye.
const BETWEEN_STARTS: Duration = Duration::from_millis(5);

/// A way of answering and asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Contender {
    /// Quinn without anything on it: a stream per request.
    Quinn,
    /// bothways, asked by a handler.
    Bothways,
    /// bothways, asked from another thread than its own.
    BothwaysOutside,
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
            Self::Bothways => "bothways",
            Self::BothwaysOutside => "bothways, outside",
        }
    }

    /// Begins to answer.
    pub(crate) async fn listen(self, job: &ListenerJob) -> Result<Listening> {
        match self {
            Self::Quinn => quinn::listen(job),
            Self::Bothways | Self::BothwaysOutside => bothways::listen(job).await,
        }
    }

    /// Does the work of a case.
    pub(crate) async fn drive(self, job: &DriverJob) -> Result<Reading> {
        match self {
            Self::Quinn => quinn::drive(job).await,
            Self::Bothways => bothways::drive(job, bothways::From::Handler).await,
            Self::BothwaysOutside => bothways::drive(job, bothways::From::Outside).await,
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

/// By how much the listener's memory has grown since it was read before, for each session.
async fn grown(job: &DriverJob, before_kib: u64, sessions: usize) -> Result<Reading> {
    tokio::time::sleep(SETTLED).await;
    let grown = resident_kib(job.listener)?.saturating_sub(before_kib);
    Ok(Reading([(Measure::KibPerSession, grown as f64 / sessions as f64)].into()))
}
