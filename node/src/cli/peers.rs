//! `bothways peers`: with whom a running node has sessions.

use std::path::PathBuf;

use bothways::SessionStatus;
use clap::Args;

use super::output::Row;
use super::remote;
use super::status::control;
use super::{Exit, Globals, Result, Trouble};

const EXAMPLES: &str = "\
Examples:
  bothways peers --config bothways.toml
  bothways peers --control data/control.sock -o json";

/// List the peers of a node that runs on this machine
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Peers {
    /// The running node's configuration
    #[arg(long, env = "BOTHWAYS_CONFIG", hide_env_values = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The running node's control socket
    #[arg(long, value_name = "PATH")]
    control: Option<String>,
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
        let control = control(self.config, self.control)?.ok_or_else(|| {
            Trouble::new(Exit::Config, "which node? nothing says where its control socket is")
                .with_hint("name its configuration with --config, or its socket with --control")
        })?;
        let status = remote::block_on(globals, remote::status(&control))?;
        Ok(globals.out().list(&status.sessions)?)
    }
}
