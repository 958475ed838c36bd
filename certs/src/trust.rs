//! Trust: the authorities whose word a node takes.

use std::path::Path;
use std::sync::Arc;

use bothways_protocol::NetworkName;
use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use thiserror::Error;

use crate::certificate::{CertificateError, CertificateFacts, Subject};
use crate::files::{LoadError, load_chain};

/// The certificates of a network's authority: several while one replaces another.
///
/// Cheap to clone.
#[derive(Debug, Clone)]
pub struct Trust {
    network: NetworkName,
    certificates: Vec<CertificateDer<'static>>,
    roots: Arc<RootCertStore>,
}

/// Certificates that are no basis for trust.
#[derive(Debug, Error)]
pub enum TrustError {
    /// There is no certificate.
    #[error("trust needs the certificate of at least one authority")]
    Empty,
    /// A certificate is not an authority's.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The authorities are of different networks.
    #[error("the authorities of {first} and {second} cannot be trusted as one")]
    Mixed {
        /// The network of the first certificate.
        first: NetworkName,
        /// The network of another one.
        second: NetworkName,
    },
}

impl Trust {
    /// Reads the certificates of one network's authority from a file, `authority.pem`.
    ///
    /// # Errors
    /// Where the file is missing, or holds something else than the certificates of one network's
    /// authority: see [`LoadError`].
    pub fn load(path: &Path) -> Result<Self, LoadError> {
        let (_, certificates) = load_chain(path)?;
        Self::read(certificates, path)
    }

    /// As [`Trust::of`], for certificates that came from a file.
    pub(crate) fn read(
        certificates: Vec<CertificateDer<'static>>,
        path: &Path,
    ) -> Result<Self, LoadError> {
        let path = path.to_owned();
        Self::of(certificates).map_err(|error| match error {
            TrustError::Empty => {
                LoadError::Pem { what: "certificate", path, reason: "there is none".to_owned() }
            }
            TrustError::Certificate(source) => LoadError::Certificate { path, source },
            TrustError::Mixed { first, second } => {
                LoadError::Mixed { path, first: first.into(), second: second.into() }
            }
        })
    }

    /// Trusts the authorities of one network, given by their certificates.
    ///
    /// # Errors
    /// Where there is none, one is no authority's, or they are of different networks.
    pub fn of(certificates: Vec<CertificateDer<'static>>) -> Result<Self, TrustError> {
        let mut network = None;
        let mut roots = RootCertStore::empty();
        for certificate in &certificates {
            let second = network_of_authority(certificate)?;
            let first = network.get_or_insert_with(|| second.clone());
            if *first != second {
                return Err(TrustError::Mixed { first: first.clone(), second });
            }
            roots
                .add(certificate.clone())
                .map_err(|error| CertificateError::NotX509 { reason: error.to_string() })?;
        }
        let network = network.ok_or(TrustError::Empty)?;
        Ok(Self { network, certificates, roots: Arc::new(roots) })
    }

    /// The network whose authority is trusted.
    #[must_use]
    pub fn network(&self) -> &NetworkName {
        &self.network
    }

    /// The certificates of the trusted authorities.
    #[must_use]
    pub fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.certificates
    }

    /// The same certificates as rustls builds paths to them.
    pub(crate) fn roots(&self) -> &Arc<RootCertStore> {
        &self.roots
    }
}

fn network_of_authority(certificate: &CertificateDer<'_>) -> Result<NetworkName, CertificateError> {
    let facts = CertificateFacts::of(certificate)?;
    match facts.subject {
        Subject::Authority => Ok(facts.network),
        Subject::Node(name) => Err(CertificateError::OfANode { name }),
    }
}
