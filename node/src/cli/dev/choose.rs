//! Which network a command is about.

use bothways_protocol::NetworkName;

use super::network::Ground;
use super::network::State;
use crate::cli::contexts::Folders;
use crate::cli::{Exit, Result, Trouble};

/// The network of this name, or the only one that runs.
pub(super) fn the_network(
    name: Option<&NetworkName>,
    folders: &Folders,
) -> Result<(Ground, State)> {
    let grounds = match name {
        Some(name) => vec![Ground::of(name, folders)],
        None => Ground::all(folders)?,
    };
    let mut running = Vec::new();
    for ground in grounds {
        running.extend(ground.running()?.map(|state| (ground, state)));
    }
    if running.len() > 1 {
        let names: Vec<_> = running.iter().map(|(ground, _)| ground.name.as_str()).collect();
        let what = format!("several networks run: {}", names.join(", "));
        return Err(Trouble::new(Exit::Usage, what).with_hint("say which with --name NAME"));
    }
    running.pop().ok_or_else(|| {
        let what = match name {
            Some(name) => format!("network {name} does not run"),
            None => "no network runs".to_owned(),
        };
        Trouble::new(Exit::Nothing, what).with_hint("`bothways dev up` starts one")
    })
}
