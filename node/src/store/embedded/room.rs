//! Whether a data folder has room again: tried by taking some.

use std::fs::{File, remove_file};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The file that is written in order to know, and removed again.
const FILE: &str = "store.room";
/// How much room there has to be before a store writes again, in bytes.
const BYTES: usize = 4 * 1024 * 1024;

/// The room in a data folder; in memory there always is some.
pub(super) struct Room {
    probe: Option<PathBuf>,
}

impl Room {
    /// The room in a folder; what a killed process has left of a trial is removed.
    pub(super) fn in_folder(folder: &Path) -> Self {
        let probe = folder.join(FILE);
        let _ = remove_file(&probe);
        Self { probe: Some(probe) }
    }

    pub(super) fn in_memory() -> Self {
        Self { probe: None }
    }

    /// Takes some room and gives it back, or says why there is none.
    pub(super) fn check(&self) -> io::Result<()> {
        let Some(probe) = &self.probe else { return Ok(()) };
        let taken = take(probe);
        // What could not be made need not be there.
        let _ = remove_file(probe);
        taken
    }
}

fn take(probe: &Path) -> io::Result<()> {
    let mut file = File::create(probe)?;
    // Not zeros: some file systems take no room for these.
    file.write_all(&vec![0x5a; BYTES])?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_leaves_nothing_behind() {
        let folder = tempfile::TempDir::new().unwrap();
        let room = Room::in_folder(folder.path());
        room.check().unwrap();
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
        assert!(Room::in_folder(&folder.path().join("missing")).check().is_err());
    }
}
