//! QUIC: endpoints, and streams of messages. Knows the protocol's frames and the bounds; knows no
//! session, no method and no node.

mod assembly;
mod deaf;
mod endpoint;
mod gate;
mod outbox;
mod restart;
mod stream;

pub(crate) use assembly::{Assembly, AssemblyBudget};
pub use endpoint::EndpointError;
pub(crate) use endpoint::{Dialing, Listener, quic_settings, streams};
pub(crate) use gate::{Admission, Gate, GateBounds, Left};
pub(crate) use outbox::Outbox;
pub(crate) use restart::RestartKeys;
pub(crate) use stream::{Came, MessageReader, MessageWriter, ReadError, Sent};
