//! `bothways completions`: what a shell needs in order to complete our commands.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Cli, Globals, Result};

const EXAMPLES: &str = "\
Examples:
  bothways completions bash > ~/.local/share/bash-completion/completions/bothways
  bothways completions zsh > ~/.zfunc/_bothways
  bothways completions fish > ~/.config/fish/completions/bothways.fish";

/// Print shell completions
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Completions {
    /// The shell that will read them
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self, globals: &Globals) -> Result {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "bothways", &mut script);
        Ok(globals.out().text(&String::from_utf8(script)?)?)
    }
}
