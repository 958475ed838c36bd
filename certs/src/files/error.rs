//! What can go wrong with the files of certificates and keys, and what to do then.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::FILE_MAX_BYTES;
use crate::certificate::CertificateError;

/// A certificate or key that could not be taken from its file.
#[derive(Debug, Error)]
pub enum LoadError {
    /// There is no such file.
    #[error("there is no {what} at {path}: name another file, or make one with `bothways cert`")]
    Missing {
        /// What should be there.
        what: &'static str,
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The file could not be read.
    #[error("{path} could not be read: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The path names a folder, a pipe or a device.
    #[error("{path} is no plain file: name the {what} itself")]
    NoFile {
        /// What should be there.
        what: &'static str,
        /// What was named.
        path: PathBuf,
    },
    /// The file is larger than any honest one.
    #[error("{path} is larger than {FILE_MAX_BYTES} bytes, too large for a {what}")]
    TooLarge {
        /// What should be there.
        what: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// Others than its owner may use the key.
    #[error(
        "{path} holds a private key and is open to others (mode {mode:04o}): \
         run `chmod 600 {path}`, and replace the key where others may have read it"
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file holds no such thing in PEM.
    #[error("{path} holds no {what} in PEM (-----BEGIN …-----): {reason}")]
    Pem {
        /// What should be there.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What was found instead.
        reason: String,
    },
    /// The file's certificate is not one that bothways can use here.
    #[error("the certificate in {path} is of no use here: {source}")]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: CertificateError,
    },
    /// The file's key is not one that bothways can use.
    #[error("the key in {path} cannot be used: {reason}")]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Key and certificate come from different pairs.
    #[error("{key} is not the key of {certificate}: name the two files that were issued together")]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// A file of trusted authorities names more than one network.
    #[error("{path} mixes the authorities of {first} and {second}: keep one file for each network")]
    Mixed {
        /// The file.
        path: PathBuf,
        /// The network of the first certificate.
        first: String,
        /// The network of another one.
        second: String,
    },
}

/// A certificate and key that could not be put into files.
#[derive(Debug, Error)]
pub enum SaveError {
    /// A file of that name is there, and is never overwritten.
    #[error("{path} is there already and was not touched: use it, or move it away first")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The folder could not be made.
    #[error("the folder {path} could not be created: {source}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Others than its owner may exchange files in the folder.
    #[error(
        "others may change what is in {path} (mode {mode:04o}): \
         run `chmod 700 {path}`, or name another folder"
    )]
    OpenFolder {
        /// The folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A file could not be written; nothing of it is left behind.
    #[error("{path} could not be written: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}
