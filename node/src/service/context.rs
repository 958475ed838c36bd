//! What a handler knows of the request that it answers.

use crate::store::Once;

/// The request being answered (stub: the real one has the peer, its role, the deadline, the trace
/// and a way to call the caller back).
#[derive(Debug, Clone)]
pub struct Context {
    once: Option<Once>,
}

impl Context {
    /// A context for tests of rules.
    #[must_use]
    pub fn of(once: Option<Once>) -> Self {
        Self { once }
    }

    /// What makes this request act once; `None` for a method that reads.
    #[must_use]
    pub fn once(&self) -> Option<&Once> {
        self.once.as_ref()
    }
}
