//! The trust between bothways nodes: an authority, the identities it issues, and the TLS settings
//! that follow from them.
//!
//! All nodes under one [`Authority`] are a network. Each node proves its name with an [`Identity`]
//! and judges its peers against a [`Trust`]. This crate reads and writes files, and opens no socket.
//!
//! ```
//! use bothways_certs::{Authority, DEFAULT_AUTHORITY_LIFE, DEFAULT_IDENTITY_LIFE, Identity, Trust};
//! use bothways_certs::{dialer_tls, listener_tls};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let folder = tempfile::tempdir()?;
//! let certs = folder.path().join("certs");
//!
//! // Once for the network, on the machine that keeps the authority's key.
//! let authority = Authority::create(&"demo".parse()?, DEFAULT_AUTHORITY_LIFE)?;
//! authority.save(&certs)?;
//! authority.issue(&"hub".parse()?, DEFAULT_IDENTITY_LIFE)?.save(&certs)?;
//!
//! // On the node itself.
//! let hub = Identity::load(&certs.join("hub.pem"), &certs.join("hub.key"))?;
//! let trust = Trust::load(&certs.join("authority.pem"))?;
//! let listener = listener_tls(&hub, &trust, &[b"bothways/1"])?;
//! let (dialer, judgement) = dialer_tls(&hub, &trust, &[b"bothways/1"], &"store".parse()?)?;
//! # let _ = (listener, dialer, judgement);
//! # Ok(())
//! # }
//! ```

mod authority;
mod certificate;
mod files;
mod fingerprint;
mod identity;
mod moment;
mod tls;
mod trust;

pub use authority::{
    Authority, CLOCK_SKEW, CreateError, DEFAULT_AUTHORITY_LIFE, DEFAULT_IDENTITY_LIFE, IssueError,
};
pub use certificate::{CertificateError, CertificateFacts, PeerIdentity, Subject};
pub use files::{LoadError, SaveError, check_key_file, load_certificates};
pub use fingerprint::{Fingerprint, FingerprintError};
pub use identity::{Identity, IdentityError};
pub use moment::Moment;
pub use tls::{DialerTls, Judgement, TlsError, Verdict, dialer_tls, explain_alert, listener_tls};
pub use trust::{Trust, TrustError};
