//! A peer node: client and server at once, both ways over one mutually authenticated connection.

mod client;
mod clock;
pub mod config;
pub mod domain;
pub mod exchange;
pub mod logs;
mod network;
mod node;
pub mod service;
mod session;
pub mod store;
mod transport;
mod visible;

pub use bothways_certs as certs;
pub use bothways_protocol as protocol;
pub use client::{Peer, RequestError};
pub use network::StoppedError;
pub use node::{Node, SessionInfo, StartError, Stopped};
pub use session::DialError;
pub use transport::EndpointError;
pub use visible::visible;
