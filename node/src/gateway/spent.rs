//! What is of no use any more though its seal is good: links that were used, browsers that have left.
//! In a file in the data folder, where there is one, so that it stays so over a restart.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::clock::unix_ms;

/// How many are remembered; where there are more, nobody is let in until some are too old. Who makes
/// so many has a link for each.
const SPENT_MAX: usize = 10_000;
/// What is read of the file at the most, in bytes.
const FILE_MAX_BYTES: u64 = 4 * 1024 * 1024;
/// The file's name in the data folder.
const FILE: &str = "http.spent";

/// What has been spent, each with the time, in seconds since 1970, from which its seal is no good.
#[derive(Debug)]
pub(super) struct Spent {
    known: Mutex<BTreeMap<String, u64>>,
    file: Option<PathBuf>,
    changes: watch::Sender<()>,
}

impl Spent {
    /// Reads what was spent before.
    pub(super) fn kept_in(data: Option<&Path>) -> Self {
        let file = data.map(|folder| folder.join(FILE));
        let known = file.as_deref().map(read).unwrap_or_default();
        let spent = Self { known: Mutex::new(known), file, changes: watch::Sender::default() };
        spent.write_anew();
        spent
    }

    /// Spends this, and says whether it was still to be had.
    pub(super) fn spend(&self, text: &str, until: u64) -> bool {
        let mut known = self.lock();
        if known.contains_key(text) {
            return false;
        }
        let now = unix_ms() / 1000;
        known.retain(|_, until| *until > now);
        if known.len() >= SPENT_MAX {
            return false;
        }
        known.insert(text.to_owned(), until);
        drop(known);
        if let Some(file) = &self.file
            && let Err(error) = append(file, text)
        {
            tracing::warn!(%error, file = %file.display(), "a link that was used may be used again after a restart");
        }
        self.changes.send_replace(());
        true
    }

    pub(super) fn holds(&self, text: &str) -> bool {
        self.lock().contains_key(text)
    }

    /// Waits until this is spent.
    pub(super) async fn until_spent(&self, text: &str) {
        let mut changes = self.changes.subscribe();
        // Its sender is as old as this.
        let _ = changes.wait_for(|()| self.holds(text)).await;
    }

    /// Leaves out what is too old.
    fn write_anew(&self) {
        let Some(file) = &self.file else { return };
        let known = self.lock();
        if known.is_empty() && !file.exists() {
            return;
        }
        let lines: String = known.keys().map(|text| format!("{text}\n")).collect();
        let written = private().create(true).truncate(true).open(file);
        if let Err(error) = written.and_then(|mut file| file.write_all(lines.as_bytes())) {
            tracing::warn!(%error, file = %file.display(), "links that were used are not remembered");
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, u64>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    options
}

fn append(file: &Path, text: &str) -> std::io::Result<()> {
    private().create(true).append(true).open(file)?.write_all(format!("{text}\n").as_bytes())
}

/// What is still to be remembered of the file. One that cannot be read is as good as none.
fn read(file: &Path) -> BTreeMap<String, u64> {
    let Ok(opened) = File::open(file) else { return BTreeMap::new() };
    let now = unix_ms() / 1000;
    let lines = BufReader::new(opened.take(FILE_MAX_BYTES)).lines().map_while(Result::ok);
    let spent = lines.filter_map(|line| {
        let until = line.rsplit_once('.')?.1.parse().ok()?;
        (until > now).then_some((line, until))
    });
    spent.take(SPENT_MAX).collect()
}
