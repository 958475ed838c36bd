//! What a network that runs says of itself to other processes: a file that is replaced whole.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::{Deserialize, Serialize};

/// A network that runs on this machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) name: String,
    /// The process that holds the nodes together.
    pub(super) supervisor: u32,
    /// Whether every node is up.
    pub(super) ready: bool,
    /// The nodes, in the order in which they started.
    pub(super) nodes: Vec<NodeState>,
}

/// One node of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct NodeState {
    pub(super) name: String,
    pub(super) role: String,
    pub(super) pid: u32,
    /// Where it listens, if it does.
    pub(super) address: Option<String>,
    pub(super) dials: Vec<String>,
    /// Whether people can be looked after here.
    pub(super) has_people: bool,
    pub(super) control: PathBuf,
    /// When, as RFC 3339 says it.
    pub(super) started: String,
    /// How it ended, once it has.
    pub(super) ended: Option<String>,
}

impl State {
    /// Reads the state of the network in this folder.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("cannot make out {}", path.display()))
    }

    /// Replaces the state in one step.
    pub(super) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let about = || format!("cannot write {}", path.display());
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(folder).with_context(about)?;
        file.write_all(&serde_json::to_vec(self)?).with_context(about)?;
        file.persist(path).with_context(about)?;
        Ok(())
    }
}

impl NodeState {
    /// Where it is, or how it comes by its sessions.
    pub(super) fn place(&self) -> String {
        match (&self.address, self.dials.as_slice()) {
            (Some(address), _) => address.clone(),
            (None, []) => "no listener, dials nobody".to_owned(),
            (None, dials) => format!("no listener, dials {}", dials.join(", ")),
        }
    }
}
