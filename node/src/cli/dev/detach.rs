//! `bothways dev up --detach`: the same, in the background.

use std::fs::File;
use std::io::{Read, Seek};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::time::sleep;

use super::announce::announce;
use super::network::Ground;
use super::network::State;
use super::network::told;
use super::signals::Signals;
use super::up::{Up, runs_already};
use crate::cli::contexts::Folders;
use crate::cli::{Exit, Globals, Result, Trouble};

/// How often the network is asked whether it is ready.
const ASK_EVERY: Duration = Duration::from_millis(50);
/// The most that is repeated of what a supervisor said that could not start, in bytes.
const SAID_MAX_BYTES: u64 = 64 * 1024;

/// Starts a supervisor in the background, and returns once all nodes are up.
pub(super) async fn start(
    up: &Up,
    ground: &Ground,
    folders: &Folders,
    globals: &Globals,
) -> Result {
    if ground.is_held() {
        return Err(runs_already(&ground.name));
    }
    let mut signals = Signals::new()?;
    let mut said = tempfile::tempfile().context("cannot make a file in the temporary folder")?;
    let mut supervisor = spawn(up, ground, globals.verbose, &said)?;
    let state = tokio::select! {
        ready = until_ready(&mut supervisor, ground) => ready?,
        () = signals.next() => {
            stop(&mut supervisor).await?;
            return Err(Trouble::new(Exit::Interrupted, "interrupted"));
        }
    };
    match state {
        Ok(state) => announce(&state, ground, folders, globals, true).await,
        Err(ended) => Err(trouble_of(ended, &mut said)?),
    }
}

fn spawn(up: &Up, ground: &Ground, verbose: u8, said: &File) -> Result<Child> {
    let mut command = Command::new(super::this_program().context("this program's path")?);
    command.args(["dev", "up", "--background", "--name", ground.name.as_str()]);
    command.args((0..verbose).map(|_| "-v"));
    if let Some(file) = &up.file {
        command.arg("--file").arg(std::path::absolute(file)?);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command.stderr(said.try_clone().context("a file of this process")?);
    Ok(command.spawn().context("cannot start the supervisor")?)
}

/// The network's state once it is ready, or how the supervisor ended before.
async fn until_ready(
    supervisor: &mut Child,
    ground: &Ground,
) -> Result<std::result::Result<State, ExitStatus>> {
    loop {
        tokio::select! {
            ended = supervisor.wait() => return Ok(Err(ended.context("the supervisor")?)),
            () = sleep(ASK_EVERY) => {}
        }
        let state = State::read(&ground.state_file()).ok();
        let ours = |state: &State| state.ready && Some(state.supervisor) == supervisor.id();
        if let Some(state) = state.filter(ours) {
            return Ok(Ok(state));
        }
    }
}

async fn stop(supervisor: &mut Child) -> Result {
    if let Some(pid) = supervisor.id().and_then(|pid| Pid::from_raw(pid.cast_signed())) {
        // It has not been waited for, so the id is its own, and it may have ended.
        let _ = kill_process(pid, Signal::TERM);
    }
    supervisor.wait().await.context("the supervisor")?;
    Ok(())
}

/// What the supervisor said, said again.
fn trouble_of(ended: ExitStatus, said: &mut File) -> Result<Trouble> {
    let mut text = String::new();
    said.rewind()?;
    said.take(SAID_MAX_BYTES).read_to_string(&mut text)?;
    let exit = if ended.code() == Some(Exit::Config as i32) { Exit::Config } else { Exit::Failed };
    let (mut what, mut details, mut hint) = (None, Vec::new(), None);
    for line in text.lines() {
        match (line.strip_prefix("error: "), line.strip_prefix("hint: ")) {
            (Some(error), _) => what = Some(error.to_owned()),
            (_, Some(advice)) => hint = Some(advice.to_owned()),
            _ => details.push(line.trim().to_owned()),
        }
    }
    let what = what.unwrap_or_else(|| format!("the network did not start: {}", told(ended)));
    let trouble = Trouble::new(exit, what).details(details);
    Ok(match hint {
        Some(hint) => trouble.with_hint(hint),
        None => trouble,
    })
}
