//! QUIC: endpoints, and streams of messages. Knows the protocol's frames and the bounds; knows no
//! session, no method and no node.

mod assembly;
mod deaf;
mod endpoint;
mod gate;
mod key_log;
mod outbox;
mod qlog;
mod restart;
mod settings;
mod stream;

pub(crate) use assembly::{Assembly, AssemblyBudget};
pub use endpoint::EndpointError;
pub(crate) use endpoint::{Dialing, Listener};
pub(crate) use gate::{Admission, Gate, GateBounds, Left};
pub(crate) use outbox::Outbox;
pub(crate) use restart::RestartKeys;
pub(crate) use settings::{Accepting, QuicSettings, Traces, streams};
pub(crate) use stream::{Came, MessageReader, MessageWriter, ReadError, Sent};
