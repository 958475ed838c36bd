//! `bothways methods`: what a peer enables.

use std::time::Duration;

use bothways::service::MethodInfo;
use bothways_protocol::Effect;
use clap::Args;

use super::caller::{Caller, CallerArgs, deadline, duration};
use super::output::Row;
use super::peer::PeerArg;
use super::remote;
use super::{Globals, Result};

const EXAMPLES: &str = "\
Examples:
  bothways methods hub
  bothways methods hub@127.0.0.1:4433 -o json";

/// List the methods that a peer enables
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Methods {
    /// A peer that the context knows, or name@host:port
    peer: PeerArg,
    /// How long it may take: 500ms, 10s, 1m
    #[arg(long, value_name = "TIME", value_parser = duration)]
    deadline: Option<Duration>,
    #[command(flatten)]
    caller: CallerArgs,
}

impl Row for MethodInfo {
    const HEADINGS: &'static [&'static str] = &["method", "effect", "about"];

    fn cells(&self) -> Vec<String> {
        let effect = match self.effect {
            Effect::Reads => "reads",
            Effect::Writes => "writes",
        };
        vec![self.name.clone(), effect.to_owned(), self.about.clone()]
    }
}

impl Methods {
    pub(super) fn run(self, globals: &Globals) -> Result {
        let Caller { plan, log, .. } = self.caller.caller(&self.peer, globals)?;
        let deadline = deadline(self.deadline, &plan)?;
        let methods =
            remote::block_on_logged(globals, log, remote::methods(plan, self.peer.name, deadline))?;
        Ok(globals.out().list(&methods)?)
    }
}
