//! `bothways dev restart`.

use bothways_protocol::{NetworkName, NodeName};
use clap::Args;

use super::choose::the_network;
use super::network::ask_to_restart;
use crate::cli::contexts::Folders;
use crate::cli::{Exit, Globals, Result, Trouble, remote};

const EXAMPLES: &str = "\
Examples:
  bothways dev restart hub
  bothways dev restart hub --name roles";

/// Stop a node and start it again, with its address and its data
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Restart {
    /// The node, whether it runs or has died
    node: NodeName,
    /// The network [default: the only one that runs]
    #[arg(long)]
    name: Option<NetworkName>,
}

impl Restart {
    pub(super) fn run(self, globals: &Globals) -> Result {
        let folders = Folders::of_user()?;
        let (ground, state) = the_network(self.name.as_ref(), &folders)?;
        if !state.nodes.iter().any(|node| node.name == self.node.as_str()) {
            let what = format!("network {} has no node {}", ground.name, self.node);
            let names: Vec<_> = state.nodes.iter().map(|node| node.name.as_str()).collect();
            return Err(Trouble::new(Exit::Usage, what)
                .with_hint(format!("its nodes are {}", names.join(", "))));
        }
        let socket = ground.requests();
        remote::block_on(globals, ask_to_restart(&socket, &self.node))?;
        globals.note(&format!("{} is up again", self.node));
        Ok(())
    }
}
