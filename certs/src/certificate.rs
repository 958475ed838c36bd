//! What a certificate says, read strictly: a certificate that says two things says nothing.

use std::time::SystemTime;

use bothways_protocol::{NameError, NetworkName, NodeName};
use rustls_pki_types::CertificateDer;
use thiserror::Error;
use x509_parser::certificate::X509Certificate;
use x509_parser::error::X509Error;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

use crate::fingerprint::Fingerprint;
use crate::moment::from_unix_seconds;

const SCHEME: &str = "bothways";

/// Who a peer is, according to its certificate.
///
/// Reading a certificate proves nothing: trust in it comes from the TLS settings of this crate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerIdentity {
    /// The peer's name in its network.
    pub name: NodeName,
    /// The network whose authority issued the certificate.
    pub network: NetworkName,
    /// The fingerprint of the peer's key.
    pub fingerprint: Fingerprint,
    /// The last second in which the certificate holds.
    pub not_after: SystemTime,
}

/// Everything that a bothways certificate says about its holder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFacts {
    /// Who holds it.
    pub subject: Subject,
    /// The network that it belongs to.
    pub network: NetworkName,
    /// The fingerprint of its key.
    pub fingerprint: Fingerprint,
    /// The number that its authority gave it, in hex.
    pub serial: String,
    /// The first second in which it holds.
    pub not_before: SystemTime,
    /// The last second in which it holds.
    pub not_after: SystemTime,
    /// What its key may be used for, in words.
    pub usages: Vec<&'static str>,
}

/// The holder of a bothways certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// The authority of the network, `bothways://<network>`.
    Authority,
    /// A node of the network, `bothways://<network>/<name>`.
    Node(NodeName),
}

/// A certificate that names no bothways node or authority, or names one ambiguously.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CertificateError {
    /// The bytes are no X.509 certificate.
    #[error("it is no X.509 certificate: {reason}")]
    NotX509 {
        /// What the parser found.
        reason: String,
    },
    /// The certificate has not exactly one URI of the scheme `bothways`.
    #[error(
        "it has {count} bothways URIs and needs exactly one: \
         issue it with `bothways cert issue`"
    )]
    Uris {
        /// How many there are.
        count: usize,
    },
    /// Its URI is not of the form `bothways://<network>/<name>`.
    #[error("its URI {uri:?} is not of the form bothways://<network>/<name>")]
    Uri {
        /// The URI as it was found.
        uri: String,
    },
    /// A name in its URI breaks the rules of names.
    #[error("its URI holds a wrong name: {0}")]
    Name(#[from] NameError),
    /// Its DNS names are not exactly the node's name.
    #[error("its DNS names are {found:?} and must be exactly the node's name, {expected}")]
    DnsNames {
        /// The name in the URI.
        expected: NodeName,
        /// The DNS names as they were found.
        found: Vec<String>,
    },
    /// Its URI and its right to sign other certificates contradict each other.
    #[error(
        "it contradicts itself: an authority has the URI bothways://<network> and may sign, \
         a node has bothways://<network>/<name> and may not"
    )]
    Contradiction,
    /// It is an authority's, where a node's is needed.
    #[error("it is the certificate of the authority of {network}, not of a node")]
    OfAnAuthority {
        /// The authority's network.
        network: NetworkName,
    },
    /// It is a node's, where an authority's is needed.
    #[error("it is the certificate of the node {name}, not of an authority")]
    OfANode {
        /// The node's name.
        name: NodeName,
    },
}

impl PeerIdentity {
    /// Reads who a peer is from the certificate that it presented.
    ///
    /// # Errors
    /// Where the certificate is not a node's: see [`CertificateError`].
    pub fn of(certificate: &CertificateDer<'_>) -> Result<Self, CertificateError> {
        CertificateFacts::of(certificate)?.into_peer()
    }
}

impl CertificateFacts {
    /// Reads everything from a certificate, of a node or of an authority.
    ///
    /// # Errors
    /// Where the certificate is neither, or ambiguous: see [`CertificateError`].
    pub fn of(certificate: &CertificateDer<'_>) -> Result<Self, CertificateError> {
        let certificate = parse(certificate)?;
        let (uris, dns_names) = alternative_names(&certificate)?;
        let [uri] = uris[..] else {
            return Err(CertificateError::Uris { count: uris.len() });
        };
        let (network, name) = parse_uri(uri)?;
        let may_sign = certificate.basic_constraints()?.is_some_and(|found| found.value.ca);
        let subject = match (name, may_sign) {
            (Some(name), false) => Subject::Node(check_dns_names(name, &dns_names)?),
            (None, true) => Subject::Authority,
            (Some(_), true) | (None, false) => return Err(CertificateError::Contradiction),
        };
        Ok(Self {
            subject,
            network,
            fingerprint: Fingerprint::of(certificate.public_key().raw),
            serial: hex::encode(certificate.raw_serial()),
            not_before: from_unix_seconds(certificate.validity().not_before.timestamp()),
            not_after: from_unix_seconds(certificate.validity().not_after.timestamp()),
            usages: usages(&certificate)?,
        })
    }

