//! bothways, as its users have it: a node that answers, and a node that asks.

mod by_hand;
mod crowd;
mod feed;
mod idle;
mod log;
mod methods;
mod others;
mod requests;
mod starts;
mod told;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result};
use bothways::config::{Draft, Limits, Plan};
use bothways::{Node, Services};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::methods::{Asker, routes};
use super::Listening;
use crate::case::Work;
use crate::cases::BODY_BYTES;
use crate::end::{DriverJob, LISTENER, Setting};
use crate::load::{Ask, Reading};

/// How long a measurement may take: more than any does.
const LONGEST: Duration = Duration::from_secs(60);

/// What is particular about one kind of bothways.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mode {
    pub(super) streams: Streams,
    pub(super) asked: Asked,
    pub(super) question: Question,
    /// Where both ends leave the records of requests.
    pub(super) records: Records,
    /// Network threads of the end that answers.
    pub(super) network_threads: usize,
}

/// Which streams small requests take.
#[derive(Debug, Clone, Copy)]
pub(super) enum Streams {
    /// Those that they share.
    Lanes,
    /// One for each request.
    Own,
}

/// Where records go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Records {
    /// Nowhere: none are made.
    None,
    /// Into the node's memory, as by default.
    Memory,
    /// There, and into a log file.
    Logged,
}

/// Where the requests come from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Asked {
    /// A handler of the node that asks: on the node's own thread.
    Handler,
    /// A handler of each node: half of the requests in either direction, over one session.
    BothDirections,
    /// A program with a runtime of its own.
    Outside,
    /// Sessions without a node: many of them on one thread.
    ByHand,
}

/// What is asked.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
pub(super) enum Question {
    /// For what was sent: up to 255 bytes a text, as most params are, more as bytes.
    Echo,
    /// For a sign of life: no params, no result.
    Ping,
    /// For a person of the directory, who is created first.
    Person,
    /// For a new person of the directory, each time another one.
    NewPerson,
    /// For nothing but to be told of changes.
    Events,
}

impl Default for Mode {
    fn default() -> Self {
        Self {
            streams: Streams::Lanes,
            asked: Asked::Handler,
            question: Question::Echo,
            records: Records::None,
            network_threads: 1,
        }
    }
}

impl Mode {
    fn draft(self, job: &DriverJob, name: &str) -> Result<Draft> {
        let draft = Plan::draft(job.folder().identity(name)?, job.folder().trust()?);
        Ok(draft.peer(LISTENER.parse()?, job.address).limits(self.limits()?))
    }

    fn limits(self) -> Result<Limits> {
        let mut limits = Limits::default();
        if let Records::None = self.records {
            limits.set("limits.exchange_recent", 0)?;
        }
        if let Streams::Own = self.streams {
            limits.set("limits.lane_message_bytes", 0)?;
        }
        Ok(limits)
    }
}

pub(super) async fn listen(setting: &Setting, mode: Mode) -> Result<Listening> {
    let folder = &setting.folder;
    let logs =
        (mode.records == Records::Logged).then(|| log::start(folder, LISTENER)).transpose()?;
    let mut limits = mode.limits()?;
    limits.network_threads = mode.network_threads;
    let plan = Plan::draft(folder.identity(LISTENER)?, folder.trust()?)
        .listen(SocketAddr::from(([127, 0, 0, 1], 0)))
        .data(folder.data())
        .limits(limits)
        .check()?;
    let (services, routes) = match mode.question {
        Question::Echo | Question::Ping => (None, routes()),
        Question::Events => (None, routes().and(feed::routes()?)),
        Question::Person | Question::NewPerson => {
            let services = Services::open(&plan)?;
            let routes = routes().and(services.router());
            (Some(services), routes)
        }
    };
    let node = Node::start(plan, routes).await?;
    let address = node.listening().next().context("the node has no address")?;
    Ok(Listening::new(address, (node, services, logs)))
}

pub(super) async fn drive(job: &DriverJob, mode: Mode) -> Result<Reading> {
    match job.work {
        Work::Requests(requests) if mode.records == Records::Logged => {
            requests::logged(job, mode, requests).await
        }
        Work::Requests(requests) => requests::ask(job, mode, requests).await,
        Work::Starts { count } => starts::measure(job, mode, count).await,
        Work::FanOut(fan_out) => told::measure(job, fan_out).await,
        Work::IdleSessions { count, window } => idle::measure(job, count, window).await,
    }
}

/// Starts a node and waits for its first answer.
async fn connected(draft: Draft) -> Result<Node> {
    let node = Node::start(draft.check()?, routes()).await?;
    Asker::of(node.peer(LISTENER), Question::Echo, BODY_BYTES).await?.ask().await?;
    Ok(node)
}
