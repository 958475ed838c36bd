//! A topology's story: what its nodes do one after the other, once.

use std::fmt;

use bothways_protocol::NodeName;
use serde_json::{Map, Value};

use super::Call;

/// One step; it begins when the one before it is done.
#[allow(clippy::large_enum_variant, reason = "a story has few steps")]
#[derive(Debug, Clone, PartialEq)]
pub(in crate::cli::dev) enum Step {
    /// A node asks another one.
    Call(Box<StoryCall>),
    /// A node is told of what it watches.
    Hears { node: NodeName, topic: String },
    /// A node stops.
    Away(NodeName),
    /// A node that is away starts again, with its address and its data.
    Back(NodeName),
}

/// A request of the story.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::cli::dev) struct StoryCall {
    pub(in crate::cli::dev) node: NodeName,
    /// Its params may refer to results that earlier steps have named.
    pub(in crate::cli::dev) call: Call,
    /// What later steps call its result.
    pub(in crate::cli::dev) name: Option<String>,
    /// What its result has to hold, whatever else it does.
    pub(in crate::cli::dev) gives: Map<String, Value>,
}

impl Step {
    /// The node that takes it.
    pub(in crate::cli::dev) fn node(&self) -> &NodeName {
        match self {
            Self::Call(call) => &call.node,
            Self::Hears { node, .. } => node,
            Self::Away(node) | Self::Back(node) => node,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(call) => {
                let StoryCall { node, call, .. } = &**call;
                write!(f, "{node} → {} {}", call.to, call.method)
            }
            Self::Hears { node, topic } => write!(f, "{node} hears {topic}"),
            Self::Away(node) => write!(f, "{node} goes away"),
            Self::Back(node) => write!(f, "{node} comes back"),
        }
    }
}
