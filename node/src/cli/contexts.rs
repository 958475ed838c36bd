//! Contexts: which network the commands talk to, and as whom.
//!
//! A context is a small file in the form of a node's configuration: an identity, the authority,
//! peers with addresses. Saved ones are in `$XDG_CONFIG_HOME/bothways/contexts/NAME.toml`. A
//! network that `bothways dev up` runs has one in `$XDG_RUNTIME_DIR/bothways/contexts/` for as
//! long as it runs: whoever runs it holds a lock on the file, so one that was left behind is told
//! from one that is alive.

use std::fs::{self, File, Metadata, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail, ensure};
use bothways::config::{Settings, SettingsError, Sources};
use bothways_protocol::NetworkName;

use super::{Advise, Exit, Result, Trouble};

const OTHERS_WRITE: u32 = 0o022;

/// A context that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Context {
    pub(crate) name: NetworkName,
    pub(crate) kind: Kind,
    /// Its file.
    pub(crate) path: PathBuf,
}

/// Where a context comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// A network that `bothways dev up` runs right now.
    Running,
    /// A file that somebody wrote.
    Saved,
}

impl Kind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Saved => "saved",
        }
    }
}

/// The folders in which one user's contexts are.
#[derive(Debug, Clone)]
pub(crate) struct Folders {
    saved: PathBuf,
    running: PathBuf,
    /// The file that holds the name chosen by `context use`.
    chosen: PathBuf,
}

/// A running network's context: it is there for as long as this is held, and gone with the
/// process that holds it.
#[derive(Debug)]
pub(crate) struct Registered {
    path: PathBuf,
    _lock: File,
}

impl Drop for Registered {
    fn drop(&mut self) {
        // One that stays behind is not locked, and the next command that looks removes it.
        let _ = fs::remove_file(&self.path);
    }
}

impl Context {
    /// The context to use, if there is one: the one asked for (`--context`, `BOTHWAYS_CONTEXT`),
    /// else the one chosen with `context use`, else the only network that is running.
    pub(crate) fn find(folders: &Folders, asked: Option<&str>) -> Result<Option<Self>> {
        let all = folders.all()?;
        if let Some(name) = asked.filter(|name| !name.is_empty()) {
            return named(&all, name).map(Some);
        }
        if let Some(name) = folders.chosen()? {
            return named(&all, &name)
                .hint("`bothways context use NAME` chooses another, `context use --none` none")
                .map(Some);
        }
        let mut running: Vec<_> =
            all.into_iter().filter(|context| context.kind == Kind::Running).collect();
        if running.len() > 1 {
            let names: Vec<_> = running.iter().map(|context| context.name.as_str()).collect();
            let what = format!("several networks are running: {}", names.join(", "));
            return Err(Trouble::new(Exit::Config, what))
                .hint("say which with --context NAME, or choose one with `bothways context use`");
        }
        Ok(running.pop())
    }
}

impl Context {
    /// The settings in its file.
    pub(crate) fn settings(&self) -> std::result::Result<Settings, SettingsError> {
        Settings::gather(&Sources { file: Some(self.path.clone()), ..Sources::default() })
    }
}

fn named(all: &[Context], name: &str) -> Result<Context> {
    match all.iter().find(|context| context.name.as_str() == name) {
        Some(context) => Ok(context.clone()),
        None => Err(Trouble::new(Exit::Config, format!("there is no context {name:?}")))
            .hint("`bothways context list` shows those that there are"),
    }
}

