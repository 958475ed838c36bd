//! A network on this machine: its files, its nodes as child processes, and who holds them together.

mod child;
mod ground;
mod state;
mod supervisor;

pub(super) use child::told;
pub(super) use ground::Ground;
pub(super) use state::{NodeState, State};
pub(super) use supervisor::{Network, end_leftovers};
