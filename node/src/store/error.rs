//! Why a store does not open, does not write or does not read, and what a caller is told of it.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bothways_protocol::{Code, Failure, Retry};
use thiserror::Error;

use super::{Key, Revision, VALUE_MAX_BYTES};

/// When to try again what a full disk has refused: about as often as the store itself tries.
const MENDED_AFTER: Duration = Duration::from_secs(2);

/// Why a data folder cannot be used.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Another process, or another node of this one, has it open.
    #[error("data folder {} is in use by another node: stop it or choose another --data", .folder.display())]
    InUse {
        /// The folder.
        folder: PathBuf,
    },
    /// The folder or the file in it cannot be made, opened, read or written.
    #[error("cannot use {}: {source}: make it a folder that this user may write, with free space, or choose another --data", .path.display())]
    Io {
        /// The folder or file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file is no store of ours; it was left as it is.
    #[error("{} is no bothways store ({why}): move it away or choose another --data", .file.display())]
    Foreign {
        /// The file.
        file: PathBuf,
        /// What it is instead.
        why: String,
    },
    /// The file was a store, and is damaged.
    #[error("store {} is damaged ({why}): restore it from a backup, or move it away to start empty", .file.display())]
    Corrupt {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

/// Why the store did not do what it was asked.
#[derive(Debug, Clone, Error)]
pub enum StoreError {
    /// What should be created is there.
    #[error("{key} exists already, at revision {found}")]
    Exists {
        /// The record.
        key: Key,
        /// The change that made it what it is.
        found: Revision,
    },
    /// What should be changed is not there.
    #[error("there is no {key}")]
    Missing {
        /// The record.
        key: Key,
    },
    /// What should be changed was changed by somebody else.
    #[error("{key} is at revision {found}, not at {expected}")]
    Conflict {
        /// The record.
        key: Key,
        /// What the writer had seen.
        expected: Revision,
        /// What it is at now.
        found: Revision,
    },
    /// The idempotency key was used before, with other params.
    #[error("the idempotency key was used before with other params: draw a new key per write")]
    KeyReused,
    /// The value is over [`VALUE_MAX_BYTES`].
    #[error("the value has {bytes} bytes, {VALUE_MAX_BYTES} are allowed")]
    TooLarge {
        /// What was given, in bytes.
        bytes: usize,
    },
    /// The log does not hold what was asked for.
    #[error("revision {asked} is outside the changes that are kept, behind {oldest} to {newest}")]
    OutOfRange {
        /// Where reading should have begun.
        asked: Revision,
        /// The first revision to read on from.
        oldest: Revision,
        /// The last one.
        newest: Revision,
    },
    /// An earlier write could not be made durable: no write is taken for now. This one surely
    /// changed nothing.
    #[error("the store is read-only {until}: {why}")]
    ReadOnly {
        /// What failed.
        why: Arc<str>,
        /// When writes are taken again.
        until: ReadOnlyUntil,
    },
    /// The write was begun and could not be made durable: once the store writes again it may be
    /// there or not. Nothing is lost by sending it again with its key.
    #[error("the write may or may not have been stored: {why}")]
    InDoubt {
        /// What failed.
        why: Arc<str>,
    },
    /// The data cannot be read now.
    #[error("the store cannot be read: {why}")]
    Unreadable {
        /// What failed.
        why: Arc<str>,
    },
    /// What was read is not what was written.
    #[error("the store is damaged at {what}: {why}")]
    Corrupt {
        /// The record or table.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// The store is closed: the node stops.
    #[error("the store is closed")]
    Closed,
}

/// When a store that is read-only takes writes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadOnlyUntil {
    /// By itself, within seconds of the disk taking writes again: it was full, or a write failed.
    Mended,
    /// When the node is started again: after a failed fsync nothing that the disk says in this
    /// process can be believed.
    Restarted,
}

impl fmt::Display for ReadOnlyUntil {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Mended => "until the disk takes writes again",
            Self::Restarted => "until the node starts again",
        })
    }
}

