//! `bothways link`: the way into a node's page.

use bothways::control;
use clap::Args;
use serde::Serialize;

use super::which::WhichArgs;
use super::{Advise, Exit, Globals, Result, remote};

const EXAMPLES: &str = "\
Examples:
  bothways link desk                               a node that `dev up` runs
  bothways link --config bothways.toml

Whoever has the link first is let in: paste it, and leave it in no script's arguments.";

/// Print a link that opens a node's page in one browser, once, within the hour
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Link {
    #[command(flatten)]
    which: WhichArgs,
}

#[derive(Serialize)]
struct Drawn {
    link: String,
}

impl Link {
    pub(super) fn run(self, globals: &Globals) -> Result {
        let control = self.which.control(globals)?;
        let link = remote::block_on(globals, async {
            control::link(&control).await.exit(Exit::Unreachable)
        })?;
        Ok(globals.out().one(&Drawn { link }, |drawn| drawn.link.clone())?)
    }
}
