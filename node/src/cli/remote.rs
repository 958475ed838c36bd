//! Where the command line meets the node: one function for each thing that a command asks of it.

use std::future::Future;
use std::path::Path;
use std::time::Duration;

use bothways::config::{LogFormat, LogPlan, Plan};
use bothways::logs::Logs;
use bothways_protocol::{Code, Effect, Failure, IdempotencyKey, MethodName, NodeName, Retry, Role};
use ciborium::Value;
use serde::Serialize;

use super::json::text;
use super::{Exit, Globals, Result, Trouble};

/// One request.
#[derive(Debug)]
#[expect(dead_code, reason = "for the node's client, which is not joined yet")]
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

/// A method that a peer enables.
#[derive(Debug, Serialize)]
pub(super) struct Enabled {
    pub(super) method: MethodName,
    pub(super) effect: Effect,
    pub(super) about: String,
}

/// A session of a running node.
#[derive(Debug, Serialize)]
pub(super) struct SessionRow {
    pub(super) peer: NodeName,
    pub(super) role: Role,
    /// Which side opened the connection: `us` or `them`.
    pub(super) dialed_by: String,
    pub(super) address: String,
    pub(super) age_ms: u64,
    pub(super) in_flight: u64,
}

/// Sends one request by a node of this plan, which lives only for it.
pub(super) async fn ask(_plan: Plan, request: Request) -> Result<Value> {
    Err(unreachable_yet(&request.peer))
}

/// Asks a peer for a sign of life, `count` times over one session, `interval` apart.
pub(super) async fn ping(
    _plan: Plan,
    peer: NodeName,
    _count: u32,
    _interval: Duration,
    _deadline: Duration,
    _each: impl FnMut(Pong) -> Result,
) -> Result {
    Err(unreachable_yet(&peer))
}

/// Asks a peer which methods it enables.
pub(super) async fn methods(
    _plan: Plan,
    peer: NodeName,
    _deadline: Duration,
) -> Result<Vec<Enabled>> {
    Err(unreachable_yet(&peer))
}

/// Asks a running node, over its control socket, for its sessions.
pub(super) async fn sessions(control: &Path) -> Result<Vec<SessionRow>> {
    let what = format!("no node answers at {}", control.display());
    Err(Trouble::new(Exit::Unreachable, what))
}

/// Runs a node until it is told to stop (SIGTERM, Ctrl-C), then drains it.
pub(super) async fn serve(plan: Plan) -> Result {
    Err(Trouble::new(Exit::Failed, format!("{} cannot open its endpoint", plan.name())))
}

fn unreachable_yet(peer: &NodeName) -> Trouble {
    Trouble::new(Exit::Unreachable, format!("{peer} cannot be reached"))
}

/// Runs a short-lived client; Ctrl-C ends it. It logs only where `-v` asks for it.
pub(super) fn block_on<T>(globals: &Globals, work: impl Future<Output = Result<T>>) -> Result<T> {
    let plan =
        |level: &str| LogPlan { format: LogFormat::Text, level: level.to_owned(), file: None };
    let _logs = globals.log_level().map(|level| Logs::start(&plan(level))).transpose()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        tokio::select! {
            done = work => done,
            pressed = tokio::signal::ctrl_c() => {
                pressed?;
                Err(Trouble::new(Exit::Interrupted, "interrupted"))
            }
        }
    })
}

/// What a person needs of a failure that a peer answered.
#[cfg_attr(not(test), expect(dead_code, reason = "for the node's client, which is not joined yet"))]
pub(super) fn failed(peer: &NodeName, failure: &Failure) -> Trouble {
    let exit = match failure.code {
        Code::DeadlineExceeded => Exit::Deadline,
        _ => Exit::Failed,
    };
    let details = failure.details.iter().map(|(name, value)| format!("{name}: {}", text(value)));
    let trouble = Trouble::new(exit, format!("{peer} answered {failure}")).details(details);
    match (failure.retry, failure.retry_after) {
        (Retry::Never, _) => trouble,
        (Retry::Same, _) => trouble.with_hint("the same request may be sent again"),
        (Retry::Elsewhere, _) => trouble.with_hint("it did not act: try again, or another peer"),
        (Retry::After, None) => trouble.with_hint("try again in a while"),
        (Retry::After, Some(wait)) => trouble.with_hint(format!("try again in {wait:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_told_with_its_field_and_what_to_do() {
        let peer = "hub".parse().unwrap();
        let failure = Failure::new(Code::InvalidArgument, "the name is\nempty").field("name");
        let told = failed(&peer, &failure).text();
        assert_eq!(
            told,
            "error: hub answered invalid_argument: the name is\\nempty\n  field: name\n"
        );
        let busy = Failure::new(Code::ResourceExhausted, "busy").after(Duration::from_millis(50));
        let told = failed(&peer, &busy).text();
        assert!(told.ends_with("hint: try again in 50ms\n"), "{told}");
        let late = Failure::new(Code::DeadlineExceeded, "too late");
        assert_eq!(failed(&peer, &late).exit(), Exit::Deadline);
    }
}
