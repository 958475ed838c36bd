//! What a node answers: the router, the context of a request, the rules of a call.

mod context;

pub use context::Context;
