//! What a node's methods mean: business rules, and nothing else.
//!
//! Each service is a plain struct with one async method per method name, which takes the
//! request's context and checked params. It imports the store, the context and the protocol's
//! words; it knows no session and no socket, and the time of day only from `clock`.

mod id;
pub mod messages;
pub mod orders;
mod page;
pub mod people;
mod revise;
mod stored;

pub use messages::Messages;
pub use orders::Orders;
pub use people::People;
