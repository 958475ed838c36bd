//! A node that is a child of `dev up`: it stops when the supervisor is gone, and issues the
//! requests of its script itself, over its own sessions.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use bothways::exchange::Outcome;
use bothways::{Node, RequestError};
use bothways_protocol::Encoded;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::topology::Call;
use crate::cli::Result;

/// What the supervisor says on standard input when the scripts may begin.
pub(super) const GO: &[u8] = b"go\n";

/// How long a call waits for a session that its node cannot open.
const SESSION_TIMEOUT: Duration = Duration::from_secs(10);

/// What a child knows of its supervisor: the script, and standard input as the thread that
/// connects the two.
#[derive(Debug)]
pub(in crate::cli) struct Supervised {
    calls: Vec<Call>,
    stage: watch::Receiver<Stage>,
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
        let calls = serde_json::from_str(&text)
            .with_context(|| format!("{} is no script", script.display()))?;
        let (told, stage) = watch::channel(Stage::Silent);
        // A thread that nobody waits for: standard input cannot be read in any other way without
        // holding up the program's end.
        std::thread::Builder::new()
            .name("supervisor".to_owned())
            .spawn(move || listen(std::io::stdin().lock(), &told))?;
        Ok(Self { calls, stage })
    }

    /// Plays the script once it may begin; returns when the supervisor is gone.
    pub(in crate::cli) async fn run(mut self, node: &Node) {
        let mut playing = JoinSet::new();
        // An error says that the thread has ended, which it does with standard input.
        let heard = self.stage.wait_for(|stage| *stage >= Stage::Go).await.map(|stage| *stage);
        if let Ok(Stage::Go) = heard {
            for call in std::mem::take(&mut self.calls) {
                playing.spawn(play(node.clone(), call));
            }
        }
        let _ = self.stage.wait_for(|stage| *stage == Stage::End).await;
    }
}

fn listen(mut input: impl Read, told: &watch::Sender<Stage>) {
    let mut buffer = [0; 16];
    loop {
        match input.read(&mut buffer) {
            Ok(0) => break,
            Ok(_) => _ = told.send(Stage::Go),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    let _ = told.send(Stage::End);
}

/// Issues one call of the script, as often as it says.
async fn play(node: Node, call: Call) {
    let params = match Encoded::of(&call.params) {
        Ok(params) => params,
        Err(error) => return tracing::error!(method = %call.method, %error, "script: params"),
    };
    sleep(call.after).await;
    if node.role().asks() {
        until_session(&node, &call).await;
    }
    let mut left = call.times;
    loop {
        issue(&node, &call, &params).await;
        left = left.map(|left| left - 1);
        if left == Some(0) {
            return;
        }
        sleep(call.every).await;
    }
}

/// Waits for a session with the call's peer: only the peer may be able to open one.
async fn until_session(node: &Node, call: &Call) {
    let mut changes = node.session_changes();
    let is_there = || node.sessions().iter().any(|session| session.peer == call.to);
    let waiting = async { while !is_there() && changes.changed().await.is_ok() {} };
    // Without a session, the request itself tells of it.
    let _ = timeout(SESSION_TIMEOUT, waiting).await;
}

async fn issue(node: &Node, call: &Call, params: &Encoded) {
    let answer = node.peer(call.to.as_str()).call(call.method.as_str(), params.clone()).await;
    let code = match &answer {
        Ok(_) => Outcome::Ok,
        Err(error) => Outcome::Failed(error.code()),
    };
    let Call { to, method, .. } = call;
    match &answer {
        // A request that was never sent leaves no record.
        Err(error) if !was_sent(error) => tracing::info!(
            target: NOT_SENT_TARGET, peer = %to, %method, %code, why = %error, "{NOT_SENT}"),
        _ => {}
    }
    if code != call.expect {
        let why = answer.err().map(|error| error.to_string());
        let expected = call.expect;
        tracing::warn!(peer = %to, %method, %code, %expected, why, "script: not as expected");
    }
}

/// The target and the message of the log line for a request that was not sent.
pub(super) const NOT_SENT_TARGET: &str = "script";
pub(super) const NOT_SENT: &str = "request not sent";

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
        listen(GO, &told);
        assert_eq!(*stage.borrow(), Stage::End);
    }
}
