//! The merged log: many nodes' logs read as they grow, each request one line.

mod follow;
mod line;
mod merge;
mod paint;
mod places;
mod requests;
mod tail;
mod words;

pub(in crate::cli) use follow::{Follow, Following};
pub(in crate::cli) use line::{Entry, Event, Line};
pub(in crate::cli) use places::logs_in;
pub(in crate::cli) use requests::Requests;
pub(in crate::cli) use tail::{Tail, last_lines};
pub(in crate::cli) use words::{EVENT, EVENT_TARGET, FAILED, NOT_SENT, SCRIPT_TARGET};
