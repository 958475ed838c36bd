//! stub: store

use bothways_protocol::{IdempotencyKey, MethodName, NodeName};

/// What makes a write act once: who asked for which method under which key, with which params.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Once {
    /// The caller, as its certificate names it.
    pub caller: NodeName,
    /// The method asked for.
    pub method: MethodName,
    /// The key that the caller drew.
    pub key: IdempotencyKey,
    /// SHA-256 of the encoded params: the same key with other params is refused.
    pub params: [u8; 32],
}
