//! `bothways cert`: makes a network's authority and its identities, and looks at them.

mod entry;

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anstyle::AnsiColor;
use bothways::visible;
use bothways_certs::{Authority, Identity, LoadError, SaveError, Trust};
use bothways_protocol::{NetworkName, NodeName};
use clap::{Args, Subcommand, value_parser};

use self::entry::{Entry, look};
use super::{Advise, Exit, Globals, Result, Trouble};

const DAY: Duration = Duration::from_secs(86_400);
const DEFAULT_FOLDER: &str = "certs";
const AUTHORITY_DAYS: u32 = 5 * 365;
const IDENTITY_DAYS: u32 = 90;

const EXAMPLES: &str = "\
Examples:
  bothways cert init --network demo        an authority, in certs/
  bothways cert issue hub                  an identity for the node hub, signed by it
  bothways cert list                       all of them, and how long they still hold
  bothways cert inspect certs/hub.pem      one of them in full";

/// Make and inspect the certificates by which nodes know each other
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Cert {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Init(Init),
    Issue(Issue),
    Inspect(Inspect),
    List(List),
}

impl Cert {
    pub(super) fn run(self, globals: &Globals) -> Result {
        match self.action {
            Action::Init(init) => init.run(globals),
            Action::Issue(issue) => issue.run(globals),
            Action::Inspect(inspect) => inspect.run(globals),
            Action::List(list) => list.run(globals),
        }
    }
}

const INIT_EXAMPLES: &str = "\
Examples:
  bothways cert init --network demo
  bothways cert init --network office --dir /etc/bothways/certs --days 3650";

/// Make the authority of a new network: authority.pem, and authority.key, which signs
#[derive(Debug, Args)]
#[command(after_help = INIT_EXAMPLES)]
struct Init {
    /// The name of the network: a-z, 0-9 and -
    #[arg(long, value_name = "NAME")]
    network: NetworkName,
    #[command(flatten)]
    folder: Folder,
    /// How many days it holds
    #[arg(long, value_name = "N", default_value_t = AUTHORITY_DAYS)]
    #[arg(value_parser = value_parser!(u32).range(1..=36_500))]
    days: u32,
}

impl Init {
    fn run(self, globals: &Globals) -> Result {
        let folder = &self.folder.dir;
        let authority = Authority::create(&self.network, DAY * self.days)?;
        authority.save(folder).or_else(|error| match error {
            SaveError::Exists { .. } => Err(error).hint(format!(
                "issue identities with it: bothways cert issue NAME{}",
                self.folder.flag()
            )),
            _ => Err(error.into()),
        })?;
        let made = look(&folder.join("authority.pem"), None, SystemTime::now())?;
        globals.out().one(&made, Entry::describe)?;
        made.warn();
        tell("next", &format!("bothways cert issue hub{}", self.folder.flag()));
        Ok(())
    }
}

const ISSUE_EXAMPLES: &str = "\
Examples:
  bothways cert issue hub
  bothways cert issue ann --dir /etc/bothways/certs --days 30";

/// Issue an identity for a node: NAME.pem and NAME.key
#[derive(Debug, Args)]
#[command(after_help = ISSUE_EXAMPLES)]
struct Issue {
    /// The name of the node: a-z, 0-9 and -
    name: NodeName,
    #[command(flatten)]
    folder: Folder,
    /// How many days it holds, though never longer than the authority
    #[arg(long, value_name = "N", default_value_t = IDENTITY_DAYS)]
    #[arg(value_parser = value_parser!(u32).range(1..=36_500))]
    days: u32,
}

impl Issue {
    fn run(self, globals: &Globals) -> Result {
        let folder = &self.folder.dir;
        let authority = self.folder.authority()?;
        let identity = authority.issue(&self.name, DAY * self.days)?;
        let (certificate, key) = Identity::paths(folder, &self.name);
        let (certificate_shown, key_shown) = (certificate.display(), key.display());
        identity.save(folder).or_else(|error| match error {
            SaveError::Exists { .. } => Err(error).hint(format!(
                "to renew {}, move {certificate_shown} and {key_shown} away and issue it again",
                self.name
            )),
            _ => Err(error.into()),
        })?;
        let made = look(&certificate, Some(&authority.trust()), SystemTime::now())?;
        globals.out().one(&made, Entry::describe)?;
        made.warn();
        if identity.not_after() == authority.not_after() {
            tell("note", "it ends with its authority, which ends before the days asked for");
        }
        let trusted = folder.join("authority.pem");
        tell(
            "next",
            &format!("give {certificate_shown}, {key_shown} and {} to the node", trusted.display()),
        );
        Ok(())
    }
}