    /// The peer that holds the certificate.
    ///
    /// # Errors
    /// Where an authority holds it.
    pub fn into_peer(self) -> Result<PeerIdentity, CertificateError> {
        let Self { subject, network, fingerprint, not_after, .. } = self;
        match subject {
            Subject::Node(name) => Ok(PeerIdentity { name, network, fingerprint, not_after }),
            Subject::Authority => Err(CertificateError::OfAnAuthority { network }),
        }
    }
}

impl From<X509Error> for CertificateError {
    fn from(error: X509Error) -> Self {
        Self::NotX509 { reason: error.to_string() }
    }
}

/// The URI that names an authority.
pub(crate) fn authority_uri(network: &NetworkName) -> String {
    format!("{SCHEME}://{network}")
}

/// The URI that names a node.
pub(crate) fn node_uri(network: &NetworkName, name: &NodeName) -> String {
    format!("{SCHEME}://{network}/{name}")
}

fn parse<'a>(der: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, CertificateError> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Ok(certificate),
        Ok((trailing, _)) => Err(CertificateError::NotX509 {
            reason: format!("{} bytes follow the certificate", trailing.len()),
        }),
        Err(error) => Err(CertificateError::NotX509 { reason: error.to_string() }),
    }
}

/// The bothways URIs and the DNS names of a certificate. A scheme is the same in either case
/// (RFC 3986 §3.1), so that a second name cannot hide behind capitals.
fn alternative_names<'a>(
    certificate: &'a X509Certificate<'_>,
) -> Result<(Vec<&'a str>, Vec<&'a str>), CertificateError> {
    let (mut uris, mut dns_names) = (Vec::new(), Vec::new());
    let names = certificate.subject_alternative_name()?;
    for name in names.iter().flat_map(|extension| &extension.value.general_names) {
        match name {
            GeneralName::URI(uri) if is_ours(uri) => uris.push(*uri),
            GeneralName::DNSName(name) => dns_names.push(*name),
            _ => {}
        }
    }
    Ok((uris, dns_names))
}

fn is_ours(uri: &str) -> bool {
    uri.split_once(':').is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case(SCHEME))
}

fn parse_uri(uri: &str) -> Result<(NetworkName, Option<NodeName>), CertificateError> {
    let path = uri
        .strip_prefix(SCHEME)
        .and_then(|rest| rest.strip_prefix("://"))
        .ok_or_else(|| CertificateError::Uri { uri: uri.to_owned() })?;
    match path.split_once('/') {
        Some((network, name)) => Ok((network.parse()?, Some(name.parse()?))),
        None => Ok((path.parse()?, None)),
    }
}

fn check_dns_names(name: NodeName, found: &[&str]) -> Result<NodeName, CertificateError> {
    if found == [name.as_str()] {
        Ok(name)
    } else {
        let found = found.iter().map(|&found| found.to_owned()).collect();
        Err(CertificateError::DnsNames { expected: name, found })
    }
}

fn usages(certificate: &X509Certificate<'_>) -> Result<Vec<&'static str>, CertificateError> {
    let mut usages = Vec::new();
    if let Some(key) = certificate.key_usage()?.map(|extension| extension.value) {
        let named = [
            (key.digital_signature(), "digital signature"),
            (key.key_cert_sign(), "signs certificates"),
            (key.crl_sign(), "signs revocation lists"),
        ];
        usages.extend(named.into_iter().filter(|(allowed, _)| *allowed).map(|(_, name)| name));
    }
    if let Some(extended) = certificate.extended_key_usage()?.map(|extension| extension.value) {
        let named = [(extended.server_auth, "TLS server"), (extended.client_auth, "TLS client")];
        usages.extend(named.into_iter().filter(|(allowed, _)| *allowed).map(|(_, name)| name));
    }
    Ok(usages)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_form_of_a_uri_names_a_node() {
        let (network, name) = parse_uri("bothways://demo/hub").unwrap();
        assert_eq!((network.as_str(), name.unwrap().as_str()), ("demo", "hub"));
        assert_eq!(parse_uri("bothways://demo").unwrap().1, None);
        for bad in [
            "BOTHWAYS://demo/hub",
            "bothways:demo/hub",
            "bothways:///hub",
            "bothways://demo/",
            "bothways://demo/hub/",
            "bothways://demo/hub?x",
            "bothways://demo/hub#x",
            "bothways://user@demo/hub",
            "bothways://demo:1/hub",
            "bothways://Demo/hub",
            "bothways://demo/%68ub",
            "bothways://demo/hub\n",
            "spiffe://demo/hub",
            "",
        ] {
            assert!(parse_uri(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_scheme_in_capitals_is_still_ours_and_counts() {
        assert!(is_ours("BothWays://demo/hub"));
        assert!(!is_ours("bothways2://demo/hub"));
        assert!(!is_ours("bothways"));
    }

    #[test]
    fn the_dns_names_are_exactly_the_node_name() {
        let name = || "hub".parse::<NodeName>().unwrap();
        assert!(check_dns_names(name(), &["hub"]).is_ok());
        for bad in [&[][..], &["store"], &["hub", "store"], &["hub", "hub"], &["HUB"]] {
            assert!(check_dns_names(name(), bad).is_err(), "{bad:?}");
        }
    }
}
