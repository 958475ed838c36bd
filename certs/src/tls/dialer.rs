//! The side that dials: it says which node should answer.

use std::sync::Arc;

use bothways_protocol::{NetworkName, NodeName};
use rustls::ClientConfig;
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::sign::SingleCertAndKey;
use rustls::version::TLS13;

use super::judge::Judge;
use super::verdict::Judgement;
use super::{TlsError, check_own, protocols, provider, server_verifier};
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
    Ok(DialerTls::new(identity, trust, alpn)?.to(expected))
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
        check_own(identity, trust)?;
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
    #[must_use]
    pub fn to(&self, expected: &NodeName) -> (ClientConfig, Judgement) {
        let (webpki, network) = (self.webpki.clone(), self.network.clone());
        let (judge, judgement) = Judge::of(webpki, network, expected.clone());
        let mut config = self.base.clone();
        config.dangerous().set_certificate_verifier(Arc::new(judge));
        (config, judgement)
    }
}
