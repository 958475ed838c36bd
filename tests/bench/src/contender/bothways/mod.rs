//! bothways, as its users have it: a node that answers, and a node that asks.

mod methods;

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use bothways::Node;
use bothways::config::{Draft, LimitError, Limits, Plan};
use tokio::task::JoinSet;

use self::methods::{Asker, Drive, routes};
use super::{BETWEEN_STARTS, Listening};
use crate::case::{Measure, Work};
use crate::cases::BODY_BYTES;
use crate::end::{DRIVER, DriverJob, LISTENER, Setting};
use crate::load::{Ask, Load, Reading, Times};
use crate::usage::resident_kib;

/// How long a measurement may take: more than any does.
const LONGEST: Duration = Duration::from_secs(60);
/// How long after the last session the listener's memory is read.
const SETTLED: Duration = Duration::from_secs(1);

/// What is particular about one kind of bothways.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mode {
    /// Small requests share a stream; otherwise each has its own.
    pub(super) lanes: bool,
    pub(super) asked: Asked,
}

/// Where the requests come from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Asked {
    /// A handler of the node that asks: on the node's own thread.
    Handler,
    /// A program with a runtime of its own.
    Outside,
}

impl Default for Mode {
    fn default() -> Self {
        Self { lanes: true, asked: Asked::Handler }
    }
}

impl Mode {
    /// A plan that does nothing yet.
    fn draft(self, job: &DriverJob, name: &str) -> Result<Draft> {
        let draft = Plan::draft(job.folder().identity(name)?, job.folder().trust()?);
        Ok(draft.peer(LISTENER.parse()?, job.address).limits(self.limits()?))
    }

    fn limits(self) -> Result<Limits> {
        let mut limits = Limits::default();
        if !self.lanes {
            set(&mut limits, "limits.lane_message_bytes", 0)?;
        }
        Ok(limits)
    }
}

/// Sets a limit. One that this version does not know yet is passed over.
fn set(limits: &mut Limits, path: &str, value: u64) -> Result<()> {
    match limits.set(path, value) {
        Err(LimitError::Unknown(_)) => Ok(()),
        set => Ok(set?),
    }
}

pub(super) async fn listen(setting: &Setting, mode: Mode) -> Result<Listening> {
    let (identity, trust) = (setting.folder.identity(LISTENER)?, setting.folder.trust()?);
    let draft = Plan::draft(identity, trust).listen("127.0.0.1:0".parse()?);
    let node = Node::start(draft.limits(mode.limits()?).check()?, routes()).await?;
    let address = node.listening().next().context("the node has no address")?;
    Ok(Listening::new(address, node))
}

pub(super) async fn drive(job: &DriverJob, mode: Mode) -> Result<Reading> {
    match job.work {
        Work::Requests(requests) => ask(job, mode, job.load(requests)).await,
        Work::Connects { count } => connects(job, mode, count).await,
        Work::IdleSessions { count } => idle(job, mode, count).await,
    }
}

async fn ask(job: &DriverJob, mode: Mode, load: Load) -> Result<Reading> {
    let node = Node::start(mode.draft(job, DRIVER)?.check()?, routes()).await?;
    let listener = Asker::of(node.peer(LISTENER), load.requests.body_bytes);
    listener.ask().await?;
    match mode.asked {
        Asked::Outside => load.run([listener]).await,
        Asked::Handler => Ok(node.peer(DRIVER).within(LONGEST).request(Drive { load }).await?),
    }
}

async fn connects(job: &DriverJob, mode: Mode, count: usize) -> Result<Reading> {
    let (times, mut in_all) = (Times::new()?, Duration::ZERO);
    let mut stopping = JoinSet::new();
    for nth in 0..count {
        let draft = mode.draft(job, &format!("{DRIVER}-{nth}"))?;
        let began = Instant::now();
        let node = connected(draft).await?;
        let took = began.elapsed();
        times.take(took);
        in_all += took;
        stopping.spawn(async move { node.stop().await });
        tokio::time::sleep(BETWEEN_STARTS).await;
    }
    stopping.join_all().await;
    Ok(times.reading(in_all))
}

async fn idle(job: &DriverJob, mode: Mode, count: usize) -> Result<Reading> {
    let _first = connected(mode.draft(job, DRIVER)?).await?;
    let before_kib = resident_kib(job.listener)?;
    let mut idle = Vec::new();
    for nth in 0..count {
        idle.push(connected(mode.draft(job, &format!("{DRIVER}-{nth}"))?).await?);
    }
    tokio::time::sleep(SETTLED).await;
    let grown = resident_kib(job.listener)?.saturating_sub(before_kib);
    Ok(Reading([(Measure::KibPerSession, grown as f64 / count as f64)].into()))
}

/// Starts a node and waits for its first answer.
async fn connected(draft: Draft) -> Result<Node> {
    let node = Node::start(draft.check()?, routes()).await?;
    Asker::of(node.peer(LISTENER), BODY_BYTES).ask().await?;
    Ok(node)
}
