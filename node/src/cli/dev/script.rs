//! A node that is a child of `dev up`: it stops when the supervisor is gone. Over its own sessions it
//! issues the requests of its script, those that the supervisor asks it for, and watches.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use bothways::exchange::Outcome;
use bothways::{Node, RequestError};
use bothways_protocol::{Encoded, NodeName};
use ciborium::Value;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::events;
use super::topology::{Call, NodeSpec};
use crate::cli::Result;
use crate::cli::merged::{FAILED, NOT_SENT, SCRIPT_TARGET};
use bothways::json::Shown;

/// What the supervisor says on standard input when the scripts may begin.
pub(super) const GO: &[u8] = b"go\n";

/// How long a call waits for a session that its node cannot open.
const SESSION_TIMEOUT: Duration = Duration::from_secs(10);

/// What a node does of its own accord.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Script {
    calls: Vec<Call>,
    watch: BTreeMap<NodeName, Vec<String>>,
}

impl Script {
    pub(super) fn of(spec: &NodeSpec) -> Self {
        Self { calls: spec.calls.clone(), watch: spec.watch.clone() }
    }
}

/// What a child says on standard output of a request that its supervisor asked it for, in a line
/// of JSON.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    Result(serde_json::Value),
    Failed { code: String, why: String },
}

/// What a child knows of its supervisor: the script, and standard input as the thread that
/// connects the two.
#[derive(Debug)]
pub(in crate::cli) struct Supervised {
    script: Script,
    stage: watch::Receiver<Stage>,
    /// What the supervisor asks for, one at a time.
    asked: mpsc::Receiver<Call>,
}

/// What has been heard on standard input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
enum Stage {
    Silent,
    Go,
    End,
}

impl Supervised {
    /// Reads the script, and listens to standard input.
    pub(in crate::cli) fn start(script: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(script)
            .with_context(|| format!("cannot read {}", script.display()))?;
        let script = serde_json::from_str(&text)
            .with_context(|| format!("{} is no script", script.display()))?;
        let (told, stage) = watch::channel(Stage::Silent);
        let (to_ask, asked) = mpsc::channel(1);
        // A thread that nobody waits for: standard input cannot be read in any other way without
        // holding up the program's end.
        std::thread::Builder::new()
            .name("supervisor".to_owned())
            .spawn(move || listen(BufReader::new(std::io::stdin().lock()), &told, &to_ask))?;
        Ok(Self { script, stage, asked })
    }

    /// Plays the script once it may begin; returns when the supervisor is gone.
    pub(in crate::cli) async fn run(mut self, node: &Node) {
        let mut playing = JoinSet::new();
        // An error says that the thread has ended, which it does with standard input.
        let heard = self.stage.wait_for(|stage| *stage >= Stage::Go).await.map(|stage| *stage);
        if let Ok(Stage::Go) = heard {
            for call in std::mem::take(&mut self.script.calls) {
                playing.spawn(play(node.clone(), call));
            }
            for (peer, topics) in &self.script.watch {
                events::watch(node, peer, topics, &mut playing);
            }
        }
        tokio::select! {
            _ = self.stage.wait_for(|stage| *stage == Stage::End) => {}
            () = answer_all(node, &mut self.asked) => {}
        }
    }
}

fn listen(input: impl BufRead, told: &watch::Sender<Stage>, to_ask: &mpsc::Sender<Call>) {
    for line in input.lines().map_while(std::io::Result::ok) {
        match serde_json::from_str(&line) {
            // Where nobody listens any more, the node stops.
            Ok(call) => _ = to_ask.blocking_send(call),
            Err(_) => _ = told.send(Stage::Go),
        }
    }
    let _ = told.send(Stage::End);
}

/// Issues what the supervisor asks for, until it is gone.
async fn answer_all(node: &Node, asked: &mut mpsc::Receiver<Call>) {
    while let Some(call) = asked.recv().await {
        let answer = answer(node, &call).await;
        let line = serde_json::to_string(&answer).unwrap_or_default();
        // A supervisor that has gone needs no answer; one that is there reads it at once.
        let _ = writeln!(std::io::stdout().lock(), "{line}");
    }
}

