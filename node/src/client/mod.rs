//! Asking: from a typed request to an answer, over whichever session leads to the peer. Knows
//! sessions and records; knows no handler.

mod ask;
mod asking;
mod attempt;
mod error;
mod leg;
mod outbound;
mod peer;
mod retry;
mod standing;
mod subscription;

pub(crate) use ask::Origin;
pub use error::RequestError;
pub(crate) use outbound::{Ourselves, Outbound, OwnEvents, Watched};
pub use peer::Peer;
pub use subscription::{Subscription, SubscriptionState};
