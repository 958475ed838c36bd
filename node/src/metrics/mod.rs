//! What a node counts: requests at both ends, dials and handshakes that failed. Counting costs a few
//! atomic additions; what they come to is put together when somebody looks. This layer knows the
//! words of records; no session, no method and no store.

mod requests;

pub(crate) use requests::{Counts, Ended, Requests};

/// What one node counts.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    /// Each attempt at a request that this node issues.
    pub(crate) out: Requests,
    /// Each request that this node answers.
    pub(crate) inward: Requests,
}
