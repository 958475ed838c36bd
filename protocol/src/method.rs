//! What a method is to both ends: its name, its effect, its params and its result.

use serde::Deserialize;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Whether a method changes anything at the node that answers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// Changes nothing: may be sent again at will, and dropped with its caller.
    Reads,
    /// Changes something: carries an idempotency key, and finishes once it has begun.
    Writes,
}

/// The params of one method, and with them the whole method: a caller that has the params type
/// knows the name to ask for and the type of the result, so both ends agree by compiling.
pub trait Method: Serialize + DeserializeOwned + Send + 'static {
    /// The name, `service.method`.
    const NAME: &'static str;
    /// Whether it reads or writes.
    const EFFECT: Effect;
    /// What it does, in one sentence for people.
    const ABOUT: &'static str;
    /// The largest message, request or response, that it takes, in bytes.
    const MESSAGE_BYTES: usize = 64 * 1024;
    /// What it answers.
    type Result: Serialize + DeserializeOwned + Send + 'static;
}
