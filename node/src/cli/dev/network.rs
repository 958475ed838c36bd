//! A network on this machine: its files, its nodes as child processes, and who holds them together.

mod child;
mod ground;
mod requests;
mod state;
mod supervisor;

pub(super) use child::told;
pub(super) use ground::Ground;
pub(super) use requests::ask_to_restart;
pub(super) use state::{NodeState, State};
pub(super) use supervisor::{Network, Wishes, end_leftovers};
