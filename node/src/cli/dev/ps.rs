//! `bothways dev ps`.

use bothways::control::{self, Status};
use bothways_protocol::NetworkName;
use clap::Args;
use futures_util::future::join_all;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::network::Ground;
use super::network::NodeState;
use crate::cli::contexts::Folders;
use crate::cli::output::Row;
use crate::cli::{Globals, Result, remote};

const EXAMPLES: &str = "\
Examples:
  bothways dev ps
  bothways dev ps --name roles -o json";

/// List the nodes that `dev up` runs
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Ps {
    /// Only this network
    #[arg(long)]
    name: Option<NetworkName>,
}

/// A node of a network that runs.
#[derive(Debug, Serialize)]
struct Listed {
    network: String,
    name: String,
    role: String,
    /// `up`, how it ended, or that it does not answer.
    state: String,
    pid: u32,
    address: Option<String>,
    /// With whom it has sessions.
    sessions: Vec<String>,
    up_since: String,
    #[serde(skip)]
    place: String,
}

impl Row for Listed {
    const HEADINGS: &'static [&'static str] =
        &["network", "node", "role", "state", "pid", "address", "sessions", "up since"];

    fn cells(&self) -> Vec<String> {
        let since = self.up_since.parse::<Timestamp>().unwrap_or_default();
        let since = since.to_zoned(TimeZone::system());
        vec![
            self.network.clone(),
            self.name.clone(),
            self.role.clone(),
            self.state.clone(),
            self.pid.to_string(),
            self.place.clone(),
            self.sessions.join(", "),
            since.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        ]
    }
}

impl Ps {
    pub(super) fn run(self, globals: &Globals) -> Result {
        let folders = Folders::of_user()?;
        let grounds = match &self.name {
            Some(name) => vec![Ground::of(name, &folders)],
            None => Ground::all(&folders)?,
        };
        let mut rows = Vec::new();
        for ground in grounds {
            let Some(state) = ground.running()? else { continue };
            let listed = state.nodes.into_iter().map(|node| listed(state.name.clone(), node));
            rows.extend(remote::block_on(globals, async { Ok(join_all(listed).await) })?);
        }
        if rows.is_empty() {
            globals.note("no network runs: see `bothways dev up --help`");
        }
        Ok(globals.out().list(&rows)?)
    }
}

async fn listed(network: String, node: NodeState) -> Listed {
    let status = match node.ended {
        None => control::status(&node.control).await.ok(),
        Some(_) => None,
    };
    let place = node.place();
    let state = match (&status, node.ended) {
        (_, Some(ended)) => ended,
        (Some(_), None) => "up".to_owned(),
        (None, None) => "silent".to_owned(),
    };
    let peers = |status: Status| status.sessions.into_iter().map(|session| session.peer).collect();
    let NodeState { name, role, pid, address, started: up_since, .. } = node;
    let sessions = status.map(peers).unwrap_or_default();
    Listed { network, name, role, state, pid, address, sessions, up_since, place }
}