impl Folders {
    /// The folders of the user who runs this.
    pub(crate) fn of_user() -> Result<Self> {
        let absolute = |variable| {
            std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute())
        };
        let config = absolute("XDG_CONFIG_HOME")
            .or_else(|| Some(absolute("HOME")?.join(".config")))
            .ok_or_else(|| anyhow!("neither XDG_CONFIG_HOME nor HOME names a folder"))
            .exit(Exit::Config)?;
        let user = rustix::process::geteuid().as_raw();
        let runtime = match absolute("XDG_RUNTIME_DIR") {
            Some(folder) => folder.join("bothways"),
            None => std::env::temp_dir().join(format!("bothways-{user}")),
        };
        Ok(Self::at(&config.join("bothways"), &runtime))
    }

    fn at(config: &Path, runtime: &Path) -> Self {
        Self {
            saved: config.join("contexts"),
            running: runtime.join("contexts"),
            chosen: config.join("context"),
        }
    }

    /// The folder for what is there only while something runs.
    pub(crate) fn runtime(&self) -> &Path {
        self.running.parent().unwrap_or(&self.running)
    }

    /// All contexts, the running ones first; of two with one name, the running one.
    pub(crate) fn all(&self) -> Result<Vec<Context>> {
        let mut all = list(&self.running, Kind::Running)?;
        for context in list(&self.saved, Kind::Saved)? {
            if !all.iter().any(|running| running.name == context.name) {
                all.push(context);
            }
        }
        Ok(all)
    }

    /// The name that `context use` chose, if any.
    pub(crate) fn chosen(&self) -> Result<Option<String>> {
        let shown = self.chosen.display();
        match fs::read_to_string(&self.chosen) {
            Ok(name) => Ok(Some(name.trim().to_owned()).filter(|name| !name.is_empty())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).context(format!("cannot read {shown}")).exit(Exit::Config),
        }
    }

    /// Chooses the context that is used where none is asked for.
    pub(crate) fn choose(&self, name: Option<&NetworkName>) -> Result {
        let folder = self.chosen.parent().unwrap_or(Path::new("."));
        make_ours(folder).exit(Exit::Config)?;
        let name = name.map(|name| format!("{name}\n")).unwrap_or_default();
        let shown = self.chosen.display();
        fs::write(&self.chosen, name)
            .with_context(|| format!("cannot write {shown}"))
            .exit(Exit::Config)
    }

    /// Saves a context under a new name.
    pub(crate) fn save(&self, name: &NetworkName, text: &str) -> Result<PathBuf> {
        place(&self.saved, name, text).map(|(path, _)| path).exit(Exit::Config)
    }

    /// Lets a running network be found under this name, with the settings in `text`, until what
    /// this returns is dropped.
    pub(crate) fn register(&self, name: &NetworkName, text: &str) -> Result<Registered> {
        // Looking at the folder removes what nobody holds any more.
        list(&self.running, Kind::Running)?;
        let (path, lock) = place(&self.running, name, text).exit(Exit::Config)?;
        Ok(Registered { path, _lock: lock })
    }
}

/// Writes `NAME.toml`, whole and locked, where there is none of that name.
fn place(folder: &Path, name: &NetworkName, text: &str) -> anyhow::Result<(PathBuf, File)> {
    make_ours(folder)?;
    let path = folder.join(format!("{name}.toml"));
    let shown = path.display();
    let mut file = tempfile::NamedTempFile::new_in(folder)
        .with_context(|| format!("cannot write into {}", folder.display()))?;
    file.as_file().lock().with_context(|| format!("cannot lock {shown}"))?;
    file.write_all(text.as_bytes()).with_context(|| format!("cannot write {shown}"))?;
    match file.persist_noclobber(&path) {
        Ok(file) => Ok((path, file)),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
            bail!("there is a context {name} already: {shown}")
        }
        Err(error) => Err(error.error).with_context(|| format!("cannot write {shown}")),
    }
}

/// The contexts in one folder, by name. A running one that nobody holds any more is removed.
fn list(folder: &Path, kind: Kind) -> Result<Vec<Context>> {
    let shown = folder.display();
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.with_context(|| format!("cannot read {shown}")).exit(Exit::Config)?,
    };
    check_ours(folder).exit(Exit::Config)?;
    let mut contexts = Vec::new();
    for entry in entries {
        let path = entry.with_context(|| format!("cannot read {shown}")).exit(Exit::Config)?.path();
        let Some(name) = name_of(&path) else { continue };
        if kind == Kind::Saved || is_held(&path).exit(Exit::Config)? {
            contexts.push(Context { name, kind, path });
        }
    }
    contexts.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(contexts)
}

fn name_of(path: &Path) -> Option<NetworkName> {
    path.extension().filter(|extension| *extension == "toml")?;
    path.file_stem()?.to_str()?.parse().ok()
}

/// Whether somebody runs the network of this file; if not, the file is removed.
fn is_held(path: &Path) -> anyhow::Result<bool> {
    let shown = path.display();
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        file => file.with_context(|| format!("cannot open {shown}"))?,
    };
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error).context(format!("cannot lock {shown}")),
        Ok(()) => {
            fs::remove_file(path).with_context(|| format!("cannot remove {shown}"))?;
            Ok(false)
        }
    }
}

/// Makes a folder that only its owner may use, or checks that the one that is there is ours.
pub(crate) fn make_ours(folder: &Path) -> anyhow::Result<()> {
    let make = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    make.with_context(|| format!("cannot make {}", folder.display()))?;
    check_ours(folder)
}

