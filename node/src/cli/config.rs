//! `bothways config`: write a configuration, check one, and see where each value comes from.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Context;
use bothways::config::{Key, Origin, Plan, Services, Settings, Value};
use bothways_certs::Moment;
use clap::{Args, Subcommand};
use serde::Serialize;

use super::output::{Row, fields};
use super::settings::{SettingsArgs, tell_settings};
use super::{Advise, Exit, Globals, Result, Trouble};

const EXAMPLES: &str = "\
Examples:
  bothways config init                             writes bothways.toml, with comments
  bothways config check --config bothways.toml     what would this node do?
  bothways config show --config bothways.toml      each value, and where it comes from
  BOTHWAYS_LISTEN=[::]:4433 bothways config show -o json

Order: flag, environment (BOTHWAYS_LOG_LEVEL for log.level), file, default.";

/// Write, check or show a node's configuration
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Config {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a commented configuration, where there is none yet
    #[command(after_help = EXAMPLES)]
    Init(Init),
    /// Say what a node of these settings would do, and what is wrong with them
    #[command(after_help = EXAMPLES)]
    Check(SettingsArgs),
    /// Show each value and where it comes from
    #[command(after_help = EXAMPLES)]
    Show(SettingsArgs),
}

#[derive(Debug, Args)]
struct Init {
    /// The file
    #[arg(default_value = "bothways.toml")]
    file: PathBuf,
}

impl Config {
    pub(super) fn run(self, globals: &Globals) -> Result {
        match self.command {
            Command::Init(init) => init.run(globals),
            Command::Check(settings) => check(settings, globals),
            Command::Show(settings) => show(settings, globals),
        }
    }
}

impl Init {
    fn run(self, globals: &Globals) -> Result {
        let shown = self.file.display();
        let mut file = match OpenOptions::new().write(true).create_new(true).open(&self.file) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(Trouble::new(Exit::Config, format!("{shown} is there already")))
                    .hint("name another file, or move it away first: nothing is overwritten");
            }
            file => file.with_context(|| format!("cannot make {shown}"))?,
        };
        file.write_all(template().as_bytes()).with_context(|| format!("cannot write {shown}"))?;
        globals.note(&format!("wrote {shown}: name the certificates in [identity]"));
        globals.note(&format!("next: bothways config check --config {shown}"));
        Ok(())
    }
}

/// A file that holds every key: those without a default as an example, the others as a comment.
fn template() -> String {
    let mut text = "# A node of bothways. Relative paths start at this file's folder.\n".to_owned();
    let mut table = None;
    for key in Key::all() {
        let (its_table, _) = key.table_and_name();
        if its_table != table {
            if table.is_none() {
                text += PEERS;
            }
            table = its_table;
            text += &format!("\n[{}]\n", its_table.unwrap_or_default());
        } else if its_table.is_none() {
            text += "\n";
        }
        let off = if its_table == Some("identity") { "" } else { "#" };
        text += &format!("# {}\n{off}{}\n", key.about, key.example());
    }
    text
}

const PEERS: &str = "
# A peer to dial and to stay connected with; its certificate must say this name. Repeatable.
#[peers.hub]
#address = \"127.0.0.1:4433\"
";

/// A setting as it is shown.
#[derive(Debug, Serialize)]
pub(super) struct SettingRow {
    key: String,
    value: Option<Value>,
    origin: Origin,
}

impl SettingRow {
    /// Whether somebody said it.
    pub(super) fn is_said(&self) -> bool {
        self.origin != Origin::Default
    }
}

impl Row for SettingRow {
    const HEADINGS: &'static [&'static str] = &["key", "value", "origin"];

    fn cells(&self) -> Vec<String> {
        let value = self.value.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
        vec![self.key.clone(), value, self.origin.to_string()]
    }
}

/// All settings, the peers last.
pub(super) fn rows_of(settings: &Settings) -> impl Iterator<Item = SettingRow> {
    let keys = Key::all().iter().map(|key| match settings.get(key.path) {
        Some(said) => {
            SettingRow { key: key.path.to_owned(), value: Some(said.value), origin: said.origin }
        }
        None => SettingRow { key: key.path.to_owned(), value: None, origin: Origin::Default },
    });
    let peers = settings.peers().map(|(name, said)| SettingRow {
        key: format!("peers.{name}.address"),
        value: Some(Value::Text(said.value.clone())),
        origin: said.origin.clone(),
    });
    keys.chain(peers)
}

