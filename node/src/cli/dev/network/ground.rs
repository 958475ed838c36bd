//! Where a network's files are: a folder of its own for as long as it runs, and beside it a lock
//! that tells one that runs from what a killed one left behind.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;
use bothways_protocol::{NetworkName, NodeName};

use super::state::State;
use crate::cli::contexts::{Folders, check_ours, make_ours};
use crate::cli::dev::topology::PERSON;
use crate::cli::{Advise, Exit, Result, Trouble};

/// How often a lock is asked for that its owner removes at the same moment.
const LOCK_TRIES: u32 = 16;

/// The places of one network, whether or not it runs.
#[derive(Debug, Clone)]
pub(in crate::cli::dev) struct Ground {
    pub(in crate::cli::dev) name: NetworkName,
    folder: PathBuf,
    lock: PathBuf,
}

/// The lock of a network: whoever holds it runs the network, and owns its folder.
#[derive(Debug)]
pub(in crate::cli::dev) struct Held {
    ground: Ground,
    _lock: File,
}

impl Ground {
    pub(in crate::cli::dev) fn of(name: &NetworkName, folders: &Folders) -> Self {
        let dev = folders.runtime().join("dev");
        let (folder, lock) = (dev.join(name.as_str()), dev.join(format!("{name}.lock")));
        Self { name: name.clone(), folder, lock }
    }

    /// Every network of which there is something, by name.
    pub(in crate::cli::dev) fn all(folders: &Folders) -> Result<Vec<Self>> {
        let dev = folders.runtime().join("dev");
        let entries = match fs::read_dir(&dev) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.with_context(|| format!("cannot read {}", dev.display()))?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let path = entry?.path();
            let name = path.file_stem().and_then(|name| name.to_str());
            names.extend(name.and_then(|name| name.parse::<NetworkName>().ok()));
        }
        names.sort();
        names.dedup();
        Ok(names.iter().map(|name| Self::of(name, folders)).collect())
    }

    /// The folder of all networks.
    fn dev(&self) -> &Path {
        self.lock.parent().unwrap_or(Path::new("."))
    }

    pub(in crate::cli::dev) fn certs(&self) -> PathBuf {
        self.folder.join("certs")
    }

    pub(in crate::cli::dev) fn logs(&self) -> PathBuf {
        self.folder.join("logs")
    }

    pub(in crate::cli::dev) fn log(&self, node: &NodeName) -> PathBuf {
        self.logs().join(format!("{node}.log"))
    }

    /// The logs of these nodes, and of the person at the terminal.
    pub(in crate::cli::dev) fn logs_of(
        &self,
        nodes: &[String],
    ) -> Result<BTreeMap<String, PathBuf>> {
        let names = nodes.iter().cloned().chain([PERSON.to_owned()]);
        names.map(|name| Ok((name.clone(), self.log(&name.parse()?)))).collect()
    }

    /// What the supervisor has to say.
    pub(in crate::cli::dev) fn supervisor_log(&self) -> PathBuf {
        self.folder.join("supervisor.log")
    }

    /// Where the supervisor takes requests.
    pub(in crate::cli::dev) fn requests(&self) -> PathBuf {
        self.folder.join("supervisor.sock")
    }

    pub(in crate::cli::dev) fn state_file(&self) -> PathBuf {
        self.folder.join("network.json")
    }

    /// The folder of one node: its configuration, its script, its control socket and its data.
    pub(in crate::cli::dev) fn node(&self, node: &NodeName) -> PathBuf {
        self.folder.join("nodes").join(node.as_str())
    }

    /// The state, if the network runs.
    pub(in crate::cli::dev) fn running(&self) -> Result<Option<State>> {
        if !self.is_held() {
            return Ok(None);
        }
        check_ours(self.dev()).exit(Exit::Config)?;
        match State::read(&self.state_file()) {
            Err(_) if !self.state_file().exists() => Ok(Some(self.without_nodes())),
            state => Ok(Some(state?)),
        }
    }

    /// A network that has only begun to start, or has nearly ended.
    fn without_nodes(&self) -> State {
        let name = self.name.to_string();
        State { name, supervisor: 0, ready: false, nodes: Vec::new() }
    }

    /// Whether there is anything of this network.
    pub(in crate::cli::dev) fn is_there(&self) -> bool {
        self.folder.exists() || self.lock.exists()
    }

    /// Whether some process runs this network.
    pub(in crate::cli::dev) fn is_held(&self) -> bool {
        File::open(&self.lock)
            .is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    /// Takes the lock, unless the network runs.
    pub(in crate::cli::dev) fn try_hold(&self) -> Result<Option<Held>> {
        let shown = self.lock.display();
        make_ours(self.dev()).hint(SPACE)?;
        for _ in 0..LOCK_TRIES {
            let mut options = File::options();
            options.write(true).create(true).truncate(false).mode(0o600);
            let lock = options.open(&self.lock).with_context(|| format!("cannot make {shown}"));
            let lock = lock.hint(SPACE)?;
            match lock.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => {
                    return Err(error).context(format!("cannot lock {shown}"))?;
                }
            }
            // Its last owner may have removed it between the two.
            let ours = lock.metadata().context("the lock")?.ino();
            if fs::metadata(&self.lock).is_ok_and(|there| there.ino() == ours) {
                return Ok(Some(Held { ground: self.clone(), _lock: lock }));
            }
        }
        Err(Trouble::new(Exit::Failed, format!("{shown} changes all the time: try again")))
    }
}

