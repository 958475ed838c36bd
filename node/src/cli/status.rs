//! `bothways status`: what a running node has to say of itself, in one screen.

mod live;
mod screen;
mod words;

use clap::Args;

use super::which::WhichArgs;
use super::{Globals, Result, remote};

use screen::Screen;

const EXAMPLES: &str = "\
Examples:
  bothways status hub                              a node of the network that `dev up` runs
  bothways status hub --watch                      the same, anew each second, until Ctrl-C
  bothways status --control data/control.sock -o json
  bothways status --config bothways.toml

LOST is the part of this node's packets that got lost; STREAMS are those that are open; CERT is
the time until the peer's certificate ends. Where they have no room they are left out: -o json
tells all. With --watch and no terminal there is one line of JSON each second.";

/// Show what a node that runs on this machine does: sessions, dials, requests, queues, store
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Status {
    #[command(flatten)]
    which: WhichArgs,
    /// Show it anew each second, until Ctrl-C
    #[arg(short, long)]
    watch: bool,
}

impl Status {
    pub(super) fn run(self, globals: &Globals) -> Result {
        let watch = self.watch;
        let control = self.which.control(globals)?;
        if watch {
            return remote::block_on_to_its_end(globals, live::watch(&control, globals.out()));
        }
        let status = remote::block_on(globals, remote::status(&control))?;
        let out = globals.out();
        Ok(out.one(&status, |status| Screen::now(out).lines(status).join("\n"))?)
    }
}
