//! Measures bothways beside what it stands on, in one run: `scripts/bench.sh`.
//!
//! **What is measured.** Requests with 64 bytes of params, each echoed, over mutual TLS on
//! loopback: as many as go with 64 in flight, one after the other, the first one after a start;
//! and what an idle session costs the listener. bothways does all that it does for its users
//! (hello, CBOR, deadline, trace, policy, record) with the exchange log off, as it is where no
//! subscriber takes it. Bare quinn echoes the bytes, a stream per request, with the same TLS and
//! transport settings.
//!
//! **What makes it fair.**
//! - *Two processes*, one for each end, new ones for each measurement: that is how nodes meet;
//!   neither end shares an allocator, a scheduler or a count of CPU time with the other; and
//!   every measurement starts from the same state.
//! - *One current-thread runtime at each end* does the work of a connection. Quinn's load
//!   generator runs on it. A bothways node has it on its network thread, so there the load
//!   generator is a handler, the way in which code gets onto that thread; a second contender,
//!   "outside", asks from a runtime of its own and pays for crossing threads at each request.
//! - *The same load generator* for all: so many tasks that each ask, wait, ask again. CPU time is
//!   that of both processes between the first and the last moment of the window, the load
//!   generator's part included, which all share.
//! - *Alternating*: each round measures every contender, odd rounds in reverse order. A ratio is
//!   the median of the rounds' own ratios.
//! - *Pinned* cases hold both processes to one core. Free ones on a virtual machine measure how
//!   soon it wakes a halted core, more than any code path.
//! - *From a start*: a node dials when it starts, so this case counts from nothing to the first
//!   response: a thread, a runtime, TLS settings, a socket, the connection, the hello, the
//!   request. Bare quinn does the same but for the hello.

mod case;
mod cases;
mod contender;
mod end;
mod load;
mod relay;
mod report;
mod rounds;
mod usage;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use crate::case::Case;
use crate::cases::Pace;
use crate::end::Threads;
use crate::report::Report;
use crate::rounds::Rounds;

/// Measures bothways beside bare quinn: requests/s, latency, CPU, connects, memory.
#[derive(Debug, Parser)]
#[command(version, bin_name = "scripts/bench.sh", args_override_self = true)]
struct Command {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    end: Option<End>,
}

#[derive(Debug, Args)]
struct Options {
    /// How often each contender is measured in each case
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=99))]
    rounds: u32,
    /// Takes shorter windows and three rounds: less than two minutes in all
    #[arg(long)]
    quick: bool,
    /// Measures only the cases whose name begins so
    #[arg(long, value_name = "CASE")]
    only: Option<String>,
    /// What tonic and tarpc run on: one thread is the better of the two
    #[arg(long, value_enum, default_value_t = Threads::One)]
    threads: Threads,
    /// The folder for report.md and report.json
    #[arg(long, value_name = "FOLDER", default_value = "target/bench")]
    out: PathBuf,
}

/// One end of a measurement: how this program runs itself.
#[derive(Debug, Subcommand)]
enum End {
    /// Answers until its standard input ends
    #[command(hide = true)]
    Listener,
    /// Asks, and prints what it measured
    #[command(hide = true)]
    Driver,
}

fn main() -> Result<()> {
    let Command { options, end } = Command::parse();
    match end {
        Some(End::Listener) => end::listen(),
        Some(End::Driver) => end::drive(),
        None => bench(&options),
    }
}

fn bench(options: &Options) -> Result<()> {
    let cases = cases::all(if options.quick { Pace::Quick } else { Pace::Thorough });
    let chosen = |case: &Case| options.only.as_ref().is_none_or(|only| case.name.starts_with(only));
    let cases: Vec<_> = cases.into_iter().filter(chosen).collect();
    anyhow::ensure!(!cases.is_empty(), "no case begins so: see the table of a whole run");
    let rounds = if options.quick { options.rounds.min(3) } else { options.rounds };

    let measured = Rounds::of(rounds, options.threads, cases)?.run()?;
    let report = Report::of(&measured);
    println!("{}", report.table());
    let written = report.write(&options.out)?;
    println!("written: {}", written.map(|path| path.display().to_string()).join(", "));
    if !report.reaches_its_goals() {
        std::process::exit(1);
    }
    Ok(())
}
