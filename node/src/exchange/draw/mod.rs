//! Draws exchanges: for people as text, Mermaid, SVG or HTML, for programs as JSON or OTLP.
//!
//! Text from peers is escaped in the records already ([`MethodText`](super::MethodText)); names are
//! checked where they are read.

mod document;
mod footer;
mod graph;
#[cfg(test)]
mod hostile;
mod html;
mod marks;
mod mermaid;
mod otlp;
mod page;
#[cfg(test)]
pub(super) mod sample;
mod sequence;
mod svg;
mod timeline;
mod words;

pub use document::{Document, document};
pub use graph::{graph, graph_mermaid};
pub use html::html;
pub use mermaid::mermaid;
pub use otlp::otlp;
pub use page::{Line, Page, Span, Tint};
pub use sequence::sequence;
pub use svg::svg;
pub use timeline::timeline;
pub use words::duration;
