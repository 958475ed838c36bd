//! What a dialer found out about whoever answered, in words for a person.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use bothways_protocol::{NetworkName, NodeName};
use thiserror::Error;

use crate::certificate::PeerIdentity;
use crate::moment::Moment;

/// What the dialer's side decided about the certificate of whoever answered.
///
/// `Display` is a sentence that says what to do next.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Verdict {
    /// No certificate came: nobody answered, or the handshake failed before it.
    #[error("no certificate came: check the address, and that a bothways node listens there")]
    NotSeen,
    /// The peer is who it should be. Where the connection fails all the same, the peer refused
    /// us, or it was cut.
    #[error("it is {} of {}, as expected", .0.name, .0.network)]
    Accepted(PeerIdentity),
    /// A node of the right network answered, but not the one that was dialed.
    #[error(
        "{found} answered where {expected} was expected: \
         correct the name or the address in the configuration"
    )]
    WrongName {
        /// The node that was dialed.
        expected: NodeName,
        /// The node that answered.
        found: NodeName,
    },
    /// Our own authority issued the certificate for another network.
    #[error(
        "its certificate is for the network {found}, not {expected}: \
         issue it again with `bothways cert issue`"
    )]
    WrongNetwork {
        /// The network that is trusted.
        expected: NetworkName,
        /// The network in the certificate.
        found: NetworkName,
    },
    /// Another authority than the trusted one issued the certificate.
    #[error(
        "its certificate was not issued by the authority of {network} that is trusted here: \
         check the address, and that both nodes have the same authority.pem"
    )]
    WrongAuthority {
        /// The network of the trusted authority.
        network: NetworkName,
    },
    /// The certificate no longer holds.
    #[error(
        "its certificate expired at {}: issue it a new one with `bothways cert issue`, \
         or correct this machine's clock",
        Moment(*.not_after)
    )]
    Expired {
        /// The last second in which it held.
        not_after: SystemTime,
    },
    /// The certificate does not hold yet.
    #[error(
        "its certificate holds only from {} on: correct the clock of this machine, \
         or of the one that issued it",
        Moment(*.not_before)
    )]
    NotYetValid {
        /// The first second in which it holds.
        not_before: SystemTime,
    },
    /// The certificate may not be used by a node that is dialed.
    #[error("its certificate is not for TLS servers: issue it with `bothways cert issue`")]
    WrongUsage,
    /// The peer showed a certificate whose key it does not have.
    #[error("it could not prove that it holds the key of its certificate: do not trust it")]
    KeyNotProven,
    /// The certificate does not say plainly which node holds it.
    #[error("its certificate is of no use here: {0}")]
    Unreadable(String),
    /// The certificate was refused for another reason.
    #[error("its certificate was refused: {0}")]
    Refused(String),
}

/// Where one dial's [`Verdict`] is to be read, during the handshake or after it. Clones show the
/// same verdict.
#[derive(Debug, Clone)]
pub struct Judgement(Arc<Mutex<Verdict>>);

impl Judgement {
    /// A judgement of a peer that has not shown a certificate yet.
    pub(crate) fn open() -> Self {
        Self(Arc::new(Mutex::new(Verdict::NotSeen)))
    }

    /// What has been decided so far.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn decide(&self, verdict: Verdict) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = verdict;
    }
}
