//! The data folder: making it, opening the file in it, and saying what is wrong with either.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use redb::backends::FileBackend;
use redb::{Builder, Database, StorageBackend};

use super::founding::BeginError;
use super::room::Room;
use crate::store::OpenError;

/// The file's name in the data folder.
const FILE: &str = "store.redb";

/// A data folder, or the place in memory that stands for one.
pub(super) struct DataFolder {
    folder: PathBuf,
    file: PathBuf,
    holds: Holds,
}

enum Holds {
    Files,
    Nothing,
}

impl DataFolder {
    /// The folder, made with mode 0700 where it is missing.
    pub(super) fn make(folder: &Path) -> Result<Self, OpenError> {
        let place =
            Self { folder: folder.to_owned(), file: folder.join(FILE), holds: Holds::Files };
        let unusable = |source| OpenError::Io { path: folder.to_owned(), source };
        if !folder.is_dir() {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
            made.and_then(|()| keep_names(parent_of(folder))).map_err(unusable)?;
        }
        Ok(place)
    }

    /// No folder: for messages about a store in memory.
    pub(super) fn none() -> Self {
        Self { folder: "memory".into(), file: "memory".into(), holds: Holds::Nothing }
    }

    /// The room in the folder.
    pub(super) fn room(&self) -> Room {
        match &self.holds {
            Holds::Files => Room::in_folder(&self.folder),
            Holds::Nothing => Room::in_memory(),
        }
    }

    /// The file, made with mode 0600 where it is missing.
    pub(super) fn backend(&self) -> Result<FileBackend, OpenError> {
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(&self.file).map_err(|source| self.unusable(source))?;
        keep_names(&self.folder).map_err(|source| self.unusable(source))?;
        FileBackend::new(file).map_err(|error| self.explain(BeginError::Database(error.into())))
    }

    /// The database in the file, checked as a whole and repaired after a crash.
    pub(super) fn database(
        &self,
        disk: impl StorageBackend,
        cache_bytes: usize,
    ) -> Result<Database, OpenError> {
        // redb panics on some files that were altered behind its back.
        let opened = catch_unwind(AssertUnwindSafe(|| {
            Builder::new()
                .set_cache_size(cache_bytes)
                .set_check_integrity_on_open(true)
                .create_with_backend(disk)
        }));
        match opened {
            Ok(Ok(database)) => Ok(database),
            Ok(Err(error)) => Err(self.explain(BeginError::Database(error.into()))),
            Err(_panic) => Err(self.corrupt("its pages contradict each other")),
        }
    }

    /// What an error of redb or of the disk means for this folder.
    pub(super) fn explain(&self, error: BeginError) -> OpenError {
        let error = match error {
            BeginError::Foreign(why) => return self.foreign(why),
            BeginError::Fault(why) => return self.unusable(io::Error::other(why.to_string())),
            BeginError::Database(error) => error,
        };
        match error {
            redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => {
                OpenError::InUse { folder: self.folder.clone() }
            }
            redb::Error::UpgradeRequired(format) => {
                self.foreign(format!("a redb file of format {format}"))
            }
            redb::Error::Io(source) if source.kind() == io::ErrorKind::InvalidData => {
                self.foreign("not a redb file".to_owned())
            }
            redb::Error::Io(source) if source.kind() == io::ErrorKind::UnexpectedEof => {
                self.corrupt("it is shorter than it should be")
            }
            redb::Error::Io(source) => self.unusable(source),
            other => self.corrupt(&other.to_string()),
        }
    }

    /// The system refuses the file.
    pub(super) fn unusable(&self, source: io::Error) -> OpenError {
        OpenError::Io { path: self.file.clone(), source }
    }

    fn foreign(&self, why: String) -> OpenError {
        OpenError::Foreign { file: self.file.clone(), why }
    }

    fn corrupt(&self, why: &str) -> OpenError {
        OpenError::Corrupt { file: self.file.clone(), why: why.to_owned() }
    }
}

/// Makes the names in a folder outlive a power cut: a file's fsync does not cover its own name.
fn keep_names(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn parent_of(folder: &Path) -> &Path {
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}
