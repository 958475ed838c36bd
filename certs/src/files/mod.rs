//! Certificates and keys in files: written once and whole, keys for their owner alone.

mod error;

use std::fmt;
use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::NamedTempFile;

pub use error::{LoadError, SaveError};

/// More than any honest certificate chain or key; larger files are not read.
const FILE_MAX_BYTES: u64 = 256 * 1024;
const CERTIFICATE: &str = "certificate";
const KEY: &str = "private key";
const CERTIFICATE_MODE: u32 = 0o644;
const KEY_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;
const OTHERS: u32 = 0o077;
const OTHERS_WRITE: u32 = 0o022;
const STICKY: u32 = 0o1000;

/// A certificate chain and its private key as text, as they stand in files.
pub(crate) struct PemPair {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// A certificate chain and its private key, read from files.
pub(crate) struct LoadedPair {
    pub(crate) pem: PemPair,
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: PrivateKeyDer<'static>,
}

impl PemPair {
    /// Writes `<stem>.pem` and `<stem>.key` into `folder`, both or neither, over nothing.
    pub(crate) fn save(&self, folder: &Path, stem: &str) -> Result<(), SaveError> {
        let (certificate, key) = pair_paths(folder, stem);
        prepare_folder(folder)?;
        must_be_free(&certificate)?;
        must_be_free(&key)?;
        let staged_key = stage(folder, &key, &self.key, KEY_MODE)?;
        let staged_certificate = stage(folder, &certificate, &self.certificate, CERTIFICATE_MODE)?;
        publish(staged_key, &key)?;
        if let Err(error) = publish(staged_certificate, &certificate) {
            // The key is the one made a moment ago: without its certificate it is of no use.
            return match fs::remove_file(&key) {
                Ok(()) => Err(error),
                Err(source) => Err(SaveError::Write { path: key, source }),
            };
        }
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(|source| SaveError::Write { path: folder.to_owned(), source })
    }
}

impl fmt::Debug for PemPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PemPair").finish_non_exhaustive()
    }
}

impl LoadedPair {
    /// Reads a chain and its key; the key's file must be closed to others.
    pub(crate) fn load(certificate: &Path, key: &Path) -> Result<Self, LoadError> {
        let (certificate_text, chain) = load_chain(certificate)?;
        let (key_text, key) = load_key(key)?;
        Ok(Self { pem: PemPair { certificate: certificate_text, key: key_text }, chain, key })
    }
}

/// Checks that a private key's file is closed to all but its owner. Where the path is a link,
/// the file behind it counts.
///
/// # Errors
/// [`LoadError::Exposed`] where it is open, or why it could not be looked at.
pub fn check_key_file(path: &Path) -> Result<(), LoadError> {
    open(path, KEY).and_then(|file| check_closed(&file, path))
}

/// Reads all certificates of a file in PEM, whatever they are for: one at least.
///
/// # Errors
/// Where the file is missing or holds none: see [`LoadError`].
pub fn load_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, LoadError> {
    load_chain(path).map(|(_, chain)| chain)
}

/// The files of a certificate and its key in a folder.
pub(crate) fn pair_paths(folder: &Path, stem: &str) -> (PathBuf, PathBuf) {
    (folder.join(format!("{stem}.pem")), folder.join(format!("{stem}.key")))
}

/// Reads the certificates of a file, with its text: one at least.
pub(crate) fn load_chain(path: &Path) -> Result<(String, Vec<CertificateDer<'static>>), LoadError> {
    let text = read(&open(path, CERTIFICATE)?, path, CERTIFICATE)?;
    let chain = CertificateDer::pem_slice_iter(text.as_bytes()).collect::<Result<Vec<_>, _>>();
    match chain {
        Ok(chain) if chain.is_empty() => Err(pem_error(path, CERTIFICATE, "there is none")),
        Ok(chain) => Ok((text, chain)),
        Err(error) => Err(pem_error(path, CERTIFICATE, &error.to_string())),
    }
}

