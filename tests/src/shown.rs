//! TLS settings and certificates of the wrong kind.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bothways::certs::Identity;
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, Issuer, KeyPair, SanType};
use rustls::client::ResolvesClientCert;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, SignatureScheme};

use crate::Network;

const DAY: Duration = Duration::from_secs(86_400);

/// An identity whose certificate ended yesterday.
pub fn expired(network: &Network, name: &str) -> Identity {
    let now = SystemTime::now();
    network.authority.issue_between(&name.parse().unwrap(), now - 2 * DAY, now - DAY).unwrap()
}

/// Chain and key of an identity, as rustls shows them.
pub fn certified(identity: &Identity) -> Arc<CertifiedKey> {
    let provider = aws_lc_rs::default_provider();
    let (chain, key) = (identity.chain().to_vec(), identity.key().clone_key());
    Arc::new(CertifiedKey::from_der(chain, key, &provider).unwrap())
}

/// A certificate that the right authority signed, for a node of another network.
pub fn for_network(network: &Network, other: &str, name: &str) -> Arc<CertifiedKey> {
    let folder = tempfile::tempdir().unwrap();
    let certs = folder.path().join("certs");
    network.authority.save(&certs).unwrap();
    let key = std::fs::read_to_string(certs.join("authority.key")).unwrap();
    let key = KeyPair::from_pem(&key).unwrap();
    let issuer = Issuer::from_ca_cert_der(network.authority.certificate(), key).unwrap();
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![
        SanType::DnsName(name.try_into().unwrap()),
        SanType::URI(format!("bothways://{other}/{name}").try_into().unwrap()),
    ];
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let provider = aws_lc_rs::default_provider();
    Arc::new(CertifiedKey::from_der(vec![certificate.der().clone()], key, &provider).unwrap())
}

/// A dialer's settings, with another certificate than its own.
pub fn showing(mut tls: ClientConfig, shown: Arc<CertifiedKey>) -> ClientConfig {
    tls.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(shown));
    tls
}

/// A dialer's settings, with no certificate.
pub fn showing_nothing(mut tls: ClientConfig) -> ClientConfig {
    tls.client_auth_cert_resolver = Arc::new(Nothing);
    tls
}

#[derive(Debug)]
struct Nothing;

impl ResolvesClientCert for Nothing {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}
