//! The TLS settings of both sides: TLS 1.3 only, certificates on both sides, nothing resumed.
//!
//! A resumed session would let a peer back in without its certificate being judged again, so
//! there are no tickets, no stored sessions and no early data. The crypto provider is handed to
//! rustls explicitly; no process-wide default is read or set.

mod alert;
mod dialer;
mod judge;
mod listener;
mod verdict;

use std::sync::{Arc, LazyLock};

use bothways_protocol::{NetworkName, NodeName};
use rustls::CertificateError::{BadSignature, UnknownIssuer};
use rustls::Error;
use rustls::client::WebPkiServerVerifier;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::VerifierBuilderError;
use rustls_pki_types::ServerName;
use thiserror::Error;

use crate::identity::Identity;
use crate::trust::Trust;

pub use alert::explain_alert;
pub use dialer::{DialerTls, dialer_tls};
pub use listener::listener_tls;
pub use verdict::{Judgement, Verdict};

/// TLS settings that cannot be made from an identity and a trust.
#[derive(Debug, Error)]
pub enum TlsError {
    /// No application protocol was named.
    #[error("name at least one application protocol (ALPN)")]
    NoProtocol,
    /// The identity was issued by another authority than the trusted one: every peer that trusts
    /// the same authority would refuse it.
    #[error(
        "the identity {name} (network {network}) was not issued by the authority of {trusted} \
         that is trusted here: issue it again with `bothways cert issue {name}`, \
         or trust the authority that issued it"
    )]
    ForeignIdentity {
        /// The identity's name.
        name: NodeName,
        /// The identity's network.
        network: NetworkName,
        /// The network of the trusted authority.
        trusted: NetworkName,
    },
    /// The identity was issued by the trusted authority, but peers would refuse it.
    #[error("every peer would refuse the identity {name}: {verdict}")]
    UnusableIdentity {
        /// The identity's name.
        name: NodeName,
        /// What they would say.
        verdict: Verdict,
    },
    /// The verifier of certificates could not be made.
    #[error("certificates cannot be verified against the authority of {network}: {source}")]
    Verifier {
        /// The network of the trusted authority.
        network: NetworkName,
        /// Why not.
        source: VerifierBuilderError,
    },
    /// The crypto provider has no TLS 1.3.
    #[error("TLS 1.3 cannot be set up: {0}")]
    Versions(Error),
}

static PROVIDER: LazyLock<Arc<CryptoProvider>> =
    LazyLock::new(|| Arc::new(aws_lc_rs::default_provider()));

/// The one crypto provider of all settings.
pub(crate) fn provider() -> &'static Arc<CryptoProvider> {
    &PROVIDER
}

/// A node's name as TLS asks for it.
pub(crate) fn server_name(name: &NodeName) -> ServerName<'static> {
    let name = ServerName::try_from(name.as_str().to_owned());
    name.expect("a node's name is a DNS label that begins with a letter, so no address either")
}

fn protocols(alpn: &[&[u8]]) -> Result<Vec<Vec<u8>>, TlsError> {
    match alpn {
        [] => Err(TlsError::NoProtocol),
        alpn => Ok(alpn.iter().map(|protocol| protocol.to_vec()).collect()),
    }
}

fn server_verifier(trust: &Trust) -> Result<Arc<WebPkiServerVerifier>, TlsError> {
    WebPkiServerVerifier::builder_with_provider(trust.roots().clone(), provider().clone())
        .build()
        .map_err(|source| TlsError::Verifier { network: trust.network().clone(), source })
}

/// A signature in a chain that the trusted authority's key does not fit comes from another
/// authority of the same name: the peer is told the alert unknown_ca, as for any other.
fn name_the_cause(refusal: Error) -> Error {
    match refusal {
        Error::InvalidCertificate(BadSignature) => UnknownIssuer.into(),
        refusal => refusal,
    }
}

/// Checks that the trusted authority issued our own identity, at whatever time: found out here,
/// it is one clear error; found out later, it is an alert from every peer.
fn check_own(identity: &Identity, trust: &Trust) -> Result<(), TlsError> {
    let name = identity.name().clone();
    match trust.judge(identity.chain(), identity.not_before())? {
        Verdict::Accepted(_) => Ok(()),
        Verdict::WrongAuthority { .. } | Verdict::WrongNetwork { .. } => {
            let (network, trusted) = (identity.network().clone(), trust.network().clone());
            Err(TlsError::ForeignIdentity { name, network, trusted })
        }
        verdict => Err(TlsError::UnusableIdentity { name, verdict }),
    }
}