/// Refuses a folder into which somebody else could put a context: who names the authority says
/// whom we trust. The folder above counts too: its owner may replace this one.
pub(crate) fn check_ours(folder: &Path) -> anyhow::Result<()> {
    for folder in [Some(folder), folder.parent()].into_iter().flatten() {
        let shown = folder.display();
        let facts =
            fs::symlink_metadata(folder).with_context(|| format!("cannot look at {shown}"))?;
        ensure!(facts.is_dir(), "{shown} is no folder");
        let user = rustix::process::geteuid().as_raw();
        ensure!(facts.uid() == user, "{shown} belongs to somebody else (user {})", facts.uid());
        ensure!(!others_write(&facts), "others may write into {shown}: run `chmod go-w {shown}`");
    }
    Ok(())
}

fn others_write(facts: &Metadata) -> bool {
    facts.mode() & OTHERS_WRITE != 0
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    struct Scene {
        _folder: tempfile::TempDir,
        folders: Folders,
    }

    fn scene() -> Scene {
        let folder = tempfile::tempdir().unwrap();
        let folders = Folders::at(&folder.path().join("config"), &folder.path().join("run"));
        Scene { _folder: folder, folders }
    }

    impl Scene {
        fn found(&self, asked: Option<&str>) -> std::result::Result<Option<String>, Exit> {
            let found = Context::find(&self.folders, asked).map_err(|trouble| trouble.exit());
            Ok(found?.map(|context| format!("{} {}", context.kind.as_str(), context.name)))
        }

        /// What `register` does, without its mark.
        fn run(&self, name: &str) -> Registered {
            list(&self.folders.running, Kind::Running).unwrap();
            let (path, lock) = place(&self.folders.running, &name.parse().unwrap(), "").unwrap();
            Registered { path, _lock: lock }
        }

        fn save(&self, name: &str) {
            self.folders.save(&name.parse().unwrap(), "").unwrap();
        }
    }

    #[test]
    fn the_asked_wins_over_the_chosen_over_the_only_one_that_runs() {
        let scene = scene();
        assert_eq!(scene.found(None), Ok(None));
        scene.save("prod");
        scene.save("test");
        assert_eq!(scene.found(None), Ok(None), "a saved one must be chosen");
        let running = scene.run("dev");
        assert_eq!(scene.found(None), Ok(Some("running dev".into())));
        scene.folders.choose(Some(&"prod".parse().unwrap())).unwrap();
        assert_eq!(scene.found(None), Ok(Some("saved prod".into())));
        assert_eq!(scene.found(Some("test")), Ok(Some("saved test".into())));
        assert_eq!(scene.found(Some("dev")), Ok(Some("running dev".into())));
        scene.folders.choose(None).unwrap();
        drop(running);
        assert_eq!(scene.found(None), Ok(None));
    }

    #[test]
    fn a_context_that_is_not_there_is_an_error() {
        let scene = scene();
        assert_eq!(scene.found(Some("prod")), Err(Exit::Config));
        scene.folders.choose(Some(&"prod".parse().unwrap())).unwrap();
        assert_eq!(scene.found(None), Err(Exit::Config));
        assert_eq!(scene.found(Some("../prod")), Err(Exit::Config));
    }

    #[test]
    fn two_running_networks_are_ambiguous_until_one_is_asked_for() {
        let scene = scene();
        let _both = (scene.run("one"), scene.run("two"));
        assert_eq!(scene.found(None), Err(Exit::Config));
        assert_eq!(scene.found(Some("two")), Ok(Some("running two".into())));
    }

    #[test]
    fn what_a_killed_network_left_behind_is_removed() {
        let scene = scene();
        let registered = scene.run("dev");
        let path = registered.path.clone();
        assert!(place(&scene.folders.running, &"dev".parse().unwrap(), "").is_err());
        drop(registered);
        fs::write(&path, "").unwrap();
        assert_eq!(scene.found(None), Ok(None));
        assert!(!path.exists());
        drop(scene.run("dev"));
    }

    #[test]
    fn a_folder_that_others_may_write_into_is_refused() {
        let scene = scene();
        scene.save("prod");
        let folder = &scene.folders.saved;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o777)).unwrap();
        assert_eq!(scene.found(Some("prod")), Err(Exit::Config));
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).unwrap();
        fs::set_permissions(folder.parent().unwrap(), fs::Permissions::from_mode(0o770)).unwrap();
        assert_eq!(scene.found(Some("prod")), Err(Exit::Config));
    }

    #[test]
    fn a_saved_context_is_not_overwritten() {
        let scene = scene();
        scene.save("prod");
        assert!(scene.folders.save(&"prod".parse().unwrap(), "x").is_err());
    }
}
