//! Asking: from a typed request to an answer, over whichever session leads to the peer.

mod attempt;
mod error;
mod peer;

pub use error::RequestError;
pub(crate) use peer::Origin;
pub use peer::Peer;
