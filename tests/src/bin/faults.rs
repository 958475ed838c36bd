//! Does faults to a server while callers write, for as long as one likes: `scripts/faults.sh`.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use bothways_tests::faults::{Case, Length, Plan, Report, Times, Verdict};
use clap::{Parser, ValueEnum};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

const EXAMPLES: &str = "\
Examples:
  scripts/faults.sh
  scripts/faults.sh --length full
  scripts/faults.sh --only kill --rounds 1000 --seed 7
  scripts/faults.sh --only power -o json

Power cuts take root and a loop device. Ends with status 1 where a promise was broken; a case that
this machine does not allow is said to be not run.";

/// Kills, stops and cuts the power of a server while callers write, and judges what they saw
#[derive(Debug, Parser)]
#[command(bin_name = "scripts/faults.sh", after_help = EXAMPLES)]
struct Command {
    /// How many rounds each case has
    #[arg(long, value_enum, default_value_t = Length::Short)]
    length: Length,
    /// So many rounds of each case, whatever the length
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rounds: Option<u32>,
    /// Runs this case alone; may be given more than once
    #[arg(long, value_enum, value_name = "CASE")]
    only: Vec<Case>,
    /// What chance is drawn from, to run the same again [default: drawn]
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// How the results are written
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people
    Text,
    /// One JSON object
    Json,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<ExitCode> {
    let command = Command::parse();
    let mut terminated = signal(SignalKind::terminate())?;
    // Whatever a case holds, processes and disks, it lets go of when it is dropped.
    tokio::select! {
        ended = run(command) => ended,
        _ = tokio::signal::ctrl_c() => Ok(ExitCode::from(130)),
        _ = terminated.recv() => Ok(ExitCode::from(143)),
    }
}

async fn run(command: Command) -> io::Result<ExitCode> {
    let seed = command.seed.unwrap_or_else(rand::random);
    tell(&format!("seed {seed}"));
    let mut reports = Vec::new();
    for case in Case::ALL {
        if !command.only.is_empty() && !command.only.contains(&case) {
            continue;
        }
        let rounds = command.rounds.unwrap_or_else(|| case.rounds(command.length));
        let tell = Arc::new(|text: String| tell(&text));
        let report = case.run(&Plan { rounds, seed, times: Times::Judged, tell }).await;
        if command.output == Output::Text {
            write!(io::stdout(), "{}", in_words(&report))?;
        }
        reports.push(report);
    }
    if command.output == Output::Json {
        writeln!(io::stdout(), "{:#}", json!({ "seed": seed, "cases": reports }))?;
    }
    let failed = reports.iter().any(|report| report.verdict == Verdict::Fails);
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn tell(text: &str) {
    // Whoever does not read how far it has come does not need to.
    let _ = writeln!(io::stderr(), "{text}");
}

fn in_words(report: &Report) -> String {
    let name = report.case.name();
    let mut text = match &report.verdict {
        Verdict::Holds => format!("{name}: holds\n"),
        Verdict::Fails => format!("{name}: FAILS\n"),
        Verdict::NotRun(why) => format!("{name}: not run: {why}\n"),
    };
    for (figure, value) in &report.figures {
        text += &format!("  {figure:<22} {value}\n");
    }
    for broken in &report.broken {
        text += &format!("  broken: {broken}\n");
    }
    text
}
