//! `bothways dev`: several nodes on this machine, to look at.

mod announce;
mod audit;
mod choose;
mod detach;
mod down;
mod events;
mod logs;
mod network;
mod ps;
mod restart;
mod script;
mod signals;
mod story;
mod topology;
mod up;

use std::io;
use std::path::{Path, PathBuf};

use bothways_protocol::{NetworkName, NodeName};
use clap::{Args, Subcommand};

use super::contexts::Folders;
use super::{Advise, Exit, Globals, Result, Trouble};

pub(super) use script::{Supervised, SupervisedArgs};
pub(super) use signals::Signals;

const EXAMPLES: &str = "\
Examples:
  bothways dev up                                  a server, two peers and a client that talk
  bothways dev up -f topology.toml --detach        nodes of your own, in the background
  bothways call hub people.list                    in another terminal, while they run
  bothways dev logs -f
  bothways dev down";

/// Run several nodes on this machine, and see who asks whom for what
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Dev {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Up(up::Up),
    Ps(ps::Ps),
    Logs(logs::Logs),
    Restart(restart::Restart),
    Down(down::Down),
}

impl Dev {
    pub(super) fn run(self, globals: &Globals) -> Result {
        match self.command {
            Command::Up(command) => command.run(globals),
            Command::Ps(command) => command.run(globals),
            Command::Logs(command) => command.run(globals),
            Command::Restart(command) => command.run(globals),
            Command::Down(command) => command.run(globals),
        }
    }
}

/// The folder of the logs of a network that runs: of this one, or of the only one.
pub(super) fn logs_of(network: Option<&NetworkName>) -> Result<PathBuf> {
    let (ground, _) = choose::the_network(network, &Folders::of_user()?)?;
    Ok(ground.logs())
}

/// The nodes of a network that runs on this machine: of this one, or of the only one.
pub(super) fn nodes_of(network: Option<&str>) -> Result<Vec<String>> {
    let (_, state) = running(network)?;
    Ok(state.nodes.into_iter().map(|node| node.name).collect())
}

/// A network that runs on this machine: this one, or the only one.
fn running(network: Option<&str>) -> Result<(network::Ground, network::State)> {
    let network = network.map(str::parse::<NetworkName>).transpose().exit(Exit::Usage)?;
    choose::the_network(network.as_ref(), &Folders::of_user()?)
}

/// The control socket of a node of a network that runs on this machine: of this network, or of the
/// only one.
pub(super) fn control_of(network: Option<&str>, node: &NodeName) -> Result<PathBuf> {
    let (ground, state) = running(network).map_err(|trouble| match trouble.exit() {
        Exit::Usage => trouble.with_hint("say which with --context NAME"),
        _ => trouble.with_hint("--control PATH names the socket of a node that runs by itself"),
    })?;
    let names: Vec<_> = state.nodes.iter().map(|node| node.name.clone()).collect();
    let Some(found) = state.nodes.into_iter().find(|state| state.name == node.as_str()) else {
        let what = format!("network {} has no node {node}", ground.name);
        let hint = format!("its nodes are {}", names.join(", "));
        return Err(Trouble::new(Exit::Usage, what).with_hint(hint));
    };
    match found.ended {
        Some(ended) => {
            Err(Trouble::new(Exit::Unreachable, format!("{node} does not run: {ended}"))
                .with_hint(format!("`bothways dev restart {node}` starts it again")))
        }
        None => Ok(found.control),
    }
}

/// The process of a node of a network that runs on this machine; nothing where there is none.
pub(super) fn pid_of(network: &NetworkName, node: &NodeName) -> Option<u32> {
    let folders = Folders::of_user().ok()?;
    let state = network::Ground::of(network, &folders).running().ok()??;
    let node = state.nodes.into_iter().find(|state| state.name == node.as_str())?;
    node.ended.is_none().then_some(node.pid)
}

/// This program's file, to be started once more: where it was built anew meanwhile, the new one.
fn this_program() -> io::Result<PathBuf> {
    std::env::current_exe().map(|path| at_hand(path, Path::exists))
}

/// How Linux names a program's file that was removed, or replaced, while it runs.
const REMOVED: &str = " (deleted)";

fn at_hand(path: PathBuf, exists: fn(&Path) -> bool) -> PathBuf {
    let replaced = path.to_str().and_then(|path| path.strip_suffix(REMOVED)).map(PathBuf::from);
    replaced.filter(|replaced| !exists(&path) && exists(replaced)).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_was_replaced_is_started_from_its_new_file() {
        let there = |path: &Path| !path.ends_with("bothways (deleted)");
        let table = [
            ("/bin/bothways", "/bin/bothways"),
            ("/bin/bothways (deleted)", "/bin/bothways"),
            // Somebody's own name for it.
            ("/bin/own (deleted)", "/bin/own (deleted)"),
        ];
        for (running, started) in table {
            assert_eq!(at_hand(running.into(), there), Path::new(started), "{running}");
        }
        assert_eq!(at_hand("/x (deleted)".into(), |_| false), Path::new("/x (deleted)"));
    }
}