async fn answer(node: &Node, call: &Call) -> Answer {
    let failed = |code: &str, why: String| Answer::Failed { code: code.to_owned(), why };
    let params = match Encoded::of(&call.params) {
        Ok(params) => params,
        Err(error) => return failed("invalid_argument", error.to_string()),
    };
    if node.role().asks() {
        until_session(node, &call.to).await;
    }
    let result = match issue(node, call, &params).await {
        Ok(result) => result,
        Err(error) => return failed(error.code().as_str(), error.to_string()),
    };
    let shown = result.decode::<Value>().map(|value| serde_json::to_value(Shown(&value)));
    match shown {
        Ok(Ok(result)) => Answer::Result(result),
        _ => failed("internal", format!("{} answers with what has no JSON form", call.to)),
    }
}

/// Issues one call of the script, as often as it says.
async fn play(node: Node, call: Call) {
    let params = match Encoded::of(&call.params) {
        Ok(params) => params,
        Err(error) => return tracing::error!(method = %call.method, %error, "script: params"),
    };
    sleep(call.after).await;
    let mut left = call.times;
    loop {
        if node.role().asks() {
            until_session(&node, &call.to).await;
        }
        let _ = issue(&node, &call, &params).await;
        left = left.map(|left| left - 1);
        if left == Some(0) {
            return;
        }
        sleep(call.every).await;
    }
}

/// Waits for a session with a peer: only the peer may be able to open one, and it may be away.
pub(super) async fn until_session(node: &Node, peer: &NodeName) {
    let mut changes = node.session_changes();
    let is_there = || node.sessions().iter().any(|session| session.peer == *peer);
    let waiting = async { while !is_there() && changes.changed().await.is_ok() {} };
    // Without a session, the request itself tells of it.
    let _ = timeout(SESSION_TIMEOUT, waiting).await;
}

/// Issues one request; what became of it is in the log.
async fn issue(
    node: &Node,
    call: &Call,
    params: &Encoded,
) -> std::result::Result<Encoded, RequestError> {
    let Call { to, method, .. } = call;
    let answer = node.peer(to.as_str()).call(method.as_str(), params.clone()).await;
    let code = match &answer {
        Ok(_) => Outcome::Ok,
        Err(error) => Outcome::Failed(error.code()),
    };
    match &answer {
        // That it was never sent, its record tells as well.
        Err(error) if !was_sent(error) => tracing::info!(
            target: SCRIPT_TARGET, peer = %to, %method, %code, why = %error, "{NOT_SENT}"),
        // A record has no room for the reason.
        Err(error) => tracing::info!(
            target: SCRIPT_TARGET, peer = %to, %method, %code, why = %reason(error), "{FAILED}"),
        Ok(_) => {}
    }
    if code != call.expect {
        let why = answer.as_ref().err().map(ToString::to_string);
        let expected = call.expect;
        tracing::warn!(peer = %to, %method, %code, %expected, why, "script: not as expected");
    }
    answer
}

/// Why a request failed: in the peer's own words, where it has said so.
fn reason(error: &RequestError) -> String {
    error.failure().map_or_else(|| error.to_string(), |failure| failure.message.to_string())
}

/// Whether a request was sent.
fn was_sent(error: &RequestError) -> bool {
    matches!(
        error,
        RequestError::Failed { .. }
            | RequestError::Lost { .. }
            | RequestError::Deadline { .. }
            | RequestError::Answer { .. }
            | RequestError::NotSent { .. }
    )
}

/// The hidden flag of `bothways run` that makes a node a child of `dev up`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct SupervisedArgs {
    #[arg(long, hide = true, value_name = "FILE")]
    script: Option<PathBuf>,
}

impl SupervisedArgs {
    /// Begins to listen to the supervisor, if there is one.
    pub(in crate::cli) fn start(&self) -> Result<Option<Supervised>> {
        self.script.as_deref().map(Supervised::start).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_standard_input_is_the_end_whatever_was_said() {
        let (told, stage) = watch::channel(Stage::Silent);
        listen(GO, &told, &mpsc::channel(1).0);
        assert_eq!(*stage.borrow(), Stage::End);
    }
}
