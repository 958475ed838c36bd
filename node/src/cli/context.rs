//! `bothways context`: which network the commands talk to.

use std::fmt::Write as _;
use std::path::PathBuf;

use bothways::config::PeerAddress;
use bothways_protocol::{NetworkName, NodeName};
use clap::{Args, Subcommand};
use serde::Serialize;

use super::config::{SettingRow, rows_of};
use super::contexts::{Context, Folders, Kind};
use super::output::Row;
use super::settings::tell_settings;
use super::{Exit, Globals, Result, Trouble};

const EXAMPLES: &str = "\
Examples:
  bothways context list
  bothways context add prod --certificate ann.pem --key ann.key --authority authority.pem \\
      --peer hub=hub.example:4433
  bothways context use prod
  bothways --context prod call hub people.list
  bothways context use --none                      back to the network that `dev up` runs

Order: --context, BOTHWAYS_CONTEXT, `context use`, the only network that `dev up` runs.";

/// Choose the network that the commands talk to
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ContextArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the contexts
    #[command(after_help = EXAMPLES)]
    List,
    /// Show the context that is used, each value with its line
    #[command(after_help = EXAMPLES)]
    Show,
    /// Use a context wherever none is asked for
    #[command(after_help = EXAMPLES)]
    Use(Use),
    /// Save a context under a new name
    #[command(after_help = EXAMPLES)]
    Add(Add),
}

#[derive(Debug, Args)]
struct Use {
    /// The context
    #[arg(required_unless_present = "none")]
    name: Option<NetworkName>,
    /// Use the network that `bothways dev up` runs, if one does
    #[arg(long, conflicts_with = "name")]
    none: bool,
}

#[derive(Debug, Args)]
struct Add {
    /// Its name
    name: NetworkName,
    /// The certificate to show to peers
    #[arg(long, value_name = "FILE")]
    certificate: PathBuf,
    /// The certificate's private key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The certificate of the network's authority
    #[arg(long, value_name = "FILE")]
    authority: PathBuf,
    /// A peer and where it is (repeatable)
    #[arg(long = "peer", value_name = "NAME=HOST:PORT", value_parser = named_address)]
    peers: Vec<(NodeName, PeerAddress)>,
    /// Where your end of each request is logged, for `bothways trace show`
    #[arg(long, value_name = "FILE")]
    log_file: Option<PathBuf>,
}

/// Reads `hub=127.0.0.1:4433`.
pub(super) fn named_address(text: &str) -> anyhow::Result<(NodeName, PeerAddress)> {
    let (name, address) = text
        .split_once('=')
        .ok_or_else(|| anyhow::anyhow!("write NAME=HOST:PORT, such as hub=127.0.0.1:4433"))?;
    Ok((name.parse()?, address.parse()?))
}

#[derive(Debug, Serialize)]
struct Listed {
    name: String,
    kind: Kind,
    used: bool,
    path: PathBuf,
}

impl Row for Listed {
    const HEADINGS: &'static [&'static str] = &["used", "name", "kind", "file"];

    fn cells(&self) -> Vec<String> {
        let used = if self.used { "*" } else { "" };
        let path = self.path.display().to_string();
        vec![used.to_owned(), self.name.clone(), self.kind.as_str().to_owned(), path]
    }
}

impl ContextArgs {
    pub(super) fn run(self, globals: &Globals) -> Result {
        let folders = Folders::of_user()?;
        match self.command {
            Command::List => list(&folders, globals),
            Command::Show => show(&folders, globals),
            Command::Use(wanted) => wanted.run(&folders, globals),
            Command::Add(context) => context.run(&folders, globals),
        }
    }
}

fn list(folders: &Folders, globals: &Globals) -> Result {
    // Which one is used may be ambiguous: the list is how people find out.
    let used = Context::find(folders, globals.context.as_deref()).unwrap_or_default();
    let listed = |context: Context| Listed {
        used: used.as_ref() == Some(&context),
        name: context.name.to_string(),
        kind: context.kind,
        path: context.path,
    };
    let rows: Vec<_> = folders.all()?.into_iter().map(listed).collect();
    if rows.is_empty() {
        globals.note("there is no context yet: see `bothways context add --help`, or `dev up`");
    }
    Ok(globals.out().list(&rows)?)
}

fn show(folders: &Folders, globals: &Globals) -> Result {
    let Some(context) = Context::find(folders, globals.context.as_deref())? else {
        return Err(no_context());
    };
    globals.note(&format!("context {} ({})", context.name, context.kind.as_str()));
    let settings = context.settings().map_err(tell_settings)?;
    let rows: Vec<SettingRow> = rows_of(&settings).filter(SettingRow::is_said).collect();
    Ok(globals.out().list(&rows)?)
}

/// No context where one is needed.
pub(super) fn no_context() -> Trouble {
    Trouble::new(Exit::Config, "no network is chosen, and none is running").with_hint(
        "run `bothways dev up` in another terminal, or choose a network: `bothways context --help`",
    )
}

impl Use {
    fn run(self, folders: &Folders, globals: &Globals) -> Result {
        let Some(name) = self.name else {
            folders.choose(None)?;
            globals.note("no context is chosen");
            return Ok(());
        };
        Context::find(folders, Some(name.as_str()))?;
        folders.choose(Some(&name))?;
        globals.note(&format!("context {name} is used from now on"));
        Ok(())
    }
}

impl Add {
    fn run(self, folders: &Folders, globals: &Globals) -> Result {
        let path = folders.save(&self.name, &self.text()?)?;
        globals.note(&format!("saved {}", path.display()));
        globals.note(&format!("next: bothways context use {}", self.name));
        Ok(())
    }

    /// The context's file, with absolute paths: it stands in a folder of its own.
    fn text(&self) -> Result<String> {
        let quoted = |path: &PathBuf| -> Result<String> {
            let path = std::path::absolute(path)?;
            let path = path.to_str().ok_or_else(|| {
                Trouble::new(Exit::Usage, format!("{} is no UTF-8 path", path.display()))
            })?;
            Ok(toml::Value::from(path).to_string())
        };
        let mut text = format!(
            "role = \"client\"\n\n[identity]\ncertificate = {}\nkey = {}\nauthority = {}\n",
            quoted(&self.certificate)?,
            quoted(&self.key)?,
            quoted(&self.authority)?
        );
        if let Some(log) = &self.log_file {
            write!(text, "\n[log]\nfile = {}\n", quoted(log)?)?;
        }
        for (name, address) in &self.peers {
            write!(text, "\n[peers.{name}]\naddress = \"{address}\"\n")?;
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_added_context_is_a_configuration_that_can_be_read() {
        let add = Add {
            name: "prod".parse().unwrap(),
            certificate: "/certs/an \"odd\\ one.pem".into(),
            key: "k".into(),
            authority: "/a".into(),
            peers: vec![named_address("hub=[::1]:1").unwrap()],
            log_file: Some("/var/log/you.log".into()),
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("prod.toml");
        std::fs::write(&path, add.text().unwrap()).unwrap();
        let context = Context { name: add.name, kind: Kind::Saved, path };
        let settings = context.settings().unwrap();
        let certificate = settings.get("identity.certificate").unwrap().value.to_string();
        assert_eq!(certificate, "/certs/an \"odd\\ one.pem");
        assert_eq!(context.log().unwrap(), Some("/var/log/you.log".into()));
        assert_eq!(settings.peers().next().unwrap().1.value, "[::1]:1");
    }
}
