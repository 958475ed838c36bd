//! The authority of a network: it signs the identities of all its nodes.

use std::fmt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use bothways_protocol::{NetworkName, NodeName};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PublicKeyData, SanType, SerialNumber,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;

use crate::certificate::{CertificateFacts, authority_uri, node_uri};
use crate::files::{LoadError, LoadedPair, PemPair, SaveError, pair_paths};
use crate::fingerprint::Fingerprint;
use crate::identity::{Identity, IdentityError};
use crate::moment::{Moment, end_of_life, x509_time};
use crate::tls::provider;
use crate::trust::{Trust, TrustError};

/// How long an authority lives unless told otherwise: five years.
pub const DEFAULT_AUTHORITY_LIFE: Duration = Duration::from_secs(5 * 365 * 86_400);

/// How long an identity lives unless told otherwise: 90 days.
pub const DEFAULT_IDENTITY_LIFE: Duration = Duration::from_secs(90 * 86_400);

/// How far back what is issued begins to hold, for peers whose clocks are behind: five minutes.
pub const CLOCK_SKEW: Duration = Duration::from_secs(5 * 60);

/// The stem of the authority's files, which no node can be named.
const STEM: &str = "authority";

/// The longest common name, in characters (RFC 5280 appendix A.1, ub-common-name).
const COMMON_NAME_MAX_CHARS: usize = 64;

/// A network's certificate authority, with its private key.
///
/// `Debug` shows whose it is, never the key.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    trust: Trust,
    facts: CertificateFacts,
    pem: PemPair,
}

/// An authority that could not be made.
#[derive(Debug, Error)]
pub enum CreateError {
    /// It would live no second.
    #[error("an authority needs a life of at least one second")]
    NoLife,
    /// The key or the signature could not be made.
    #[error("the key or certificate of the authority could not be made: {0}")]
    Crypto(#[from] rcgen::Error),
    /// No random number could be had from the system.
    #[error("the system gave no random number for the certificate")]
    NoRandom,
    /// What was made is not a basis for trust.
    #[error("the authority's own certificate is of no use: {0}")]
    Unusable(#[from] TrustError),
}

/// An identity that could not be issued.
#[derive(Debug, Error)]
pub enum IssueError {
    /// The name is that of the authority's own files.
    #[error("the name {STEM} is taken by the authority's own files: give the node another name")]
    Reserved,
    /// The authority itself has come to its end.
    #[error(
        "the authority of {network} ended at {}: make a new one with `bothways cert init`",
        Moment(*.ended)
    )]
    AuthorityEnded {
        /// The authority's network.
        network: NetworkName,
        /// The last second in which it held.
        ended: SystemTime,
    },
    /// The identity would end before it begins.
    #[error("an identity for {name} needs a life of at least one second")]
    NoLife {
        /// The node's name.
        name: NodeName,
    },
    /// The key or the signature could not be made.
    #[error("the key or certificate of {name} could not be made: {source}")]
    Crypto {
        /// The node's name.
        name: NodeName,
        /// Why not.
        source: rcgen::Error,
    },
    /// No random number could be had from the system.
    #[error("the system gave no random number for the certificate")]
    NoRandom,
    /// What was made is no identity.
    #[error("the identity made for {name} is of no use: {source}")]
    Unusable {
        /// The node's name.
        name: NodeName,
        /// Why not.
        source: IdentityError,
    },
}

