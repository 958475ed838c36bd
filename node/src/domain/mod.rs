//! What a node's methods mean: business rules, and nothing else.
//!
//! Each service is a plain struct with one async method per method name, which takes the
//! request's context and checked params. It imports the store, the context and the protocol's
//! words; it knows no session, no socket and no clock.

pub mod people;

pub use people::People;