const INSPECT_EXAMPLES: &str = "\
Examples:
  bothways cert inspect certs/hub.pem
  bothways cert inspect certs/*.pem -o json";

/// Show what certificates say, and whether the keys beside them are safe
#[derive(Debug, Args)]
#[command(after_help = INSPECT_EXAMPLES)]
struct Inspect {
    /// Certificates in PEM
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

impl Inspect {
    fn run(self, globals: &Globals) -> Result {
        let now = SystemTime::now();
        let mut failed = Vec::new();
        for (index, file) in self.files.iter().enumerate() {
            match look(file, trust_beside(file).as_ref(), now) {
                Ok(found) => {
                    let gap = if index > 0 { "\n" } else { "" };
                    globals.out().one(&found, |found| format!("{gap}{}", found.describe()))?;
                    found.warn();
                }
                Err(error) => failed.push(error.to_string()),
            }
        }
        match (&failed[..], self.files.len()) {
            ([], _) => Ok(()),
            ([error], 1) => Err(Trouble::new(Exit::Failed, error)),
            (errors, all) => {
                let what = format!("{} of {all} files could not be inspected", errors.len());
                Err(Trouble::new(Exit::Failed, what).details(failed))
            }
        }
    }
}

const LIST_EXAMPLES: &str = "\
Examples:
  bothways cert list
  bothways cert list --dir /etc/bothways/certs -o json";

/// List the certificates of a folder, with a warning for each that needs attention
#[derive(Debug, Args)]
#[command(after_help = LIST_EXAMPLES)]
struct List {
    #[command(flatten)]
    folder: Folder,
}

impl List {
    fn run(self, globals: &Globals) -> Result {
        let files = self.folder.certificates()?;
        let trust = trust_beside(&self.folder.dir.join("authority.pem"));
        let now = SystemTime::now();
        let mut entries = Vec::new();
        for file in &files {
            match look(file, trust.as_ref(), now) {
                Ok(found) => entries.push(found),
                Err(error) => tell("warning", &error.to_string()),
            }
        }
        if files.is_empty() {
            let (dir, flag) = (self.folder.dir.display(), self.folder.flag());
            tell(
                "note",
                &format!("no certificates in {dir}: bothways cert init --network NAME{flag}"),
            );
            return Ok(());
        }
        globals.out().list(&entries)?;
        entries.iter().for_each(Entry::warn);
        Ok(())
    }
}

/// The folder that holds a network's authority and identities.
#[derive(Debug, Args)]
struct Folder {
    /// The folder of the certificates
    #[arg(long, value_name = "FOLDER", default_value = DEFAULT_FOLDER)]
    dir: PathBuf,
}

impl Folder {
    /// The flag that names this folder in a further command: none where it is the default.
    fn flag(&self) -> String {
        match self.dir == Path::new(DEFAULT_FOLDER) {
            true => String::new(),
            false => format!(" --dir {}", self.dir.display()),
        }
    }

    fn authority(&self) -> Result<Authority> {
        Authority::load(&self.dir).or_else(|error| match error {
            LoadError::Missing { .. } => Err(error).hint(format!(
                "bothways cert init --network NAME{} makes an authority",
                self.flag()
            )),
            _ => Err(error.into()),
        })
    }

    /// The files that end in `.pem`, sorted by name.
    fn certificates(&self) -> Result<Vec<PathBuf>> {
        let unread = |error: std::io::Error| {
            anyhow::Error::from(error)
                .context(format!("the folder {} could not be read", self.dir.display()))
        };
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.dir).map_err(unread)? {
            files.push(entry.map_err(unread)?.path());
        }
        files.retain(|file| file.extension() == Some(OsStr::new("pem")));
        files.sort();
        Ok(files)
    }
}

/// The authority in the folder of a certificate, where there is one.
fn trust_beside(certificate: &Path) -> Option<Trust> {
    match Trust::load(&certificate.with_file_name("authority.pem")) {
        Ok(trust) => Some(trust),
        Err(LoadError::Missing { .. }) => None,
        Err(error) => {
            tell("warning", &error.to_string());
            None
        }
    }
}

/// Tells the person at the terminal, on standard error.
fn tell(label: &str, text: &str) {
    let style = if label == "warning" { AnsiColor::Yellow } else { AnsiColor::Cyan };
    let style = style.on_default().bold();
    let line = format!("{style}{label}:{style:#} {}\n", visible(text));
    // Where standard error is closed there is nobody left to tell.
    let _ = anstream::stderr().lock().write_all(line.as_bytes());
}