impl Authority {
    /// Makes a new authority for a network, with a P-256 key of its own, that holds from
    /// [`CLOCK_SKEW`] ago until `life` from now, the year 9999 at the latest.
    ///
    /// # Errors
    /// Where `life` is less than a second, and where the system gives no random bytes.
    pub fn create(network: &NetworkName, life: Duration) -> Result<Self, CreateError> {
        if life < Duration::from_secs(1) {
            return Err(CreateError::NoLife);
        }
        let now = SystemTime::now();
        let key = KeyPair::generate()?;
        let mut params = params(network, &authority_common_name(network), now - CLOCK_SKEW);
        params.not_after = x509_time(end_of_life(now, life));
        params.serial_number = Some(random_serial().ok_or(CreateError::NoRandom)?);
        params.subject_alt_names = vec![SanType::URI(authority_uri(network).try_into()?)];
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key)?;
        let pem = PemPair { certificate: certificate.pem(), key: key.serialize_pem() };
        let trust = Trust::of(vec![certificate.der().clone()])?;
        let facts = CertificateFacts::of(certificate.der()).map_err(TrustError::from)?;
        let issuer = Issuer::from_ca_cert_der(certificate.der(), key)?;
        Ok(Self { issuer, trust, facts, pem })
    }

    /// Reads the authority from `authority.pem` and `authority.key` in `folder`.
    ///
    /// # Errors
    /// Where a file is missing or holds something else, where others than its owner may read the
    /// key, and where the two do not belong together: see [`LoadError`].
    pub fn load(folder: &Path) -> Result<Self, LoadError> {
        let (certificate, key) = pair_paths(folder, STEM);
        let LoadedPair { pem, chain, key: key_der } = LoadedPair::load(&certificate, &key)?;
        let trust = Trust::read(chain, &certificate)?;
        let own = &trust.certificates()[0];
        let unusable =
            |error: rcgen::Error| LoadError::Key { path: key.clone(), reason: error.to_string() };
        let facts = CertificateFacts::of(own)
            .map_err(|source| LoadError::Certificate { path: certificate.clone(), source })?;
        let key_pair = KeyPair::try_from(&key_der).map_err(unusable)?;
        if Fingerprint::of(&key_pair.subject_public_key_info()) != facts.fingerprint {
            return Err(LoadError::Mismatch { certificate, key });
        }
        let issuer = Issuer::from_ca_cert_der(own, key_pair).map_err(unusable)?;
        Ok(Self { issuer, trust, facts, pem })
    }

    /// Writes `authority.pem` and `authority.key` (mode 0600) into `folder`, which is made with
    /// mode 0700 where it is not there. Each file appears whole or not at all.
    ///
    /// # Errors
    /// Where either file is there already, where others may write into the folder, and where the
    /// system refuses: see [`SaveError`]. In each case neither file was changed.
    pub fn save(&self, folder: &Path) -> Result<(), SaveError> {
        self.pem.save(folder, STEM)
    }

    /// Issues an identity that holds from [`CLOCK_SKEW`] ago until `life` from now, and never
    /// longer than the authority itself.
    ///
    /// # Errors
    /// Where the authority has ended, the name cannot be a DNS name or is `authority`, `life` is
    /// less than a second, and where the system gives no random bytes.
    pub fn issue(&self, name: &NodeName, life: Duration) -> Result<Identity, IssueError> {
        let now = SystemTime::now();
        if now > self.not_after() {
            let (network, ended) = (self.network().clone(), self.not_after());
            return Err(IssueError::AuthorityEnded { network, ended });
        }
        if life < Duration::from_secs(1) {
            return Err(IssueError::NoLife { name: name.clone() });
        }
        let not_before = (now - CLOCK_SKEW).max(self.facts.not_before);
        self.issue_between(name, not_before, end_of_life(now, life))
    }

    /// Issues an identity that holds between two points in time, whole seconds, and never longer
    /// than the authority itself: expired already, or not valid yet, where a test needs that.
    ///
    /// # Errors
    /// As [`Authority::issue`], where the end does not come after the beginning.
    pub fn issue_between(
        &self,
        name: &NodeName,
        not_before: SystemTime,
        not_after: SystemTime,
    ) -> Result<Identity, IssueError> {
        check_name(name)?;
        let not_after = not_after.min(self.not_after());
        if x509_time(not_before) >= x509_time(not_after) {
            return Err(IssueError::NoLife { name: name.clone() });
        }
        let crypto = |source| IssueError::Crypto { name: name.clone(), source };
        let serial = random_serial().ok_or(IssueError::NoRandom)?;
        let key = KeyPair::generate().map_err(crypto)?;
        let certificate = self.sign(name, &key, serial, not_before, not_after).map_err(crypto)?;
        let pem = PemPair { certificate: certificate.pem(), key: key.serialize_pem() };
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        Identity::assemble(vec![certificate.der().clone()], key, pem)
            .map_err(|source| IssueError::Unusable { name: name.clone(), source })
    }

    fn sign(
        &self,
        name: &NodeName,
        key: &KeyPair,
        serial: SerialNumber,
        not_before: SystemTime,
        not_after: SystemTime,
    ) -> Result<Certificate, rcgen::Error> {
        let mut params = params(self.network(), name.as_str(), not_before);
        params.not_after = x509_time(not_after);
        params.serial_number = Some(serial);
        params.subject_alt_names = vec![
            SanType::DnsName(name.as_str().try_into()?),
            SanType::URI(node_uri(self.network(), name).try_into()?),
        ];
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        params.signed_by(key, &self.issuer)
    }

    /// Trust in this authority.
    #[must_use]
    pub fn trust(&self) -> Trust {
        self.trust.clone()
    }

    /// The network that the authority signs for.
    #[must_use]
    pub fn network(&self) -> &NetworkName {
        &self.facts.network
    }

    /// The fingerprint of the authority's key.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.facts.fingerprint
    }

    /// The last second in which the authority holds.
    #[must_use]
    pub fn not_after(&self) -> SystemTime {
        self.facts.not_after
    }

    /// The authority's own certificate.
    #[must_use]
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.trust.certificates()[0]
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Authority").field(&self.facts).finish_non_exhaustive()
    }
}

/// What the certificates of authorities and nodes have in common. The network stands in the
/// organization, so that two authorities never share a distinguished name for want of space.
fn params(network: &NetworkName, common_name: &str, not_before: SystemTime) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, network.as_str());
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.not_before = x509_time(not_before);
    params
}

/// Never a node's name, as it holds spaces: else OpenSSL takes a leaf for self-signed.
fn authority_common_name(network: &NetworkName) -> String {
    let full = format!("bothways authority {network}");
    match full.chars().count() <= COMMON_NAME_MAX_CHARS {
        true => full,
        false => "bothways authority".to_owned(),
    }
}

fn check_name(name: &NodeName) -> Result<(), IssueError> {
    if name.as_str() == STEM {
        return Err(IssueError::Reserved);
    }
    Ok(())
}

/// 126 random bits, positive and always 16 bytes long (RFC 5280 §4.1.2.2).
fn random_serial() -> Option<SerialNumber> {
    let mut bytes = [0; 16];
    provider().secure_random.fill(&mut bytes).ok()?;
    bytes[0] = bytes[0] & 0x3f | 0x40;
    Some(SerialNumber::from_slice(&bytes))
}
