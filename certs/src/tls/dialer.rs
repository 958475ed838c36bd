//! The side that dials: it checks which node answered, and remembers what it found.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use bothways_protocol::{NetworkName, NodeName};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::sign::SingleCertAndKey;
use rustls::version::TLS13;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, OtherError,
    SignatureScheme,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::verdict::{Judgement, Verdict};
use super::{TlsError, check_own, protocols, provider, server_name, server_verifier};
use crate::certificate::PeerIdentity;
use crate::identity::Identity;
use crate::trust::Trust;

/// What all dials of one node share: made once, it gives each dial its settings by cloning a few
/// reference counts.
#[derive(Debug, Clone)]
pub struct DialerTls {
    /// Complete but for the expected name: it verifies with webpki alone.
    base: ClientConfig,
    webpki: Arc<WebPkiServerVerifier>,
    network: NetworkName,
}

/// Makes the settings of one dial: see [`DialerTls`], which is cheaper for several.
///
/// # Errors
/// As [`DialerTls::new`] and [`DialerTls::to`].
pub fn dialer_tls(
    identity: &Identity,
    trust: &Trust,
    alpn: &[&[u8]],
    expected: &NodeName,
) -> Result<(ClientConfig, Judgement), TlsError> {
    DialerTls::new(identity, trust, alpn)?.to(expected)
}

impl DialerTls {
    /// Prepares dials as `identity` to nodes of the trusted authority's network.
    ///
    /// `alpn` lists the application protocols to offer, the preferred one first.
    ///
    /// # Errors
    /// Where `alpn` is empty, and where the trusted authority did not issue `identity`.
    pub fn new(identity: &Identity, trust: &Trust, alpn: &[&[u8]]) -> Result<Self, TlsError> {
        let alpn_protocols = protocols(alpn)?;
        let webpki = server_verifier(trust)?;
        check_own(identity, trust, &webpki)?;
        let mut base = ClientConfig::builder_with_provider(provider().clone())
            .with_protocol_versions(&[&TLS13])
            .map_err(TlsError::Versions)?
            .dangerous()
            .with_custom_certificate_verifier(webpki.clone())
            .with_client_cert_resolver(Arc::new(SingleCertAndKey::from(
                identity.certified().clone(),
            )));
        base.alpn_protocols = alpn_protocols;
        base.resumption = Resumption::disabled();
        base.enable_early_data = false;
        Ok(Self { base, webpki, network: trust.network().clone() })
    }

    /// Makes the settings of one dial to `expected`, and the judgement that tells afterwards who
    /// answered. Two dials at once need settings of their own, so that each has its verdict.
    ///
    /// # Errors
    /// Where `expected` looks like a number, which no certificate can name.
    pub fn to(&self, expected: &NodeName) -> Result<(ClientConfig, Judgement), TlsError> {
        let server_name = server_name(expected)
            .ok_or_else(|| TlsError::NumericName { name: expected.clone() })?;
        let judgement = Judgement::open();
        let judge = Judge {
            webpki: self.webpki.clone(),
            expected: expected.clone(),
            server_name,
            network: self.network.clone(),
            judgement: judgement.clone(),
        };
        let mut config = self.base.clone();
        config.dangerous().set_certificate_verifier(Arc::new(judge));
        Ok((config, judgement))
    }
}

/// Refuses what webpki refuses, and then whoever is not plainly the expected node.
#[derive(Debug)]
struct Judge {
    webpki: Arc<WebPkiServerVerifier>,
    expected: NodeName,
    /// The expected name as webpki compares it, whatever name the connection was opened with.
    server_name: ServerName<'static>,
    network: NetworkName,
    judgement: Judgement,
}

impl Judge {
    /// Decides about a certificate that webpki accepted for the expected DNS name.
    fn identify(&self, certificate: &CertificateDer<'_>) -> Verdict {
        match PeerIdentity::of(certificate) {
            Err(error) => Verdict::Unreadable(error.to_string()),
            Ok(peer) if peer.network != self.network => {
                Verdict::WrongNetwork { expected: self.network.clone(), found: peer.network }
            }
            Ok(peer) if peer.name != self.expected => {
                Verdict::WrongName { expected: self.expected.clone(), found: peer.name }
            }
            Ok(peer) => Verdict::Accepted(peer),
        }
    }

    /// Puts into words why webpki refused. What an untrusted certificate says is not repeated.
    fn explain(&self, refusal: &Error, certificate: &CertificateDer<'_>) -> Verdict {
        let Error::InvalidCertificate(reason) = refusal else {
            return Verdict::Refused(refusal.to_string());
        };
        match reason {
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                Verdict::WrongAuthority { network: self.network.clone() }
            }
            CertificateError::ExpiredContext { not_after, .. } => {
                Verdict::Expired { not_after: UNIX_EPOCH + since_1970(*not_after) }
            }
            CertificateError::NotValidYetContext { not_before, .. } => {
                Verdict::NotYetValid { not_before: UNIX_EPOCH + since_1970(*not_before) }
            }
            // webpki compares names last: it is an authentic certificate.
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                match self.identify(certificate) {
                    Verdict::Accepted(_) => Verdict::Refused(reason.to_string()),
                    verdict => verdict,
                }
            }
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
                Verdict::WrongUsage
            }
            CertificateError::BadEncoding => {
                Verdict::Unreadable("it is no X.509 certificate".to_owned())
            }
            other => Verdict::Refused(other.to_string()),
        }
    }
}

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self
            .webpki
            .verify_server_cert(end_entity, intermediates, &self.server_name, ocsp_response, now)
            .inspect_err(|refusal| self.judgement.decide(self.explain(refusal, end_entity)))?;
        let verdict = self.identify(end_entity);
        self.judgement.decide(verdict.clone());
        match verdict {
            Verdict::Accepted(_) => Ok(verified),
            refusal => Err(CertificateError::Other(OtherError(Arc::new(refusal))).into()),
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
        self.webpki
            .verify_tls13_signature(message, cert, dss)
            .inspect_err(|_| self.judgement.decide(Verdict::KeyNotProven))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.webpki.supported_verify_schemes()
    }

    fn root_hint_subjects(&self) -> Option<&[DistinguishedName]> {
        self.webpki.root_hint_subjects()
    }
}

fn since_1970(time: UnixTime) -> Duration {
    Duration::from_secs(time.as_secs())
}
