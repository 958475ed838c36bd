//! Measures bothways beside what it stands on and what else one would take, in one run:
//! `scripts/bench.sh`. Each row of `cases.rs` says who is measured by whom, and what is to be
//! reached; a run that falls short of it in any row ends with status 1.
//!
//! **What is measured.** Requests whose params are 64 bytes, encoded, and are echoed, over mutual
//! TLS on loopback, where a case does not say otherwise. bothways does all that it does for its
//! users (hello, CBOR to and from a type, deadline, trace, policy, metrics), with the exchange off
//! (`limits.exchange_recent = 0`), but for the contenders "recorded", which keeps the newest records
//! in memory, as a node does by default, and "logged".
//!
//! **Who takes part.** Each is a file in `contender/`.
//! - *quinn*: a stream per request, bytes in and the same bytes out, with a node's TLS and
//!   transport settings.
//! - *quinn framed*: the same, with all requests on one long-lived stream and the handler called
//!   where it is read: what a protocol made for this alone reaches.
//! - *tonic*: gRPC over HTTP/2 with mutual TLS. *tarpc*: TCP without any TLS.
//! - *bothways*: with its default settings; with a stream per request (*streams*); and others by
//!   name.
//!
//! **What makes it fair.**
//! - *Two processes*, one for each end, new ones for each measurement: that is how nodes meet;
//!   neither end shares an allocator, a scheduler or a count of CPU time with the other; and
//!   every measurement starts from the same state.
//! - *One current-thread runtime at each end* does the work of a connection: the better one for
//!   tonic and tarpc too (`--threads many` shows the other). The load generator runs on it. A
//!   bothways node has it on its network thread, so there the load generator is a handler, the
//!   way in which code gets onto that thread; "outside" asks from a runtime of its own and pays
//!   for crossing threads at each request.
//! - *The same load generator* for all: so many tasks that each ask, wait, ask again. CPU time is
//!   that of both processes between the first and the last moment of the window, the load
//!   generator's part included, which all share.
//! - *Alternating*: each round measures every contender, once per case, odd rounds in reverse
//!   order. A ratio is the median of the rounds' own ratios.
//! - *Pinned* cases hold both processes to one core. Free ones on a virtual machine measure how
//!   soon it wakes a halted core, more than any code path.
//!
//! **What the rarer cases do.**
//! - *Both directions*: 32 requests in flight from each end to the other over one session, both
//!   counted, beside 64 in flight one way.
//! - *Recorded*: both ends keep the newest records in memory. *Logged*: they also write each to a
//!   file as JSON, as `bothways run` does.
//! - *100 sessions*: without nodes at the asking end, on one thread there, so that what differs is
//!   the number of the listener's network threads.
//! - *Durable writes*: `people.create` over one session, beside the same writes without any network:
//!   tasks of the driver write to a store of its own, each record under an idempotency key. Both in
//!   the temporary folder (`TMPDIR`), which has to be on a disk for their fsync to mean anything.
//! - *A change to many*: each subscriber has a connection of its own, all of them in one driver,
//!   which counts every event of each and has the next change made once all have been told of an
//!   earlier one: so many are outstanding, the same for all contenders. The changes of bothways are
//!   writes to a store in memory, so that no fsync is in it; quinn has no store and writes each
//!   event to a stream for each subscriber. Where others ask meanwhile, they do on a thread and a
//!   connection of their own, every 2 ms, before and during it.
//! - *From a start*: a node dials when it starts, so this case counts from nothing to the first
//!   response: a thread, a runtime, TLS settings, a socket, the connection, the hello, the
//!   request. Bare quinn does the same but for the hello.
//! - *10,000 idle sessions*: opened in the same way, each with an identity of its own; once, for
//!   they are held against fixed bounds and not against each other.
//! - *Losses*: a relay between the ends delays each datagram by 20 ms and loses some, drawn from
//!   the round's number. 60 nodes ask at once, with 8 requests in flight each.

mod case;
mod cases;
mod chart;
mod contender;
mod end;
mod fan_out;
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

/// Measures bothways beside quinn, tonic and tarpc, and says which goals it reaches.
///
/// Ends with status 1 where one is not reached.
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
    /// Takes shorter windows and three rounds: about two minutes in all
    #[arg(long)]
    quick: bool,
    /// Measures only the cases whose name begins so
    #[arg(long, value_name = "CASE")]
    only: Option<String>,
    /// What tonic and tarpc run on: one thread is the better of the two
    #[arg(long, value_enum, default_value_t = Threads::One)]
    threads: Threads,
    /// The folder for report.md, report.json and report.svg
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
    let written: Vec<_> = written.iter().map(|path| path.display().to_string()).collect();
    println!("written: {}", written.join(", "));
    if !report.reaches_its_goals() {
        std::process::exit(1);
    }
    Ok(())
}
