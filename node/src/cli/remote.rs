//! Where the command line meets the node: one function for each thing that a command asks of it.

mod bench;
mod failures;
mod forget;
mod records;
mod runtime;
mod serve;
mod watch;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use bothways::config::Plan;
use bothways::control;
use bothways::service::{DescribeMethods, MethodInfo, Ping, Router};
use bothways::{Node, StartError, Status};
use bothways_protocol::{Encoded, IdempotencyKey, MethodName, NodeName, Role};
use ciborium::Value;

use super::{Advise, Exit, Result, Trouble};
use failures::{tell, tell_with_key};
use serve::Signals;

pub(super) use bench::{Bench, Measured, bench};
pub(super) use forget::{Forgetting, forget};
pub(super) use records::{Read, Reader};
pub(super) use runtime::{
    block_on, block_on_for, block_on_logged, block_on_logged_to_its_end, block_on_to_its_end,
};
pub(super) use serve::serve;
pub(super) use watch::{Then, Watching, watch};

/// One request.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) peer: NodeName,
    pub(super) method: MethodName,
    pub(super) params: Value,
    pub(super) deadline: Duration,
    /// The key of a write that is sent again; a new one where there is none.
    pub(super) key: Option<IdempotencyKey>,
}

/// A sign of life.
#[derive(Debug)]
pub(super) struct Pong {
    pub(super) role: Role,
    /// From the request to its response.
    pub(super) took: Duration,
}

/// Sends one request by a node of this plan, which lives only for it.
pub(super) async fn ask(plan: Plan, request: Request) -> Result<Value> {
    let params = Encoded::of(&request.params).exit(Exit::Usage)?;
    let node = start(plan, Router::default()).await?;
    let key = request.key.unwrap_or_else(|| IdempotencyKey(rand::random()));
    let peer = node.peer(request.peer.as_str()).within(request.deadline).fail_fast().with_key(key);
    let answer = peer.call(request.method.as_str(), params).await;
    node.stop().await;
    let result = answer.map_err(|error| tell_with_key(error, key))?.decode();
    result
        .with_context(|| format!("{} answers with what is no result", request.peer))
        .exit(Exit::Failed)
}

async fn start(plan: Plan, router: Router) -> Result<Node> {
    Node::start(plan, router).await.map_err(|error| {
        let exit = match &error {
            StartError::Tls(_) => Exit::Untrusted,
            _ => Exit::Failed,
        };
        Trouble::of(exit, error)
    })
}

/// Asks a peer for a sign of life, `count` times over one session, `interval` apart.
pub(super) async fn ping(
    plan: Plan,
    peer: NodeName,
    count: u32,
    interval: Duration,
    deadline: Duration,
    each: impl FnMut(Pong) -> Result,
) -> Result {
    let node = start(plan, Router::default()).await?;
    let pinged = ping_by(&node, &peer, (count, interval), deadline, each).await;
    node.stop().await;
    pinged
}

async fn ping_by(
    node: &Node,
    peer: &NodeName,
    (count, interval): (u32, Duration),
    deadline: Duration,
    mut each: impl FnMut(Pong) -> Result,
) -> Result {
    let asked = node.peer(peer.as_str()).within(deadline).fail_fast();
    // The first one dials: it is asked once more, so that each tells the time of a request.
    asked.request(Ping {}).await.map_err(tell)?;
    for turn in 0..count {
        if turn > 0 {
            tokio::time::sleep(interval).await;
        }
        let begun = Instant::now();
        asked.request(Ping {}).await.map_err(tell)?;
        let took = begun.elapsed();
        let session = node.sessions().into_iter().find(|session| session.peer == *peer);
        let gone = || Trouble::new(Exit::Unreachable, format!("{peer} has gone"));
        each(Pong { role: session.ok_or_else(gone)?.role, took })?;
    }
    Ok(())
}

/// Asks a peer which methods it enables, or for all of one.
pub(super) async fn methods(
    plan: Plan,
    peer: NodeName,
    describe: DescribeMethods,
    deadline: Duration,
) -> Result<Vec<MethodInfo>> {
    let node = start(plan, Router::default()).await?;
    let asked = node.peer(peer.as_str()).within(deadline).fail_fast();
    let told = asked.request(describe).await;
    node.stop().await;
    Ok(told.map_err(tell)?.methods)
}

/// Asks a running node, over its control socket, how it is.
pub(super) async fn status(control: &Path) -> Result<Status> {
    control::status(control).await.exit(Exit::Unreachable)
}
