//! `bothways peers`: with whom a running node has sessions.

use bothways::SessionStatus;
use clap::Args;

use super::output::Row;
use super::remote;
use super::which::WhichArgs;
use super::{Globals, Result};

const EXAMPLES: &str = "\
Examples:
  bothways peers hub                               a node that `dev up` runs
  bothways peers --config bothways.toml
  bothways peers --control data/control.sock -o json";

/// List the peers of a node that runs on this machine
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Peers {
    #[command(flatten)]
    which: WhichArgs,
}

impl Row for SessionStatus {
    const HEADINGS: &'static [&'static str] =
        &["peer", "role", "dialed by", "address", "age", "round trip", "out", "in"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.peer.clone(),
            self.role.clone(),
            self.dialed.clone(),
            self.address.clone(),
            format!("{} s", self.age_s),
            format!("{} µs", self.round_trip_us),
            self.requests_out.to_string(),
            self.requests_in.to_string(),
        ]
    }
}

impl Peers {
    pub(super) fn run(self, globals: &Globals) -> Result {
        let control = self.which.control(globals)?;
        let status = remote::block_on(globals, remote::status(&control))?;
        Ok(globals.out().list(&status.sessions)?)
    }
}
