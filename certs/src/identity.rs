//! An identity: the certificate and the key with which a node proves its name.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use bothways_protocol::{NetworkName, NodeName};
use rustls::sign::CertifiedKey;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;

use crate::certificate::{CertificateError, CertificateFacts, PeerIdentity};
use crate::files::{LoadError, LoadedPair, PemPair, SaveError, pair_paths};
use crate::fingerprint::Fingerprint;
use crate::tls::provider;

/// A node's certificate chain and private key, which belong together.
///
/// Cheap to clone; `Debug` shows whose it is, never the key.
#[derive(Clone)]
pub struct Identity {
    peer: PeerIdentity,
    not_before: SystemTime,
    certified: Arc<CertifiedKey>,
    key: Arc<PrivateKeyDer<'static>>,
    /// The text that `save` writes, so that what was read is written back byte for byte.
    pem: Arc<PemPair>,
}

/// A certificate and key that do not make an identity.
#[derive(Debug, Error)]
pub enum IdentityError {
    /// The certificate is not a node's.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The key is of a kind that TLS cannot use here, or damaged.
    #[error("the private key cannot be used: {0}")]
    Key(rustls::Error),
    /// The key is not the one that the certificate speaks of.
    #[error("the private key does not belong to the certificate")]
    Mismatch,
}

impl Identity {
    /// Reads an identity from its two files.
    ///
    /// # Errors
    /// Where a file is missing or holds something else, where others than its owner may read the
    /// key, and where the two do not belong together: see [`LoadError`].
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, LoadError> {
        let LoadedPair { pem, chain, key: key_der } = LoadedPair::load(certificate, key)?;
        Self::assemble(chain, key_der, pem).map_err(|error| match error {
            IdentityError::Certificate(source) => {
                LoadError::Certificate { path: certificate.to_owned(), source }
            }
            IdentityError::Key(error) => {
                LoadError::Key { path: key.to_owned(), reason: error.to_string() }
            }
            IdentityError::Mismatch => {
                LoadError::Mismatch { certificate: certificate.to_owned(), key: key.to_owned() }
            }
        })
    }

    /// Puts together a chain, its end first, and the key of that end.
    pub(crate) fn assemble(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
        pem: PemPair,
    ) -> Result<Self, IdentityError> {
        let end = chain.first().ok_or(CertificateError::Uris { count: 0 })?;
        let facts = CertificateFacts::of(end)?;
        let not_before = facts.not_before;
        let peer = facts.into_peer()?;
        let signing = provider().key_provider.load_private_key(key.clone_key());
        let certified = CertifiedKey::new(chain, signing.map_err(IdentityError::Key)?);
        certified.keys_match().map_err(|_| IdentityError::Mismatch)?;
        let (certified, key, pem) = (Arc::new(certified), Arc::new(key), Arc::new(pem));
        Ok(Self { peer, not_before, certified, key, pem })
    }

    /// Writes the identity as `<name>.pem` and `<name>.key` (mode 0600) into `folder`, which is
    /// made with mode 0700 where it is not there. Each file appears whole or not at all.
    ///
    /// # Errors
    /// Where either file is there already, where others may write into the folder, and where the
    /// system refuses: see [`SaveError`]. In each case neither file was changed.
    pub fn save(&self, folder: &Path) -> Result<(), SaveError> {
        self.pem.save(folder, self.name().as_str())
    }

    /// The two files, certificate and key, that `save` writes for a node.
    #[must_use]
    pub fn paths(folder: &Path, name: &NodeName) -> (PathBuf, PathBuf) {
        pair_paths(folder, name.as_str())
    }

    /// The node's name.
    #[must_use]
    pub fn name(&self) -> &NodeName {
        &self.peer.name
    }

    /// The network that the node belongs to.
    #[must_use]
    pub fn network(&self) -> &NetworkName {
        &self.peer.network
    }

    /// The fingerprint of the node's key.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.peer.fingerprint
    }

    /// The first second in which the certificate holds.
    #[must_use]
    pub fn not_before(&self) -> SystemTime {
        self.not_before
    }

    /// The last second in which the certificate holds.
    #[must_use]
    pub fn not_after(&self) -> SystemTime {
        self.peer.not_after
    }

    /// What peers learn of this identity.
    #[must_use]
    pub fn as_peer(&self) -> &PeerIdentity {
        &self.peer
    }

    /// The certificate chain, the node's own certificate first.
    #[must_use]
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.certified.cert
    }

    /// The private key.
    #[must_use]
    pub fn key(&self) -> &PrivateKeyDer<'static> {
        &self.key
    }

    /// Chain and key as rustls signs with them.
    pub(crate) fn certified(&self) -> &Arc<CertifiedKey> {
        &self.certified
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Identity").field(&self.peer).finish_non_exhaustive()
    }
}
