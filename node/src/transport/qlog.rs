//! What happens to each connection's packets, in a file each (qlog, in JSON text sequences).
//!
//! quinn writes to one place for each `TransportConfig`, so each connection has one of its own.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use quinn::{QlogConfig, QlogStream};

/// The most files that one process leaves: whoever knocks makes one.
const FILES_MAX: usize = 1024;
/// The most bytes that one connection leaves; what is behind them is left out.
const FILE_MAX_BYTES: u64 = 256 * 1024 * 1024;

/// A folder of such files.
#[derive(Debug)]
pub(super) struct Qlog {
    folder: PathBuf,
    /// Tells the files of this process from those of others.
    began_ms: u64,
    files: AtomicUsize,
}

impl Qlog {
    /// A folder, made where it is not there, for its owner alone.
    pub(super) fn in_folder(folder: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let (began_ms, files) = (crate::clock::unix_ms(), AtomicUsize::new(0));
        Ok(Self { folder: folder.to_owned(), began_ms, files })
    }

    /// The file of one more connection, which `with` names; none where there are enough, or none can
    /// be made.
    pub(super) fn of_one_more(&self, with: &str) -> Option<QlogStream> {
        let nth = self.files.fetch_add(1, Ordering::Relaxed);
        if nth == FILES_MAX {
            tracing::warn!(files = FILES_MAX, "qlog: there are enough files, no more are written");
        }
        if nth >= FILES_MAX {
            return None;
        }
        let named = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
        let with_named: String = with.chars().map(named).collect();
        let path = self.folder.join(format!("{}-{nth:04}-{with_named}.sqlog", self.began_ms));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let file = file.inspect_err(|error| {
            tracing::warn!(%error, path = %path.display(), "qlog: no file");
        });
        let mut config = QlogConfig::default();
        let (title, began) = (with.to_owned(), format!("began {}", jiff::Timestamp::now()));
        config.writer(Box::new(Lines::to(file.ok()?))).title(Some(title)).description(Some(began));
        config.into_stream()
    }
}

/// Writes whole lines, each as it ends: what a node that is killed has written can be read.
struct Lines<W> {
    output: W,
    line: Vec<u8>,
    left: u64,
}

impl Lines<File> {
    fn to(output: File) -> Self {
        Self { output, line: Vec::new(), left: FILE_MAX_BYTES }
    }
}

impl<W: Write> Write for Lines<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(bytes);
        if bytes.ends_with(b"\n") {
            let length = self.line.len() as u64;
            // Behind the first line that has no room none is written: no gap goes unseen.
            self.left = self.left.saturating_sub(length);
            if self.left > 0 {
                self.output.write_all(&self.line)?;
            }
            self.line.clear();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_written_whole_and_none_behind_the_first_without_room() {
        let mut lines = Lines { output: Vec::new(), line: Vec::new(), left: 10 };
        for text in ["\u{1e}", "{}", "\n", "\u{1e}{\"long\":1}\n", "{}\n"] {
            assert_eq!(lines.write(text.as_bytes()).unwrap(), text.len());
        }
        assert_eq!(lines.output, "\u{1e}{}\n".as_bytes());
    }

    #[test]
    fn each_connection_has_a_file_and_very_many_have_none() {
        let folder = tempfile::tempdir().unwrap();
        let qlog = Qlog::in_folder(folder.path()).unwrap();
        let evil = "from ../../[::1]:4433\n";
        assert!(qlog.of_one_more(evil).is_some());
        qlog.files.store(FILES_MAX - 1, Ordering::Relaxed);
        assert!(qlog.of_one_more("to hub").is_some());
        assert!(qlog.of_one_more("to hub").is_none());
        let mut names: Vec<_> = folder
            .path()
            .read_dir()
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert!(names[0].ends_with("-0000-from-..-..----1--4433-.sqlog"), "{names:?}");
        assert!(names[1].ends_with("-1023-to-hub.sqlog"), "{names:?}");
    }
}
