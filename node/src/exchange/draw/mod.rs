//! Draws exchanges: for people as text or Mermaid, for programs as JSON.
//!
//! Text from peers is escaped in the records already ([`MethodText`](super::MethodText)); names are
//! checked where they are read.

mod document;
mod footer;
mod marks;
mod mermaid;
mod page;
#[cfg(test)]
mod sample;
mod sequence;
mod timeline;
mod words;

pub use document::{Document, document};
pub use mermaid::mermaid;
pub use page::{Line, Page, Span, Tint};
pub use sequence::sequence;
pub use timeline::timeline;
