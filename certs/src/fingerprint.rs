//! The fingerprint of a key: what stays the same when a certificate is renewed for the same key.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};
use thiserror::Error;

/// The SHA-256 of a public key, over its SubjectPublicKeyInfo (RFC 5280 §4.1.2.7).
///
/// Shown as 64 hex digits, and parsed from them; colons between the bytes are accepted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint([u8; 32]);

/// A text that is no fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{text:?} is no fingerprint: give its 64 hex digits, with or without colons")]
pub struct FingerprintError {
    /// The text as it was given.
    pub text: String,
}

impl Fingerprint {
    /// The fingerprint of a key, from the DER of its SubjectPublicKeyInfo.
    #[must_use]
    pub fn of(subject_public_key_info: &[u8]) -> Self {
        Self(Sha256::digest(subject_public_key_info).into())
    }

    /// The 32 bytes of the hash.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first 16 hex digits, for lines that people read; never to compare by.
    #[must_use]
    pub fn short(&self) -> String {
        hex::encode(&self.0[..8])
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&hex::encode(self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Self, FingerprintError> {
        let mut bytes = [0; 32];
        match hex::decode_to_slice(text.replace(':', ""), &mut bytes) {
            Ok(()) => Ok(Self(bytes)),
            Err(_) => Err(FingerprintError { text: text.to_owned() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_back_as_it_was_shown() {
        let fingerprint = Fingerprint::of(b"a key");
        let shown = fingerprint.to_string();
        assert_eq!(shown.parse::<Fingerprint>().unwrap(), fingerprint);
        let pairs: Vec<String> =
            fingerprint.as_bytes().iter().map(|b| format!("{b:02X}")).collect();
        assert_eq!(pairs.join(":").parse::<Fingerprint>().unwrap(), fingerprint);
        assert!(shown.starts_with(&fingerprint.short()));
    }

    #[test]
    fn what_has_not_64_hex_digits_is_no_fingerprint() {
        for bad in ["", "ab", &"g".repeat(64), &"a".repeat(63), &"a".repeat(66)] {
            assert!(bad.parse::<Fingerprint>().is_err(), "{bad:?}");
        }
    }
}
