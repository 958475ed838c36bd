//! People with terminals: one file per command group. Knows the library and nothing beneath its
//! public items; `anyhow` lives only here.
//!
//! A command is a module with a clap struct and `fn run(self, globals: &Globals) -> Result`; it
//! becomes part of the program with a variant of [`Command`] and an arm in `Command::run`.

mod bench;
mod call;
mod caller;
mod cert;
mod complete;
mod completions;
mod config;
mod context;
mod contexts;
mod dev;
mod exit;
mod link;
mod man;
mod merged;
mod methods;
mod output;
mod params;
mod peer;
mod peers;
mod ping;
mod present;
mod remote;
mod run;
mod settings;
mod status;
mod topics;
mod trace;
mod trouble;
mod watch;
mod which;

use std::io::Write;
use std::process::ExitCode;

use anstyle::AnsiColor;
use bothways::visible;
use clap::{ArgAction, Args, ColorChoice, Parser, Subcommand};
use clap_complete::engine::ArgValueCandidates;

pub(crate) use exit::Exit;
pub(crate) use output::{Format, Out, OutputError};
pub(crate) use trouble::{Advise, Result, Trouble};

const EXAMPLES: &str = "\
Examples:
  bothways dev up                                  several nodes on this machine, to look at
  bothways call hub people.create name=Ann         a request to one of them
  bothways config init                             the configuration of a node of your own
  bothways run --config bothways.toml              that node

";

/// A peer node: client and server at once, both ways over one connection
#[derive(Debug, Parser)]
#[command(name = "bothways", version, after_help = format!("{EXAMPLES}{}", exit::TABLE))]
#[command(max_term_width = 100, subcommand_required = true, arg_required_else_help = true)]
struct Cli {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: Command,
}

/// What every command understands.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Globals {
    /// What the data on standard output looks like
    #[arg(short, long, global = true, value_enum, value_name = "table|json", default_value_t)]
    #[arg(hide_possible_values = true)]
    output: Format,
    /// When to use colour
    #[arg(long, global = true, value_enum, value_name = "auto|always|never", default_value_t)]
    #[arg(hide_possible_values = true)]
    color: ColorChoice,
    /// The network to talk to (see `bothways context --help`)
    #[arg(long, global = true, env = "BOTHWAYS_CONTEXT", value_name = "NAME")]
    #[arg(hide_env_values = true, add = ArgValueCandidates::new(complete::contexts))]
    pub(crate) context: Option<String>,
    /// Say more on standard error (-vv: much more)
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
}

impl Globals {
    /// Standard output, as asked for.
    pub(crate) fn out(&self) -> Out {
        Out::new(self.output, self.color)
    }

    /// The log level that `-v` asks for, if it was given.
    pub(crate) fn log_level(&self) -> Option<&'static str> {
        match self.verbose {
            0 => None,
            1 => Some("debug"),
            _ => Some("trace"),
        }
    }

    /// Tells something, on standard error.
    pub(crate) fn note(&self, text: &str) {
        // Where standard error is closed there is nobody left to tell.
        let _ = writeln!(anstream::stderr().lock(), "{}", visible(text));
    }

    /// Warns of each of these, on standard error.
    pub(crate) fn warn_all(&self, warnings: &[String]) {
        let yellow = AnsiColor::Yellow.on_default().bold();
        for warning in warnings {
            let text = visible(warning);
            let _ = writeln!(anstream::stderr().lock(), "{yellow}warning:{yellow:#} {text}");
        }
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Run),
    Call(call::Call),
    Watch(watch::Watch),
    Ping(ping::Ping),
    Bench(bench::Bench),
    Methods(methods::Methods),
    Peers(peers::Peers),
    Link(link::Link),
    Status(status::Status),
    Config(config::Config),
    Context(context::ContextArgs),
    Cert(cert::Cert),
    Dev(dev::Dev),
    Trace(trace::Trace),
    Completions(completions::Completions),
    Man(man::Man),
}

impl Command {
    fn run(self, globals: &Globals) -> Result {
        match self {
            Self::Run(command) => command.run(globals),
            Self::Call(command) => command.run(globals),
            Self::Watch(command) => command.run(globals),
            Self::Ping(command) => command.run(globals),
            Self::Bench(command) => command.run(globals),
            Self::Methods(command) => command.run(globals),
            Self::Peers(command) => command.run(globals),
            Self::Link(command) => command.run(globals),
            Self::Status(command) => command.run(globals),
            Self::Config(command) => command.run(globals),
            Self::Context(command) => command.run(globals),
            Self::Cert(command) => command.run(globals),
            Self::Dev(command) => command.run(globals),
            Self::Trace(command) => command.run(globals),
            Self::Completions(command) => command.run(globals),
            Self::Man(command) => command.run(globals),
        }
    }
}

/// Runs the program: reads the command line, acts, tells of trouble.
pub(crate) fn main() -> ExitCode {
    complete::answer_shell();
    let Cli { globals, command } = Cli::parse();
    if globals.color != ColorChoice::Auto {
        anstream_choice(globals.color).write_global();
    }
    let exit = match command.run(&globals) {
        Ok(()) => Exit::Done,
        Err(trouble) if is_unread(&trouble) => Exit::Done,
        Err(trouble) => {
            trouble.tell();
            trouble.exit()
        }
    };
    exit.into()
}

fn anstream_choice(color: ColorChoice) -> anstream::ColorChoice {
    match color {
        ColorChoice::Auto => anstream::ColorChoice::Auto,
        ColorChoice::Always => anstream::ColorChoice::Always,
        ColorChoice::Never => anstream::ColorChoice::Never,
    }
}

/// Whether the command only stopped because its reader did (`| head`).
fn is_unread(trouble: &Trouble) -> bool {
    matches!(trouble.downcast_ref(), Some(OutputError::Closed))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_shows_examples() {
        examples_of_each(&Cli::command());
    }

    fn examples_of_each(group: &clap::Command) {
        for command in group.get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.starts_with("Examples:\n  bothways"), "{}", command.get_name());
            examples_of_each(command);
        }
    }
}
