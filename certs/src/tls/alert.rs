//! TLS alerts in words: what a peer meant when it refused us.

/// Explains the TLS alert (RFC 8446 §6) with which a peer refused us, and what to do next.
///
/// In QUIC it is the low byte of a CRYPTO_ERROR, `0x0100 + alert` (RFC 9001 §4.8).
#[must_use]
pub fn explain_alert(alert: u8) -> &'static str {
    match alert {
        40 => {
            "the peer found no TLS settings in common with ours: \
             check that a bothways node of a fitting version listens there"
        }
        42 => {
            "the peer could not make sense of our certificate: \
             look at it with `bothways cert inspect`, and issue it again"
        }
        43 => {
            "the peer refused our certificate for its usage: \
             issue it with `bothways cert issue`, for clients and servers"
        }
        44 => "our certificate was revoked: issue a new one with `bothways cert issue`",
        45 => {
            "the peer finds our certificate expired, or not valid yet: \
             issue a new one with `bothways cert issue`, or correct the clocks"
        }
        46 => {
            "the peer refused our certificate for a reason of its own: \
             check that it is for the peer's network, and read the peer's log"
        }
        48 => {
            "the peer does not trust the authority that issued our certificate: \
             check that both nodes have the same authority.pem"
        }
        49 => "the peer knows our certificate and refuses this node: read the peer's log",
        50 | 51 => {
            "the peer could not verify the signature of our handshake: \
             check that our key and certificate were issued together"
        }
        70 => "the peer does not speak TLS 1.3: check that a bothways node listens there",
        71 => "the peer finds our TLS settings too weak: bring both nodes to the same version",
        80 => "the peer failed inside its TLS: read the peer's log",
        112 => "the peer does not go by the name that we dialed: correct the name or the address",
        116 => {
            "the peer demands a certificate and got none: \
             give this node an identity with `bothways cert issue`"
        }
        120 => {
            "the peer speaks none of our application protocols: \
             check the address, and that both nodes are of fitting versions"
        }
        _ => "the peer broke off the TLS handshake: read the peer's log",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use rustls::AlertDescription;

    use super::*;

    #[test]
    fn each_refusal_of_a_certificate_has_words_of_its_own() {
        let refusals = [
            AlertDescription::BadCertificate,
            AlertDescription::UnsupportedCertificate,
            AlertDescription::CertificateRevoked,
            AlertDescription::CertificateExpired,
            AlertDescription::CertificateUnknown,
            AlertDescription::UnknownCA,
            AlertDescription::DecryptError,
            AlertDescription::CertificateRequired,
            AlertDescription::NoApplicationProtocol,
            AlertDescription::UserCanceled,
        ];
        let explained: HashSet<&str> =
            refusals.iter().map(|&alert| explain_alert(u8::from(alert))).collect();
        assert_eq!(explained.len(), refusals.len());
        assert!(explain_alert(48).contains("authority.pem"));
        assert!(explain_alert(116).contains("demands a certificate"));
    }
}
