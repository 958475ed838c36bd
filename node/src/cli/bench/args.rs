//! What `bothways bench` is told.

use std::time::Duration;

use anyhow::{anyhow, ensure};
use bothways::bench::BODY_MAX_BYTES;
use bothways_protocol::MethodName;
use clap::Args;
use clap_complete::engine::{ArgValueCandidates, ArgValueCompleter};

use crate::cli::caller::{CallerArgs, duration};
use crate::cli::complete;
use crate::cli::peer::PeerArg;

/// The longest duration: a day.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// The highest rate, in requests a second.
const RATE_MAX_PER_S: f64 = 1e6;

const EXAMPLES: &str = "\
Examples:
  bothways bench hub                               node.ping, 64 at a time, for 10 s
  bothways bench hub people.list limit:=10 --concurrency 8
  bothways bench hub --rate 5000 --duration 30s    latency at a fixed rate
  bothways bench hub people.create name=Ann --count 1000 --writes
  bothways bench hub --size 4096 --both-ways -o json

Without --rate, N requests are always in flight (a closed loop): the next one is sent when one is
answered. With --rate, requests are due at times fixed beforehand (an open loop), and latency is
measured from then: a peer that stands still is seen in every request that was due meanwhile.
--concurrency bounds how many wait; what could not be sent by the end is counted as not sent.

A peer takes 64 requests at a time on a session (its limits.requests_in_flight): beyond that they
wait here for a place, and the wait is part of their latency.

--size and --both-ways need the service bench, which a node enables only where its configuration
says so: services = [\"people\", \"bench\"]. With --both-ways the peer asks back on the same session,
as much and as long: node.ping, or bench.echo with --size. This command then is a node of role
peer: one at a time for each identity.

Each request of a write has a key of its own. A bench writes no log; the peer logs each request.";

/// Measure how many requests a peer answers, and how fast
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Bench {
    /// A peer that the context knows, or name@host:port
    #[arg(add = ArgValueCandidates::new(complete::peers))]
    pub(super) peer: PeerArg,
    /// The method [default: node.ping, or bench.echo with --size]
    #[arg(add = ArgValueCandidates::new(complete::methods))]
    pub(super) method: Option<MethodName>,
    /// Params: name=text or name:=json
    #[arg(value_name = "NAME=VALUE", add = ArgValueCompleter::new(complete::params))]
    pub(super) fields: Vec<String>,
    /// Params as JSON: @file (.cbor for CBOR), - for standard input, or the text itself
    #[arg(short, long, value_name = "@FILE|-|JSON", allow_hyphen_values = true)]
    pub(super) data: Option<String>,
    /// Send so many bytes there and back, with bench.echo
    #[arg(long, value_name = "BYTES", conflicts_with_all = ["data", "fields"])]
    #[arg(value_parser = clap::value_parser!(u32).range(..=i64::from(BODY_MAX_BYTES)))]
    pub(super) size: Option<u32>,
    /// Requests that wait for their answer at the same time
    #[arg(long, value_name = "N", default_value_t = 64)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub(super) concurrency: u16,
    /// Send at a fixed rate, in requests a second, whatever is answered
    #[arg(long, value_name = "R", value_parser = rate, allow_negative_numbers = true)]
    pub(super) rate: Option<f64>,
    /// Send at that rate, but at random times, as many callers would
    #[arg(long, requires = "rate")]
    pub(super) poisson: bool,
    /// How long it is measured: 500ms, 10s, 1m [default: 10s, or until --count]
    #[arg(long, value_name = "TIME", value_parser = some_time)]
    pub(super) duration: Option<Duration>,
    /// How many requests are measured
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) count: Option<u64>,
    /// How long to ask before it is measured [default: 1s, or 0s with --count]
    #[arg(long, value_name = "TIME", value_parser = up_to_a_day)]
    pub(super) warm_up: Option<Duration>,
    /// Have the peer ask this side at the same time, on the same session
    #[arg(long)]
    pub(super) both_ways: bool,
    /// Allow a method that writes
    #[arg(long)]
    pub(super) writes: bool,
    /// How long each request may take: 500ms, 10s, 1m
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(super) deadline: Option<Duration>,
    #[command(flatten)]
    pub(super) caller: CallerArgs,
}

fn rate(text: &str) -> anyhow::Result<f64> {
    let rate: f64 = text.parse().map_err(|_| anyhow!("write a number, such as 1000 or 0.5"))?;
    ensure!(rate > 0.0 && rate <= RATE_MAX_PER_S, "it must be above 0, up to {RATE_MAX_PER_S}");
    Ok(rate)
}

fn up_to_a_day(text: &str) -> anyhow::Result<Duration> {
    let time = duration(text)?;
    ensure!(time <= LONGEST, "that is too long: a day at the most");
    Ok(time)
}

fn some_time(text: &str) -> anyhow::Result<Duration> {
    let time = up_to_a_day(text)?;
    ensure!(!time.is_zero(), "in no time nothing is measured");
    Ok(time)
}
