//! Authorities, nodes and handshakes in memory, for the tests of this crate.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(dead_code, reason = "each test binary uses its own part of this")]

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bothways_certs::{Authority, DEFAULT_AUTHORITY_LIFE, DEFAULT_IDENTITY_LIFE, Identity};
use bothways_certs::{Judgement, dialer_tls, listener_tls};
use bothways_protocol::NodeName;
use rcgen::{CertificateParams, Issuer, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{AlertDescription, ClientConfig, ClientConnection, Error};
use rustls::{ServerConfig, ServerConnection};
use rustls_pki_types::PrivateKeyDer;

pub(crate) const ALPN: &[&[u8]] = &[b"bothways/1"];
pub(crate) const DAY: Duration = Duration::from_secs(86_400);

pub(crate) fn name(name: &str) -> NodeName {
    name.parse().unwrap()
}

pub(crate) fn authority(network: &str) -> Authority {
    Authority::create(&network.parse().unwrap(), DEFAULT_AUTHORITY_LIFE).unwrap()
}

pub(crate) fn node(authority: &Authority, name: &str) -> Identity {
    authority.issue(&name.parse().unwrap(), DEFAULT_IDENTITY_LIFE).unwrap()
}

pub(crate) fn expired(authority: &Authority, name: &str) -> Identity {
    let now = SystemTime::now();
    authority.issue_between(&name.parse().unwrap(), now - 2 * DAY, now - DAY).unwrap()
}

pub(crate) fn not_yet_valid(authority: &Authority, name: &str) -> Identity {
    let now = SystemTime::now();
    authority.issue_between(&name.parse().unwrap(), now + DAY, now + 2 * DAY).unwrap()
}

/// A certificate as the authority's owner can make it with other tools: the usual one of
/// `identity`'s name, changed by `change`.
pub(crate) fn forged(
    authority: &Authority,
    name: &str,
    change: impl FnOnce(&mut CertificateParams),
) -> Arc<CertifiedKey> {
    let folder = tempfile::tempdir().unwrap();
    let certs = folder.path().join("certs");
    authority.save(&certs).unwrap();
    let key_pem = std::fs::read_to_string(certs.join("authority.key")).unwrap();
    let authority_key = KeyPair::from_pem(&key_pem).unwrap();
    let issuer = Issuer::from_ca_cert_der(authority.certificate(), authority_key).unwrap();

    let network = authority.network();
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![dns(name), uri(&format!("bothways://{network}/{name}"))];
    params.extended_key_usages = vec![
        rcgen::ExtendedKeyUsagePurpose::ServerAuth,
        rcgen::ExtendedKeyUsagePurpose::ClientAuth,
    ];
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let provider = aws_lc_rs::default_provider();
    Arc::new(CertifiedKey::from_der(vec![certificate.der().clone()], key, &provider).unwrap())
}

pub(crate) fn dns(name: &str) -> rcgen::SanType {
    rcgen::SanType::DnsName(name.try_into().unwrap())
}

pub(crate) fn uri(uri: &str) -> rcgen::SanType {
    rcgen::SanType::URI(uri.try_into().unwrap())
}

pub(crate) fn certified(identity: &Identity) -> Arc<CertifiedKey> {
    let provider = aws_lc_rs::default_provider();
    let (chain, key) = (identity.chain().to_vec(), identity.key().clone_key());
    Arc::new(CertifiedKey::from_der(chain, key, &provider).unwrap())
}

pub(crate) fn listener(authority: &Authority, identity: &Identity) -> ServerConfig {
    listener_tls(identity, &authority.trust(), ALPN).unwrap()
}

pub(crate) fn dialer(
    authority: &Authority,
    identity: &Identity,
    expected: &str,
) -> (ClientConfig, Judgement) {
    dialer_tls(identity, &authority.trust(), ALPN, &name(expected)).unwrap()
}

/// A listener's settings, but with another certificate than its own.
pub(crate) fn listener_showing(mut config: ServerConfig, shown: Arc<CertifiedKey>) -> ServerConfig {
    config.cert_resolver = Arc::new(SingleCertAndKey::from(shown));
    config
}

/// A dialer's settings, but with another certificate than its own.
pub(crate) fn dialer_showing(mut config: ClientConfig, shown: Arc<CertifiedKey>) -> ClientConfig {
    config.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(shown));
    config
}

/// Both ends after a handshake that went as far as it could.
pub(crate) struct Handshake {
    pub(crate) client: ClientConnection,
    pub(crate) server: ServerConnection,
    pub(crate) client_error: Option<Error>,
    pub(crate) server_error: Option<Error>,
}

impl Handshake {
    pub(crate) fn succeeded(&self) -> bool {
        let errors = self.client_error.is_some() || self.server_error.is_some();
        !errors && !self.client.is_handshaking() && !self.server.is_handshaking()
    }

    /// The alert that the listener sent to refuse the dialer, as the dialer received it.
    pub(crate) fn alert_to_dialer(&self) -> Option<AlertDescription> {
        alert(self.client_error.as_ref())
    }

    /// The alert that the dialer sent to refuse the listener, as the listener received it.
    pub(crate) fn alert_to_listener(&self) -> Option<AlertDescription> {
        alert(self.server_error.as_ref())
    }
}

fn alert(error: Option<&Error>) -> Option<AlertDescription> {
    match error {
        Some(Error::AlertReceived(alert)) => Some(*alert),
        _ => None,
    }
}

/// Shakes hands in memory, dialing `hub`, until neither end has anything left to say.
pub(crate) fn shake_hands(client: ClientConfig, server: ServerConfig) -> Handshake {
    shake_hands_as("hub", &Arc::new(client), &Arc::new(server))
}

pub(crate) fn shake_hands_as(
    dialed: &str,
    client: &Arc<ClientConfig>,
    server: &Arc<ServerConfig>,
) -> Handshake {
    let dialed = dialed.to_owned().try_into().unwrap();
    let mut ends = Handshake {
        client: ClientConnection::new(client.clone(), dialed).unwrap(),
        server: ServerConnection::new(server.clone()).unwrap(),
        client_error: None,
        server_error: None,
    };
    ends.client.writer().write_all(b"hello").unwrap();
    loop {
        let (mut to_server, mut to_client) = (Vec::new(), Vec::new());
        while ends.client.wants_write() {
            ends.client.write_tls(&mut to_server).unwrap();
        }
        let mut unread = &to_server[..];
        while !unread.is_empty() && ends.server_error.is_none() {
            ends.server.read_tls(&mut unread).unwrap();
            ends.server_error = ends.server.process_new_packets().err();
        }
        while ends.server.wants_write() {
            ends.server.write_tls(&mut to_client).unwrap();
        }
        let mut unread = &to_client[..];
        while !unread.is_empty() && ends.client_error.is_none() {
            ends.client.read_tls(&mut unread).unwrap();
            ends.client_error = ends.client.process_new_packets().err();
        }
        if to_server.is_empty() && to_client.is_empty() {
            return ends;
        }
    }
}

/// What the listener read of the dialer's application data.
pub(crate) fn heard(handshake: &mut Handshake) -> Vec<u8> {
    let mut heard = [0; 16];
    match handshake.server.reader().read(&mut heard) {
        Ok(count) => heard[..count].to_vec(),
        Err(_) => Vec::new(),
    }
}
