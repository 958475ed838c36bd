//! `bothways dev down`.

use std::time::Duration;

use bothways_protocol::NetworkName;
use clap::Args;
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{Instant, sleep};

use super::choose::the_network;
use super::network::Ground;
use super::network::State;
use super::network::end_leftovers;
use crate::cli::contexts::Folders;
use crate::cli::{Exit, Globals, Result, Trouble, remote};

const EXAMPLES: &str = "\
Examples:
  bothways dev down
  bothways dev down --name roles
  bothways dev down --all";

/// How long a network may take to stop: its nodes' drain, and a little more.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(30);

/// Stop a network that `dev up` runs, and remove its files
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Down {
    /// The network [default: the only one that runs]
    #[arg(long)]
    name: Option<NetworkName>,
    /// Stop all networks
    #[arg(long, conflicts_with = "name")]
    all: bool,
}

impl Down {
    pub(super) fn run(self, globals: &Globals) -> Result {
        let folders = Folders::of_user()?;
        let left = match &self.name {
            Some(name) => vec![Ground::of(name, &folders)],
            None => Ground::all(&folders)?,
        };
        let mut cleaned = false;
        for ground in left.iter().filter(|ground| !ground.is_held()) {
            cleaned |= clean(ground, &folders, globals)?;
        }
        let running = match self.all {
            true => all(&folders)?,
            false => match the_network(self.name.as_ref(), &folders) {
                Err(_) if cleaned => return Ok(()),
                network => vec![network?],
            },
        };
        for (ground, state) in running {
            remote::block_on(globals, stop(&ground, &state))?;
            globals.note(&format!("{} is down", ground.name));
        }
        Ok(())
    }
}

fn all(folders: &Folders) -> Result<Vec<(Ground, State)>> {
    let mut running = Vec::new();
    for ground in Ground::all(folders)? {
        running.extend(ground.running()?.map(|state| (ground, state)));
    }
    Ok(running)
}

/// Removes what a killed network left behind; tells whether there was something.
fn clean(ground: &Ground, folders: &Folders, globals: &Globals) -> Result<bool> {
    let Some(held) = ground.try_hold()? else { return Ok(false) };
    let left = held.leftovers();
    if let Some(state) = &left {
        remote::block_on(globals, async {
            end_leftovers(state).await;
            Ok(())
        })?;
        globals.note(&format!("removed what a killed network {} left behind", ground.name));
    }
    held.remove()?;
    // To look at the contexts removes those that nobody holds.
    folders.all()?;
    Ok(left.is_some())
}

/// Asks the supervisor to stop, and waits until its lock is free.
async fn stop(ground: &Ground, state: &State) -> Result {
    let supervisor = Pid::from_raw(state.supervisor.cast_signed());
    let unknown = || {
        Trouble::new(
            Exit::Failed,
            format!("{} is about to start or to end: try again", ground.name),
        )
    };
    // It holds its lock, so the id is its own.
    kill_process(supervisor.ok_or_else(unknown)?, Signal::TERM)?;
    let deadline = Instant::now() + STOP_TIMEOUT;
    while ground.is_held() {
        if Instant::now() > deadline {
            let what = format!("{} did not stop in {} s", ground.name, STOP_TIMEOUT.as_secs());
            let hint = format!("`kill -9 {}` ends it; its nodes follow", state.supervisor);
            return Err(Trouble::new(Exit::Failed, what).with_hint(hint));
        }
        sleep(LOOK_EVERY).await;
    }
    Ok(())
}
