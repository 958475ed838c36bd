//! Which of the nodes that run on this machine a command is about.

use std::path::PathBuf;

use bothways::config::{Flag, Settings, Sources, key};
use bothways_protocol::NodeName;
use clap::Args;
use clap_complete::engine::ArgValueCandidates;

use super::settings::tell_settings;
use super::{Exit, Globals, Result, Trouble, complete, dev};

/// A node of `dev up` by its name, or any by its configuration or control socket.
#[derive(Debug, Args)]
pub(super) struct WhichArgs {
    /// A node of the network that `dev up` runs
    #[arg(conflicts_with_all = ["config", "control"], add = ArgValueCandidates::new(complete::nodes))]
    node: Option<NodeName>,
    /// The running node's configuration
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The running node's control socket
    #[arg(long, value_name = "PATH")]
    control: Option<String>,
}

impl WhichArgs {
    /// Where its control socket is.
    pub(super) fn control(self, globals: &Globals) -> Result<PathBuf> {
        if let Some(node) = &self.node {
            return dev::control_of(globals.context.as_deref(), node);
        }
        let control =
            self.control.map(|text| Flag { flag: "--control", key: key::CONTROL.to_owned(), text });
        let flags = control.into_iter().collect();
        let environment = std::env::vars_os().collect();
        let sources = Sources { flags, environment, file: self.config };
        let settings = Settings::gather(&sources).map_err(tell_settings)?;
        settings.control().ok_or_else(|| {
            Trouble::new(Exit::Config, "which node? nothing says where its control socket is")
                .with_hint(
                    "name a node of `dev up`, its configuration with --config, or its socket with \
                     --control",
                )
        })
    }
}
