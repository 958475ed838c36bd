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
  xdg-open \"$(bothways link desk)\"";

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
            let drawn = control::link(&control).await.exit(Exit::Unreachable);
            drawn.hint("a node has a page where its configuration says http.listen, or with --http")
        })?;
        Ok(globals.out().one(&Drawn { link }, |drawn| drawn.link.clone())?)
    }
}
