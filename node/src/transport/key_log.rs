//! The keys of each connection, in a file: with it, and a capture, others read what was sent.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rustls::KeyLog;

/// A file of keys, in the format of `SSLKEYLOGFILE` (draft-ietf-tls-keylogfile).
#[derive(Debug)]
pub(super) struct KeyFile(Mutex<File>);

impl KeyFile {
    /// Opens a file to add to, for its owner alone where it is new.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let file = options.append(true).create(true).mode(0o600).open(path)?;
        Ok(Self(Mutex::new(file)))
    }
}

impl KeyLog for KeyFile {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let (random, secret) = (hex::encode(client_random), hex::encode(secret));
        let line = format!("{label} {random} {secret}\n");
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = file.write_all(line.as_bytes()) {
            tracing::warn!(%error, "TLS key log");
        }
    }
}