fn load_key(path: &Path) -> Result<(String, PrivateKeyDer<'static>), LoadError> {
    let file = open(path, KEY)?;
    check_closed(&file, path)?;
    let text = read(&file, path, KEY)?;
    match PrivateKeyDer::from_pem_slice(text.as_bytes()) {
        Ok(key) => Ok((text, key)),
        Err(error) => Err(pem_error(path, KEY, &error.to_string())),
    }
}

/// Opens a plain file. It is looked at before it is opened, since opening a pipe waits for its
/// other end, and again once open, since in between it may have been exchanged.
fn open(path: &Path, what: &'static str) -> Result<File, LoadError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => LoadError::Missing { what, path: path.to_owned() },
        _ => LoadError::Read { path: path.to_owned(), source },
    };
    let plain = |metadata: &fs::Metadata| match metadata.is_file() {
        true => Ok(()),
        false => Err(LoadError::NoFile { what, path: path.to_owned() }),
    };
    plain(&fs::metadata(path).map_err(failed)?)?;
    let file = File::open(path).map_err(failed)?;
    plain(&file.metadata().map_err(failed)?)?;
    Ok(file)
}

fn check_closed(file: &File, path: &Path) -> Result<(), LoadError> {
    let metadata = file.metadata();
    let metadata = metadata.map_err(|source| LoadError::Read { path: path.to_owned(), source })?;
    match metadata.permissions().mode() & 0o7777 {
        mode if mode & OTHERS == 0 => Ok(()),
        mode => Err(LoadError::Exposed { path: path.to_owned(), mode }),
    }
}

fn read(file: &File, path: &Path, what: &'static str) -> Result<String, LoadError> {
    let mut bytes = Vec::new();
    file.take(FILE_MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| LoadError::Read { path: path.to_owned(), source })?;
    if bytes.len() as u64 > FILE_MAX_BYTES {
        return Err(LoadError::TooLarge { what, path: path.to_owned() });
    }
    String::from_utf8(bytes).map_err(|error| pem_error(path, what, &error.to_string()))
}

fn pem_error(path: &Path, what: &'static str, reason: &str) -> LoadError {
    LoadError::Pem { what, path: path.to_owned(), reason: reason.to_owned() }
}

/// Makes the folder for its owner alone, or checks that nobody else may write into it.
fn prepare_folder(folder: &Path) -> Result<(), SaveError> {
    let failed = |source| SaveError::Folder { path: folder.to_owned(), source };
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder).map_err(failed)?;
    let mode = fs::metadata(folder).map_err(failed)?.permissions().mode() & 0o7777;
    if mode & OTHERS_WRITE != 0 && mode & STICKY == 0 {
        return Err(SaveError::OpenFolder { path: folder.to_owned(), mode });
    }
    Ok(())
}

fn must_be_free(path: &Path) -> Result<(), SaveError> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(SaveError::Write { path: path.to_owned(), source }),
        Ok(_) => Err(SaveError::Exists { path: path.to_owned() }),
    }
}

/// Writes a whole file beside its place, on disk before it is published. Dropped, it is removed.
fn stage(folder: &Path, path: &Path, text: &str, mode: u32) -> Result<NamedTempFile, SaveError> {
    let write = || {
        let mut staged = tempfile::Builder::new()
            .prefix(".new-")
            .permissions(Permissions::from_mode(mode))
            .tempfile_in(folder)?;
        staged.write_all(text.as_bytes())?;
        staged.as_file().sync_all()?;
        Ok(staged)
    };
    write().map_err(|source| SaveError::Write { path: path.to_owned(), source })
}

/// Gives a staged file its name in one step, unless that name is taken, even by a link.
fn publish(staged: NamedTempFile, path: &Path) -> Result<(), SaveError> {
    match staged.persist_noclobber(path) {
        Ok(_) => Ok(()),
        Err(failed) if failed.error.kind() == io::ErrorKind::AlreadyExists => {
            Err(SaveError::Exists { path: path.to_owned() })
        }
        Err(failed) => Err(SaveError::Write { path: path.to_owned(), source: failed.error }),
    }
}
