//! `bothways trace`: who asked whom for what, from the logs of many nodes.

mod filters;
mod graph;
mod list;
mod paint;
mod show;
mod source;
mod stats;
mod tail;

use clap::{Args, Subcommand};

use super::{Globals, Result};

const EXAMPLES: &str = "\
Examples:
  bothways trace list                              what passed in the network of `dev up`
  bothways trace show --trace 4bf92f35             one of these, both ends of each request
  bothways trace tail --slower-than 10ms           each request as it ends, until Ctrl-C
  bothways trace stats --from hub.log phone.log    how many, how fast, from these logs
  bothways trace graph --from data                 who asks whom, from a node's data folder
  bothways trace show --from hub phone --last 5    what these nodes keep, over the network";

/// Show the exchange: who asked whom for what, in which order, and what got lost
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Trace {
    #[command(subcommand)]
    command: TraceCommand,
}

#[derive(Debug, Subcommand)]
enum TraceCommand {
    List(list::List),
    Show(show::Show),
    Tail(tail::Tail),
    Stats(stats::Stats),
    Graph(graph::Graph),
}

impl Trace {
    pub(super) fn run(self, globals: &Globals) -> Result {
        match self.command {
            TraceCommand::List(command) => command.run(globals),
            TraceCommand::Show(command) => command.run(globals),
            TraceCommand::Tail(command) => command.run(globals),
            TraceCommand::Stats(command) => command.run(globals),
            TraceCommand::Graph(command) => command.run(globals),
        }
    }
}
