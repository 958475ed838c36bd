//! What a network that runs says of itself to other processes: a file that is replaced whole.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::{Deserialize, Serialize};

/// A network that runs on this machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::cli::dev) struct State {
    pub(in crate::cli::dev) name: String,
    /// The process that holds the nodes together.
    pub(in crate::cli::dev) supervisor: u32,
    /// Whether every node is up.
    pub(in crate::cli::dev) ready: bool,
    /// The nodes, in the order in which they started.
    pub(in crate::cli::dev) nodes: Vec<NodeState>,
}

/// One node of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::cli::dev) struct NodeState {
    pub(in crate::cli::dev) name: String,
    pub(in crate::cli::dev) role: String,
    pub(in crate::cli::dev) pid: u32,
    /// Where it listens, if it does.
    pub(in crate::cli::dev) address: Option<String>,
    /// Where its page is, if it has one.
    #[serde(default)]
    pub(in crate::cli::dev) http: Option<String>,
    pub(in crate::cli::dev) dials: Vec<String>,
    /// Whether people can be looked after here.
    pub(in crate::cli::dev) has_people: bool,
    pub(in crate::cli::dev) control: PathBuf,
    /// When, as RFC 3339 says it.
    pub(in crate::cli::dev) started: String,
    /// How it ended, once it has.
    pub(in crate::cli::dev) ended: Option<String>,
}

impl State {
    /// Reads the state of the network in this folder.
    pub(in crate::cli::dev) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("cannot make out {}", path.display()))
    }

    /// Replaces the state in one step.
    pub(in crate::cli::dev) fn write(&self, path: &Path) -> anyhow::Result<()> {
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
    pub(in crate::cli::dev) fn place(&self) -> String {
        match (&self.address, self.dials.as_slice()) {
            (Some(address), _) => address.clone(),
            (None, []) => "no listener, dials nobody".to_owned(),
            (None, dials) => format!("no listener, dials {}", dials.join(", ")),
        }
    }
}
