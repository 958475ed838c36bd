//! `bothways status`: what a running node has to say of itself, in one screen.

mod live;
mod screen;
mod words;

use std::path::PathBuf;

use bothways::config::{Flag, Settings, Sources, key};
use bothways_protocol::NodeName;
use clap::Args;

use super::settings::tell_settings;
use super::{Exit, Globals, Result, Trouble, dev, remote};

use screen::Screen;

const EXAMPLES: &str = "\
Examples:
  bothways status hub                              a node of the network that `dev up` runs
  bothways status hub --watch                      the same, anew each second, until Ctrl-C
  bothways status --control data/control.sock -o json
  bothways status --config bothways.toml

LOST is the part of this node's packets that got lost; STREAMS are those that are open; CERT is
the time until the peer's certificate ends. Where they have no room they are left out: -o json
tells all. With --watch and no terminal there is one line of JSON each second.";

/// Show what a node that runs on this machine does: sessions, dials, requests, queues, store
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Status {
    /// A node of the network that `dev up` runs
    #[arg(conflicts_with_all = ["config", "control"])]
    node: Option<NodeName>,
    /// The running node's configuration
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The running node's control socket
    #[arg(long, value_name = "PATH")]
    control: Option<String>,
    /// Show it anew each second, until Ctrl-C
    #[arg(short, long)]
    watch: bool,
}

impl Status {
    pub(super) fn run(self, globals: &Globals) -> Result {
        let watch = self.watch;
        let control = self.socket(globals)?;
        if watch {
            return remote::block_on_to_its_end(globals, live::watch(&control, globals.out()));
        }
        let status = remote::block_on(globals, remote::status(&control))?;
        let out = globals.out();
        Ok(out.one(&status, |status| Screen::now(out).lines(status).join("\n"))?)
    }

    /// The control socket of the node that is meant.
    fn socket(self, globals: &Globals) -> Result<PathBuf> {
        if let Some(node) = &self.node {
            return dev::control_of(globals.context.as_deref(), node);
        }
        control(self.config, self.control)?.ok_or_else(|| {
            Trouble::new(Exit::Config, "which node? nothing says where its control socket is")
                .with_hint(
                    "name a node of a network that `dev up` runs, or its configuration with \
                     --config, or its socket with --control",
                )
        })
    }
}

/// The control socket that flags, environment or file name.
pub(super) fn control(config: Option<PathBuf>, control: Option<String>) -> Result<Option<PathBuf>> {
    let said = |text| Flag { flag: "--control", key: key::CONTROL.to_owned(), text };
    let flags = control.map(said).into_iter().collect();
    let environment = std::env::vars_os().collect();
    let sources = Sources { flags, environment, file: config };
    Ok(Settings::gather(&sources).map_err(tell_settings)?.control())
}
