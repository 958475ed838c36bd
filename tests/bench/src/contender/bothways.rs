//! bothways, as its users have it: a node that answers, and a node that asks.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use bothways::config::{Draft, Plan};
use bothways::protocol::{Code, Effect, Failure, Method};
use bothways::service::{Context, Router};
use bothways::{Node, Peer};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use super::{BETWEEN_STARTS, Listening, grown};
use crate::case::{BODY_BYTES, Work};
use crate::end::{DRIVER, DriverJob, LISTENER, ListenerJob};
use crate::load::{Ask, Load, Reading, Times};
use crate::usage::resident_kib;

/// Where the requests come from.
#[derive(Debug, Clone, Copy)]
pub(super) enum From {
    /// A handler of the node that asks: on the node's own thread.
    Handler,
    /// A program with a runtime of its own.
    Outside,
}

/// Asks for the same body back.
#[derive(Debug, Serialize, Deserialize)]
struct Echo {
    body: String,
}

impl Method for Echo {
    const NAME: &'static str = "bench.echo";
    const EFFECT: Effect = Effect::Reads;
    const ABOUT: &'static str = "Answers what it is asked with";
    type Result = Echo;
}

/// Asks a node to ask the listener, from inside a handler.
#[derive(Debug, Serialize, Deserialize)]
struct Drive {
    load: Load,
}

impl Method for Drive {
    const NAME: &'static str = "bench.drive";
    const EFFECT: Effect = Effect::Reads;
    const ABOUT: &'static str = "Asks the listener, and says how fast it answered";
    type Result = Reading;
}

#[derive(Debug)]
struct Bench;

impl Bench {
    #[allow(clippy::unused_async, reason = "a handler is an async method")]
    async fn echo(&self, _: Context, echo: Echo) -> Result<Echo, Failure> {
        Ok(echo)
    }

    async fn drive(&self, context: Context, Drive { load }: Drive) -> Result<Reading, Failure> {
        let failed = |problem: String| Failure::new(Code::Internal, problem);
        let listener = LISTENER.parse().map_err(|_| failed("no name".to_owned()))?;
        let listener = context.ask(&listener).ok_or_else(|| failed("no node".to_owned()))?;
        load.run(listener).await.map_err(|error| failed(format!("{error:#}")))
    }
}

impl Ask for Peer {
    async fn ask(&self) -> Result<()> {
        let answer = self.request(Echo { body: "x".repeat(BODY_BYTES) }).await?;
        ensure!(answer.body.len() == BODY_BYTES, "another answer than the question");
        Ok(())
    }
}

pub(super) async fn listen(job: &ListenerJob) -> Result<Listening> {
    let (identity, trust) = (job.trust.identity(LISTENER)?, job.trust.authority()?.trust());
    let plan = Plan::draft(identity, trust).listen("127.0.0.1:0".parse()?).check()?;
    let node = Node::start(plan, Router::default().on(&Arc::new(Bench), Bench::echo)).await?;
    let address = node.listening().next().context("the node has no address")?;
    Ok(Listening::new(address, node))
}

pub(super) async fn drive(job: &DriverJob, from: From) -> Result<Reading> {
    match job.work {
        Work::Requests { in_flight, warm_up, window } => {
            let routes = Router::default().on(&Arc::new(Bench), Bench::drive);
            let node = Node::start(draft(job, DRIVER)?.check()?, routes).await?;
            let listener = node.peer(LISTENER);
            listener.ask().await?;
            let load = Load { in_flight, warm_up, window, listener: job.listener };
            match from {
                From::Outside => load.run(listener).await,
                From::Handler => {
                    let patient = node.peer(DRIVER).within(Duration::from_secs(60));
                    Ok(patient.request(Drive { load }).await?)
                }
            }
        }
        Work::Connects { count } => connects(job, count).await,
        Work::IdleSessions { count } => {
            let _first = connected(draft(job, DRIVER)?).await?;
            let before_kib = resident_kib(job.listener)?;
            let mut idle = Vec::new();
            for nth in 0..count {
                idle.push(connected(draft(job, &format!("{DRIVER}-{nth}"))?).await?);
            }
            grown(job, before_kib, count).await
        }
    }
}

async fn connects(job: &DriverJob, count: usize) -> Result<Reading> {
    let (times, mut in_all) = (Times::new()?, Duration::ZERO);
    let mut stopping = JoinSet::new();
    for nth in 0..count {
        let draft = draft(job, &format!("{DRIVER}-{nth}"))?;
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

/// Starts a node and waits for its first answer.
async fn connected(draft: Draft) -> Result<Node> {
    let node = Node::start(draft.check()?, Router::default()).await?;
    node.peer(LISTENER).ask().await?;
    Ok(node)
}

fn draft(job: &DriverJob, name: &str) -> Result<Draft> {
    let (identity, trust) = (job.trust.identity(name)?, job.trust.authority()?.trust());
    Ok(Plan::draft(identity, trust).peer(LISTENER.parse()?, job.address))
}