/// What helps where nothing can be written.
pub(in crate::cli::dev) const SPACE: &str =
    "set XDG_RUNTIME_DIR, or TMPDIR, to a folder of yours with space left";

impl Held {
    /// Makes the folder, empty. What a killed network left there is removed.
    pub(in crate::cli::dev) fn clear(&self) -> Result {
        self.remove_folder().exit(Exit::Failed)?;
        for folder in [self.ground.folder.clone(), self.ground.logs()] {
            let made = fs::DirBuilder::new().mode(0o700).create(&folder);
            made.with_context(|| format!("cannot make {}", folder.display())).hint(SPACE)?;
        }
        Ok(())
    }

    /// What a killed network left behind, if it did.
    pub(in crate::cli::dev) fn leftovers(&self) -> Option<State> {
        self.ground.folder.exists().then(|| {
            State::read(&self.ground.state_file()).unwrap_or_else(|_| self.ground.without_nodes())
        })
    }

    fn remove_folder(&self) -> anyhow::Result<()> {
        match fs::remove_dir_all(&self.ground.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => {
                removed.with_context(|| format!("cannot remove {}", self.ground.folder.display()))
            }
        }
    }

    /// Removes the folder, and the lock with it: nothing is left.
    pub(in crate::cli::dev) fn remove(self) -> Result {
        self.remove_folder()?;
        self.remove_lock();
        Ok(())
    }

    fn remove_lock(&self) {
        // While it is held, nobody else runs this network; a lock that stays says nothing.
        let _ = fs::remove_file(&self.ground.lock);
        // It is empty only behind the last network.
        let _ = fs::remove_dir(self.ground.dev());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ground(folder: &Path) -> Ground {
        Ground {
            name: "x".parse().unwrap(),
            folder: folder.join("dev/x"),
            lock: folder.join("dev/x.lock"),
        }
    }

    #[test]
    fn one_process_at_a_time_runs_a_network() {
        let folder = tempfile::tempdir().unwrap();
        let ground = ground(folder.path());
        assert!(!ground.is_held());
        let held = ground.try_hold().unwrap().unwrap();
        assert!(ground.is_held() && ground.try_hold().unwrap().is_none());
        held.clear().unwrap();
        assert!(ground.logs().is_dir());
        held.remove().unwrap();
        assert!(!folder.path().join("dev").exists());
        assert!(ground.running().unwrap().is_none());
        assert!(!folder.path().join("dev").exists(), "to look leaves nothing behind");
    }

    #[test]
    fn what_a_killed_network_left_is_known_and_cleared() {
        let folder = tempfile::tempdir().unwrap();
        let ground = ground(folder.path());
        let held = ground.try_hold().unwrap().unwrap();
        held.clear().unwrap();
        fs::write(ground.logs().join("old.log"), "old").unwrap();
        drop(held);
        assert!(ground.running().unwrap().is_none());
        let held = ground.try_hold().unwrap().unwrap();
        assert!(held.leftovers().is_some());
        held.clear().unwrap();
        assert_eq!(fs::read_dir(ground.logs()).unwrap().count(), 0);
    }
}
