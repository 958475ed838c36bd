//! The merged log: many nodes' logs read as they grow, each request one line.

mod follow;
mod line;
mod merge;
mod paint;
mod requests;
mod tail;

pub(super) use follow::{Follow, Following};
pub(super) use line::{Entry, Event, Line};
pub(in crate::cli) use requests::Requests;
pub(super) use tail::{Tail, last_lines};