fn show(settings: SettingsArgs, globals: &Globals) -> Result {
    let settings = settings.gather()?;
    globals.warn_all(settings.warnings());
    let rows: Vec<_> = rows_of(&settings).collect();
    Ok(globals.out().list(&rows)?)
}

/// What a node would do.
#[derive(Debug, Serialize)]
struct Intent {
    name: String,
    network: String,
    role: String,
    listen: Vec<String>,
    peers: Vec<String>,
    data: Option<PathBuf>,
    control: Option<PathBuf>,
    services: Option<Vec<String>>,
    certificate_ends: String,
}

impl Intent {
    fn of(plan: &Plan) -> Self {
        Self {
            name: plan.name().to_string(),
            network: plan.network().to_string(),
            role: plan.role().to_string(),
            listen: plan.listen().iter().map(ToString::to_string).collect(),
            peers: plan.peers().iter().map(|(name, at)| format!("{name}@{at}")).collect(),
            data: plan.data().map(ToOwned::to_owned),
            control: plan.control().map(ToOwned::to_owned),
            services: match plan.services() {
                Services::All => None,
                Services::Only(names) => Some(names.iter().cloned().collect()),
            },
            certificate_ends: Moment(plan.identity().not_after()).to_string(),
        }
    }

    fn human(&self) -> String {
        let or = |path: &Option<PathBuf>, none: &str| {
            path.as_ref().map_or_else(|| none.to_owned(), |path| path.display().to_string())
        };
        let list = |items: &[String]| match items {
            [] => "none".to_owned(),
            items => items.join(", "),
        };
        fields([
            ("name", self.name.clone()),
            ("network", self.network.clone()),
            ("role", self.role.clone()),
            ("listens on", list(&self.listen)),
            ("dials", list(&self.peers)),
            ("data", or(&self.data, "in memory")),
            ("control", or(&self.control, "none")),
            ("services", self.services.as_deref().map_or_else(|| "all but bench".to_owned(), list)),
            ("certificate", format!("until {}", self.certificate_ends)),
        ])
    }
}

fn check(settings: SettingsArgs, globals: &Globals) -> Result {
    let settings = settings.gather()?;
    globals.warn_all(settings.warnings());
    settings.logs().map_err(tell_settings)?;
    let plan = settings.check().map_err(tell_settings)?;
    globals.warn_all(&worries(&plan));
    globals.warn_all(&plan.debug().warnings());
    Ok(globals.out().one(&Intent::of(&plan), Intent::human)?)
}

/// What is allowed, but probably not meant.
pub(super) fn worries(plan: &Plan) -> Vec<String> {
    let mut worries = Vec::new();
    if plan.role().answers() && plan.data().is_none() {
        worries.push("there is no data folder: the data are lost when the node stops".to_owned());
    }
    if plan.listen().is_empty() && plan.peers().is_empty() && plan.role().answers() {
        worries.push("it neither listens nor dials: nobody will meet it".to_owned());
    }
    let ends = plan.identity().not_after();
    if ends < std::time::SystemTime::now() {
        worries.push(format!("its certificate ended on {}: peers will refuse it", Moment(ends)));
    }
    worries
}

#[cfg(test)]
mod tests {
    use bothways::config::Sources;

    use super::*;

    fn read(text: &str) -> Settings {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("bothways.toml");
        std::fs::write(&file, text).unwrap();
        Settings::gather(&Sources { file: Some(file), ..Sources::default() }).unwrap()
    }

    #[test]
    fn the_template_is_a_configuration_with_and_without_its_comments() {
        let template = template();
        let said = |settings: &Settings| rows_of(settings).filter(SettingRow::is_said).count();
        assert_eq!(said(&read(&template)), 3, "only the identity is said");

        let uncommented = |line: &str| match line.strip_prefix('#') {
            Some(rest) if !rest.starts_with(' ') => rest.to_owned(),
            _ => line.to_owned(),
        };
        let all: Vec<_> = template.lines().map(uncommented).collect();
        assert_eq!(said(&read(&all.join("\n"))), Key::all().len() + 1, "{template}");
    }
}
