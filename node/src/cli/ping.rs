//! `bothways ping`: is a peer there, and how far away?

use std::time::Duration;

use bothways_protocol::{NodeName, Role};
use clap::Args;
use clap_complete::engine::ArgValueCandidates;
use serde::Serialize;

use super::caller::{Caller, CallerArgs, deadline, duration};
use super::peer::PeerArg;
use super::{Globals, Result, complete, remote};

const EXAMPLES: &str = "\
Examples:
  bothways ping hub
  bothways ping hub --count 10 --interval 200ms
  bothways ping hub@127.0.0.1:4433 --deadline 1s -o json";

/// Ask a peer for a sign of life
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Ping {
    /// A peer that the context knows, or name@host:port
    #[arg(add = ArgValueCandidates::new(complete::peers))]
    peer: PeerArg,
    /// How often
    #[arg(short, long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    count: u32,
    /// The time between two
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration)]
    interval: Duration,
    /// How long each may take: 500ms, 10s, 1m
    #[arg(long, value_name = "TIME", value_parser = duration)]
    deadline: Option<Duration>,
    #[command(flatten)]
    caller: CallerArgs,
}

#[derive(Debug, Serialize)]
struct Answer {
    peer: NodeName,
    role: Role,
    duration_us: u128,
}

impl Ping {
    pub(super) fn run(self, globals: &Globals) -> Result {
        let Caller { plan, log, .. } = self.caller.caller(&self.peer, globals)?;
        let deadline = deadline(self.deadline, &plan)?;
        let (out, peer) = (globals.out(), &self.peer.name);
        let show = |pong: remote::Pong| {
            let duration_us = pong.took.as_micros();
            let answer = Answer { peer: peer.clone(), role: pong.role, duration_us };
            Ok(out.one(&answer, |_| {
                format!("{peer} ({}) answered in {:.1?}", pong.role, pong.took)
            })?)
        };
        let ping = remote::ping(plan, peer.clone(), self.count, self.interval, deadline, show);
        remote::block_on_logged(globals, log, ping)
    }
}
