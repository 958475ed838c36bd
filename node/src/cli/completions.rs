//! `bothways completions`: what a shell needs in order to complete our commands.

use clap::Args;
use clap_complete::Shell;
use clap_complete::env::Shells;

use super::complete::VARIABLE;
use super::{Exit, Globals, Result, Trouble};

const EXAMPLES: &str = "\
Examples:
  bothways completions bash > ~/.local/share/bash-completion/completions/bothways
  source <(bothways completions zsh)               in ~/.zshrc, behind compinit
  bothways completions fish > ~/.config/fish/completions/bothways.fish

The script runs this program for each completion: it offers the peers that the context knows, and
asks the peer that is named for its methods, their params and its topics. A peer that does not
answer within a second is passed over.";

/// Print shell completions
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Completions {
    /// The shell that will read them
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self, globals: &Globals) -> Result {
        let name = self.shell.to_string();
        let shells = Shells::builtins();
        let shell = shells.completer(&name).ok_or_else(|| {
            Trouble::new(Exit::Usage, format!("there are no completions for {name}"))
        })?;
        let (mut script, program) = (Vec::new(), "bothways");
        shell.write_registration(VARIABLE, program, program, program, &mut script)?;
        Ok(globals.out().text(&String::from_utf8(script)?)?)
    }
}
