//! The side that is dialed: it asks for a certificate and takes none but its network's.

use std::sync::Arc;

use bothways_protocol::NetworkName;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::SingleCertAndKey;
use rustls::version::TLS13;
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, ServerConfig,
    SignatureScheme,
};
use rustls_pki_types::{CertificateDer, UnixTime};

use super::{TlsError, check_own, name_the_cause, protocols, provider};
use crate::certificate::PeerIdentity;
use crate::identity::Identity;
use crate::tls::verdict::Verdict;
use crate::trust::Trust;

/// Makes the settings of a listener, which proves that it is `identity` and demands that each
/// dialer proves to be a node of the trusted authority's network.
///
/// `alpn` lists the application protocols to offer, the preferred one first. The dialer's name is
/// in the certificate that the connection then carries: [`PeerIdentity::of`].
///
/// # Errors
/// Where `alpn` is empty, and where the trusted authority did not issue `identity`.
pub fn listener_tls(
    identity: &Identity,
    trust: &Trust,
    alpn: &[&[u8]],
) -> Result<ServerConfig, TlsError> {
    let alpn_protocols = protocols(alpn)?;
    check_own(identity, trust)?;
    let webpki =
        WebPkiClientVerifier::builder_with_provider(trust.roots().clone(), provider().clone())
            .build()
            .map_err(|source| TlsError::Verifier { network: trust.network().clone(), source })?;
    let doorkeeper = Doorkeeper { webpki, network: trust.network().clone() };
    let mut config = ServerConfig::builder_with_provider(provider().clone())
        .with_protocol_versions(&[&TLS13])
        .map_err(TlsError::Versions)?
        .with_client_cert_verifier(Arc::new(doorkeeper))
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(identity.certified().clone())));
    config.alpn_protocols = alpn_protocols;
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.max_early_data_size = 0;
    Ok(config)
}

/// Refuses what webpki refuses, and then whoever is not plainly a node of the network.
#[derive(Debug)]
struct Doorkeeper {
    webpki: Arc<dyn ClientCertVerifier>,
    network: NetworkName,
}

impl Doorkeeper {
    fn check_identity(&self, certificate: &CertificateDer<'_>) -> Result<(), Verdict> {
        let peer = PeerIdentity::of(certificate)
            .map_err(|error| Verdict::Unreadable(error.to_string()))?;
        if peer.network == self.network {
            Ok(())
        } else {
            Err(Verdict::WrongNetwork { expected: self.network.clone(), found: peer.network })
        }
    }
}

impl ClientCertVerifier for Doorkeeper {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.webpki.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self
            .webpki
            .verify_client_cert(end_entity, intermediates, now)
            .map_err(name_the_cause)?;
        match self.check_identity(end_entity) {
            Ok(()) => Ok(verified),
            Err(verdict) => Err(CertificateError::Other(OtherError(Arc::new(verdict))).into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.webpki.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.webpki.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.webpki.supported_verify_schemes()
    }
}
