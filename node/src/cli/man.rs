//! `bothways man`: the manual's pages, one per command.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, CommandFactory};
use clap_mangen::Man as Page;

use super::{Cli, Globals, Result};

const EXAMPLES: &str = "\
Examples:
  bothways man | man -l -
  bothways man --out ~/.local/share/man/man1";

/// Print the manual page, or write the pages of all commands
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Man {
    /// Write one page per command into this folder, and make it where it is missing
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

impl Man {
    pub(super) fn run(self, globals: &Globals) -> Result {
        match self.out {
            None => {
                let mut page = Vec::new();
                Page::new(Cli::command()).render(&mut page)?;
                Ok(globals.out().text(&String::from_utf8(page)?)?)
            }
            Some(folder) => {
                let place = folder.display();
                fs::create_dir_all(&folder).with_context(|| format!("cannot make {place}"))?;
                clap_mangen::generate_to(Cli::command(), &folder)
                    .with_context(|| format!("cannot write manual pages into {place}"))?;
                Ok(())
            }
        }
    }
}
