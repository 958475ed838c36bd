//! What a method is to both ends: its name, its effect, its params and its result.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Whether a method changes anything at the node that answers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// Changes nothing: may be sent again at will, and dropped with its caller.
    Reads,
    /// Changes something: carries an idempotency key, and finishes once it has begun.
    Writes,
}

/// The params of one method, and with them the whole method: a caller that has the params type
/// knows the name to ask for and the type of the result, so both ends agree by compiling.
///
/// `node.methods` tells all of it to whoever asks: a person reads the comments on the fields of
/// params and result, a program their JSON Schema. So comments are written for both, and a type
/// whose values keep to a rule says it (`#[schemars(length(max = 64))]`, `range`, `extend`).
pub trait Method: Serialize + DeserializeOwned + JsonSchema + Send + 'static {
    /// The name, `service.method`.
    const NAME: &'static str;
    /// Whether it reads or writes.
    const EFFECT: Effect;
    /// What it does, in one sentence for people.
    const ABOUT: &'static str;
    /// The largest message, request or response, that it takes, in bytes.
    const MESSAGE_BYTES: usize = 64 * 1024;
    /// The largest request, in bytes, where its response may be larger.
    const REQUEST_BYTES: usize = Self::MESSAGE_BYTES;
    /// What it answers.
    type Result: Serialize + DeserializeOwned + JsonSchema + Send + 'static;

    /// Params as somebody may send them, with each field that is worth showing.
    fn example() -> Self;
}
