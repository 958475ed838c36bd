//! The settings as flags: what `run` and `config` share.

use std::path::PathBuf;

use anyhow::anyhow;
use bothways::config::{Flag, PeerAddress, Settings, SettingsError, Sources, key};
use bothways_protocol::{NodeName, Role};
use clap::Args;

use super::context::named_address;
use super::{Exit, Result, Trouble};

/// The settings that flags can say. Each wins over its variable and over the file.
#[derive(Debug, Args)]
#[command(next_help_heading = "Settings")]
pub(super) struct SettingsArgs {
    /// The configuration file (see `bothways config init`)
    #[arg(long, env = "BOTHWAYS_CONFIG", hide_env_values = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The node's name; its certificate must say the same
    #[arg(long, value_name = "NAME")]
    name: Option<NodeName>,
    /// What the node does: peer, server or client
    #[arg(long)]
    role: Option<Role>,
    /// Where it listens (repeatable, port 0 for any free one); "none" for nowhere
    #[arg(long, value_name = "ADDRESS:PORT", value_delimiter = ',')]
    listen: Vec<String>,
    /// A peer to dial (repeatable)
    #[arg(long = "peer", value_name = "NAME=HOST:PORT", value_parser = named_address)]
    peers: Vec<(NodeName, PeerAddress)>,
    /// The folder of its data
    #[arg(long, value_name = "FOLDER")]
    data: Option<String>,
    /// Its control socket
    #[arg(long, value_name = "PATH")]
    control: Option<String>,
    /// Show a page to browsers, and speak HTTP with programs, here [default address: 127.0.0.1:8433]
    #[arg(long, value_name = "ADDRESS:PORT", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "127.0.0.1:8433")]
    http: Option<String>,
    /// A file with the token of those programs; made where it is missing
    #[arg(long, value_name = "FILE")]
    http_token_file: Option<String>,
    /// The services it enables; "none" for none [default: all but bench]
    #[arg(long, value_name = "SERVICE", value_delimiter = ',')]
    services: Vec<String>,
    /// The node's certificate
    #[arg(long, value_name = "FILE")]
    certificate: Option<String>,
    /// The certificate's private key
    #[arg(long, value_name = "FILE")]
    key: Option<String>,
    /// The certificate of the network's authority
    #[arg(long, value_name = "FILE")]
    authority: Option<String>,
    /// text, json, or auto: text on a terminal
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
    /// error, warn, info, debug or trace, or a filter such as info,exchange=off
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,
    /// Where the log goes instead of standard error
    #[arg(long, value_name = "FILE")]
    log_file: Option<String>,
    /// For debugging: each connection leaves a file in this folder (qlog)
    #[arg(long, value_name = "FOLDER")]
    qlog: Option<String>,
    /// For debugging: the keys of all connections go to this file, and who has it reads all traffic
    #[arg(long, value_name = "FILE")]
    tls_key_log: Option<String>,
    /// Where its requests go as spans: an OpenTelemetry receiver, such as http://127.0.0.1:4318
    #[arg(long, value_name = "URL")]
    otlp: Option<String>,
    /// A limit, such as idle_ms=20000 (repeatable; `bothways config show` lists them)
    #[arg(long = "limit", value_name = "NAME=NUMBER", value_parser = named_limit)]
    limits: Vec<(String, String)>,
}

fn named_limit(text: &str) -> anyhow::Result<(String, String)> {
    let (name, number) =
        text.split_once('=').ok_or_else(|| anyhow!("write NAME=NUMBER, such as idle_ms=20000"))?;
    Ok((name.to_owned(), number.to_owned()))
}

impl SettingsArgs {
    /// All that was said, by flags, environment and file.
    pub(super) fn gather(self) -> Result<Settings> {
        let file = self.config.clone();
        let sources =
            Sources { flags: self.flags(), environment: std::env::vars_os().collect(), file };
        Settings::gather(&sources).map_err(tell_settings)
    }

    fn flags(self) -> Vec<Flag> {
        let list = |items: Vec<String>| match items.as_slice() {
            [] => None,
            [none] if none == "none" => Some(String::new()),
            items => Some(items.join(",")),
        };
        let single = [
            ("--name", key::NAME, self.name.map(String::from)),
            ("--role", key::ROLE, self.role.map(|role| role.to_string())),
            ("--listen", key::LISTEN, list(self.listen)),
            ("--data", key::DATA, self.data),
            ("--control", key::CONTROL, self.control),
            ("--http", key::HTTP_LISTEN, self.http),
            ("--http-token-file", key::HTTP_TOKEN_FILE, self.http_token_file),
            ("--services", key::SERVICES, list(self.services)),
            ("--certificate", key::CERTIFICATE, self.certificate),
            ("--key", key::KEY, self.key),
            ("--authority", key::AUTHORITY, self.authority),
            ("--log-format", key::LOG_FORMAT, self.log_format),
            ("--log-level", key::LOG_LEVEL, self.log_level),
            ("--log-file", key::LOG_FILE, self.log_file),
            ("--qlog", key::QLOG, self.qlog),
            ("--tls-key-log", key::TLS_KEY_LOG, self.tls_key_log),
            ("--otlp", key::OTLP_ENDPOINT, self.otlp),
        ];
        let said = single
            .into_iter()
            .filter_map(|(flag, key, text)| Some(Flag { flag, key: key.to_owned(), text: text? }));
        let peers = self.peers.into_iter().map(|(name, address)| Flag {
            flag: "--peer",
            key: format!("peers.{name}"),
            text: address.to_string(),
        });
        let limits = self.limits.into_iter().map(|(name, text)| Flag {
            flag: "--limit",
            key: format!("limits.{name}"),
            text,
        });
        said.chain(peers).chain(limits).collect()
    }
}

/// Tells of each problem on a line of its own.
pub(super) fn tell_settings(error: SettingsError) -> Trouble {
    // What nobody said has no place where it could be corrected.
    let unsaid = error.problems().iter().any(|problem| problem.origin.is_none());
    let trouble = tell_problems(error);
    if unsaid {
        return trouble.with_hint(
            "name the file that says it with --config FILE (see `bothways config init`)",
        );
    }
    trouble
}

fn tell_problems(error: SettingsError) -> Trouble {
    match error.problems() {
        [] => Trouble::of(Exit::Config, error),
        [problem] => Trouble::new(Exit::Config, problem.to_string()),
        problems => Trouble::new(Exit::Config, format!("{} settings are wrong", problems.len()))
            .details(problems.iter().map(ToString::to_string)),
    }
}
