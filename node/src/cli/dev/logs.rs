//! `bothways dev logs`.

use bothways_protocol::{NetworkName, NodeName};
use clap::Args;

use super::choose::the_network;
use crate::cli::contexts::Folders;
use crate::cli::merged::Follow;
use crate::cli::{Exit, Globals, Result, Trouble};

const EXAMPLES: &str = "\
Examples:
  bothways dev logs
  bothways dev logs -f
  bothways dev logs hub --name roles";

/// Show the merged log of a network that runs
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Logs {
    /// Only lines that concern this node
    node: Option<NodeName>,
    /// Wait for more, until the network ends
    #[arg(short, long)]
    follow: bool,
    /// The network [default: the only one that runs]
    #[arg(long)]
    name: Option<NetworkName>,
}

impl Logs {
    pub(super) fn run(self, globals: &Globals) -> Result {
        let folders = Folders::of_user()?;
        let (ground, state) = the_network(self.name.as_ref(), &folders)?;
        let names: Vec<_> = state.nodes.iter().map(|node| node.name.clone()).collect();
        let only = self.node.map(|node| node.to_string());
        if let Some(unknown) = only.as_ref().filter(|node| !names.contains(node)) {
            let what = format!("network {} has no node {unknown}", ground.name);
            return Err(Trouble::new(Exit::Usage, what)
                .with_hint(format!("its nodes are {}", names.join(", "))));
        }
        let mut follow =
            Follow::of(ground.supervisor_log(), ground.logs_of(&names)?, only, globals);
        if !self.follow {
            return follow.all();
        }
        follow.on(|| ground.is_held())?;
        globals.note(&format!("network {} is down", ground.name));
        Ok(())
    }
}