/// What the caller is told: the code, and what it needs in order to act. What the disk or the
/// file said is for the log alone, and is noted there; the writer notes its own failures.
impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        if let StoreError::Unreadable { .. } | StoreError::Corrupt { .. } = error {
            tracing::error!(%error, "store not read");
        }
        let unavailable = |message, reason| Self::new(Code::Unavailable, message).reason(reason);
        match error {
            StoreError::Exists { found, .. } => {
                Self::new(Code::AlreadyExists, "it exists already").detail("revision", found.0)
            }
            StoreError::Missing { .. } => Self::new(Code::NotFound, "there is no such thing"),
            StoreError::Conflict { found, expected, .. } => {
                let message =
                    format!("it is at revision {found}, not at {expected}: read it again");
                Self::new(Code::Aborted, message).detail("revision", found.0)
            }
            StoreError::KeyReused => {
                Self::new(Code::AlreadyExists, error.to_string()).reason("key_reused")
            }
            StoreError::TooLarge { .. } => Self::new(Code::ResourceExhausted, error.to_string())
                .reason("value_too_large")
                .retry(Retry::Never),
            StoreError::OutOfRange { oldest, newest, .. } => {
                Self::new(Code::OutOfRange, error.to_string())
                    .detail("oldest", oldest.0)
                    .detail("newest", newest.0)
            }
            StoreError::ReadOnly { until: ReadOnlyUntil::Mended, .. } => unavailable(
                "the node takes no writes until its disk takes them again: free some space there, and send it again",
                "read_only",
            )
            .after(MENDED_AFTER),
            StoreError::ReadOnly { until: ReadOnlyUntil::Restarted, .. } => unavailable(
                "the node takes no writes: its disk has failed, and it has to be started again",
                "read_only",
            ),
            // Elsewhere would be a lie: this write may have acted.
            StoreError::InDoubt { .. } => unavailable(
                "the write may or may not have been stored: send it again with the same key",
                "read_only",
            )
            .after(MENDED_AFTER)
            .retry(Retry::Same),
            StoreError::Unreadable { .. } => {
                unavailable("the node's store cannot be read", "unreadable")
            }
            StoreError::Corrupt { .. } => {
                Self::new(Code::DataLoss, "what is stored there is damaged").reason("corrupt")
            }
            StoreError::Closed => unavailable("the node is stopping", "stopping"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<(StoreError, Code, Option<&'static str>, Retry)> {
        let (key, why): (Key, Arc<str>) = ("people.1".parse().unwrap(), "/secret/path: EIO".into());
        let (found, expected) = (Revision(7), Revision(5));
        let kept = (Revision(3), Revision(9));
        vec![
            (
                StoreError::Exists { key: key.clone(), found },
                Code::AlreadyExists,
                None,
                Retry::Never,
            ),
            (StoreError::Missing { key: key.clone() }, Code::NotFound, None, Retry::Never),
            (StoreError::Conflict { key, expected, found }, Code::Aborted, None, Retry::Never),
            (StoreError::KeyReused, Code::AlreadyExists, Some("key_reused"), Retry::Never),
            (
                StoreError::TooLarge { bytes: 2_000_000 },
                Code::ResourceExhausted,
                Some("value_too_large"),
                Retry::Never,
            ),
            (
                StoreError::OutOfRange { asked: Revision(1), oldest: kept.0, newest: kept.1 },
                Code::OutOfRange,
                None,
                Retry::Never,
            ),
            (
                StoreError::ReadOnly { why: Arc::clone(&why), until: ReadOnlyUntil::Restarted },
                Code::Unavailable,
                Some("read_only"),
                Retry::Elsewhere,
            ),
            (
                StoreError::ReadOnly { why: Arc::clone(&why), until: ReadOnlyUntil::Mended },
                Code::Unavailable,
                Some("read_only"),
                Retry::After,
            ),
            (
                StoreError::InDoubt { why: Arc::clone(&why) },
                Code::Unavailable,
                Some("read_only"),
                Retry::Same,
            ),
            (
                StoreError::Unreadable { why: Arc::clone(&why) },
                Code::Unavailable,
                Some("unreadable"),
                Retry::Elsewhere,
            ),
            (
                StoreError::Corrupt { what: "/secret/path".into(), why: "EIO".into() },
                Code::DataLoss,
                Some("corrupt"),
                Retry::Never,
            ),
            (StoreError::Closed, Code::Unavailable, Some("stopping"), Retry::Elsewhere),
        ]
    }

    #[test]
    fn each_error_leads_to_its_code_and_tells_nothing_of_the_disk() {
        for (error, code, reason, retry) in all() {
            let failure = Failure::from(error);
            assert_eq!((failure.code, failure.text("reason")), (code, reason), "{failure}");
            assert_eq!(failure.retry, retry, "{failure}");
            let told = format!("{failure:?}");
            assert!(!told.contains("secret") && !told.contains("EIO"), "{told}");
        }
    }

    #[test]
    fn a_conflict_names_the_revision_that_was_found() {
        let key = "people.1".parse().unwrap();
        let error = StoreError::Conflict { key, expected: Revision(5), found: Revision(7) };
        assert_eq!(Failure::from(error).details["revision"], 7.into());
    }
}
