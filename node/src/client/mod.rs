//! Asking: from a typed request to an answer, over whichever session leads to the peer. Knows
//! sessions and records; knows no handler.

mod asking;
mod attempt;
mod error;
mod leg;
mod outbound;
mod peer;
mod retry;
mod standing;
mod subscription;

pub use error::RequestError;
pub(crate) use outbound::{Ourselves, Outbound, OwnEvents, Watched};
pub(crate) use peer::Origin;
pub use peer::Peer;
pub use subscription::{Subscription, SubscriptionState};
