//! The judge of a certificate: webpki first, then which node it names. It remembers what it found.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bothways_protocol::{NetworkName, NodeName};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::verdict::{Judgement, Verdict};
use super::{TlsError, name_the_cause, server_name, server_verifier};
use crate::certificate::PeerIdentity;
use crate::trust::Trust;

impl Trust {
    /// Judges a node's certificate chain, its own certificate first, as a dialer of that node
    /// would at that time; but whether the node holds the key stays open.
    ///
    /// # Errors
    /// Where no verifier can be made of this trust.
    pub fn judge(&self, chain: &[CertificateDer<'_>], at: SystemTime) -> Result<Verdict, TlsError> {
        let Some((end, rest)) = chain.split_first() else {
            return Ok(Verdict::NotSeen);
        };
        let name = match PeerIdentity::of(end) {
            Ok(peer) => peer.name,
            Err(error) => return Ok(Verdict::Unreadable(error.to_string())),
        };
        let webpki = server_verifier(self)?;
        let (judge, _) = Judge::of(webpki, self.network().clone(), name);
        let at = at.duration_since(UNIX_EPOCH).unwrap_or_default();
        let at = UnixTime::since_unix_epoch(at);
        Ok(judge.check(end, rest, &[], at).0)
    }
}

/// Refuses what webpki refuses, and then whoever is not plainly the expected node.
#[derive(Debug)]
pub(super) struct Judge {
    webpki: Arc<WebPkiServerVerifier>,
    expected: NodeName,
    /// The expected name as webpki compares it, whatever name the connection was opened with.
    server_name: ServerName<'static>,
    network: NetworkName,
    judgement: Judgement,
}

impl Judge {
    /// A judge that accepts `expected` alone.
    pub(super) fn of(
        webpki: Arc<WebPkiServerVerifier>,
        network: NetworkName,
        expected: NodeName,
    ) -> (Self, Judgement) {
        let judgement = Judgement::open();
        let server_name = server_name(&expected);
        let judge = Self { webpki, expected, server_name, network, judgement: judgement.clone() };
        (judge, judgement)
    }

    /// The verdict on a chain, and the same as rustls takes it: only what webpki accepts and the
    /// verdict accepts too is verified.
    fn check(
        &self,
        end: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        ocsp: &[u8],
        now: UnixTime,
    ) -> (Verdict, Result<ServerCertVerified, Error>) {
        match self.webpki.verify_server_cert(end, rest, &self.server_name, ocsp, now) {
            Err(refusal) => (self.explain(&refusal, end), Err(name_the_cause(refusal))),
            Ok(verified) => match self.identify(end) {
                verdict @ Verdict::Accepted(_) => (verdict, Ok(verified)),
                verdict => {
                    let reason = OtherError(Arc::new(verdict.clone()));
                    (verdict, Err(CertificateError::Other(reason).into()))
                }
            },
        }
    }

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
        let (verdict, verified) = self.check(end_entity, intermediates, ocsp_response, now);
        self.judgement.decide(verdict);
        verified
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
