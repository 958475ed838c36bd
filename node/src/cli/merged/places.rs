//! Which logs there are below a path.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::cli::{Advise, Result};

/// How deep folders are looked into.
const DEPTH_MAX: usize = 4;

/// The path itself, or, where it is a folder, the logs in it and in its folders, by name.
pub(in crate::cli) fn logs_in(path: &Path) -> Result<Vec<PathBuf>> {
    let about = || format!("cannot read {}", path.display());
    let found = fs::metadata(path).with_context(about);
    let found = found.hint("name the log of a node, a folder of logs, or - for standard input")?;
    if !found.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut logs = Vec::new();
    let mut folders = vec![(path.to_owned(), 1)];
    while let Some((folder, depth)) = folders.pop() {
        let about = || format!("cannot read {}", folder.display());
        for entry in fs::read_dir(&folder).with_context(about)? {
            let entry = entry.with_context(about)?;
            // Links to folders are not followed: they may lead in circles.
            let is_folder = entry.file_type().with_context(about)?.is_dir();
            let is_file = || fs::metadata(entry.path()).is_ok_and(|file| file.is_file());
            if is_folder && depth < DEPTH_MAX {
                folders.push((entry.path(), depth + 1));
            } else if is_log(&entry.path()) && is_file() {
                logs.push(entry.path());
            }
        }
    }
    logs.sort();
    Ok(logs)
}

fn is_log(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "log" || extension == "jsonl")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Exit;

    #[test]
    fn a_folder_gives_its_logs_and_those_of_its_folders_in_the_order_of_names() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir(root.join("phone")).unwrap();
        for name in ["hub.log", "phone/phone.jsonl", "hub.toml", "log", "phone/old.log.gz"] {
            fs::write(root.join(name), "").unwrap();
        }
        std::os::unix::fs::symlink(root, root.join("phone/circle.log")).unwrap();
        std::os::unix::fs::symlink(root.join("hub.toml"), root.join("linked.log")).unwrap();

        let found = logs_in(root).unwrap();

        let expected = ["hub.log", "linked.log", "phone/phone.jsonl"].map(|name| root.join(name));
        assert_eq!(found, expected);
    }

    #[test]
    fn a_log_that_is_not_there_is_named() {
        let trouble = logs_in(Path::new("/nowhere/hub.log")).unwrap_err();
        assert_eq!(trouble.exit(), Exit::Failed);
        assert!(format!("{trouble:?}").contains("cannot read /nowhere/hub.log"));
    }
}
