//! A peer node: client and server at once, both ways over one mutually authenticated connection.

pub mod config;
pub mod domain;
pub mod exchange;
pub mod logs;
pub mod service;
pub mod store;
mod visible;

pub use visible::visible;
