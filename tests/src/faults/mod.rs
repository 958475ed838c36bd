//! Faults done to real processes while callers write: kills, power cuts, stops. What everybody saw
//! is judged by [`history`](crate::history). `scripts/faults.sh` runs these cases for minutes, and
//! the tests run them for a few rounds.

mod caller;
mod disk;
mod drain;
mod events;
mod hub;
mod kill;
mod power;
mod relay;
mod report;
mod subscribers;
mod writers;

pub use report::{Report, Verdict};

use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;

/// How soon a server that was killed has to answer again.
const READY_WITHIN: Duration = Duration::from_secs(2);
/// How soon a server that is told to stop has to be gone.
const GONE_WITHIN: Duration = Duration::from_secs(10);

/// What is done to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Case {
    /// kill -9 during writes, and sometimes again while it starts
    Kill,
    /// The power is cut during writes, and it starts on what the disk holds
    Power,
    /// SIGTERM with 500 requests in flight
    Drain,
    /// Subscribers are cut off and the server is killed, while events come
    Events,
}

/// How a case is run.
#[derive(Clone)]
pub struct Plan {
    pub rounds: u32,
    /// What is drawn at random is drawn from this: the same moments again, as far as the machine
    /// goes along.
    pub seed: u64,
    pub times: Times,
    /// Is told how far the case has come.
    pub tell: Arc<dyn Fn(String) + Send + Sync>,
}

/// What is done with times that are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// A case whose times are too long fails.
    Judged,
    /// They are told alone: on a machine that does other things too, they say little.
    Told,
}

/// How many rounds a case has where no number is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Length {
    /// What the tests run: under a minute
    Short,
    /// What it takes to believe it: many minutes
    Full,
}

impl Case {
    pub const ALL: [Self; 4] = [Self::Kill, Self::Power, Self::Drain, Self::Events];

    pub fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Power => "power",
            Self::Drain => "drain",
            Self::Events => "events",
        }
    }

    pub fn rounds(self, length: Length) -> u32 {
        match (self, length) {
            (Self::Kill, Length::Short) => 8,
            (Self::Kill, Length::Full) => 200,
            (Self::Power, Length::Short) => 2,
            (Self::Power, Length::Full) => 20,
            (Self::Drain, Length::Short) => 2,
            (Self::Drain, Length::Full) => 20,
            (Self::Events, Length::Short) => 5,
            (Self::Events, Length::Full) => 120,
        }
    }

    /// Runs the case, and judges what everybody saw. A case that cannot go on has failed.
    pub async fn run(self, plan: &Plan) -> Report {
        let plan = plan.clone();
        let running = tokio::spawn(async move {
            match self {
                Self::Kill => kill::run(&plan).await,
                Self::Power => power::run(&plan).await,
                Self::Drain => drain::run(&plan).await,
                Self::Events => events::run(&plan).await,
            }
        });
        running.await.unwrap_or_else(|error| {
            let panic = error.into_panic();
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
            let mut report = Report::of(self);
            report.break_promise(format!("the case could not go on: {}", text.unwrap_or_default()));
            report
        })
    }
}

impl Plan {
    fn tell(&self, text: impl Into<String>) {
        (self.tell)(text.into());
    }

    /// What is drawn at random for one purpose.
    fn random(&self, purpose: u64) -> StdRng {
        StdRng::seed_from_u64(self.seed.wrapping_add(purpose.wrapping_mul(0x9E37_79B9_7F4A_7C15)))
    }
}
