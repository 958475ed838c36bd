//! The merged log: many nodes' logs read as they grow, each request one line.

mod follow;
mod line;
mod merge;
mod paint;
mod places;
mod requests;
mod tail;
mod words;

pub(super) use follow::{Follow, Following};
pub(super) use line::{Entry, Event, Line};
pub(in crate::cli) use places::logs_in;
pub(in crate::cli) use requests::Requests;
pub(super) use tail::{Tail, last_lines};
pub(super) use words::{EVENT, EVENT_TARGET, FAILED, NOT_SENT, SCRIPT_TARGET};
