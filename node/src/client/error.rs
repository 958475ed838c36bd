//! Why a request came back without a result.

use std::sync::Arc;
use std::time::Duration;

use bothways_protocol::{Code, Failure, MethodName, NameError, NodeName, ParamsError, Retry, Role};
use thiserror::Error;

use crate::session::DialError;

/// A request that came back without a result.
#[derive(Debug, Clone, Error)]
pub enum RequestError {
    /// The peer answered with an error.
    #[error("{peer} answers {method} with {failure}")]
    Failed {
        /// Who answered.
        peer: NodeName,
        /// What was asked for.
        method: MethodName,
        /// The answer.
        failure: Failure,
    },
    /// A role forbids the request; nothing was sent.
    #[error("role {role} {forbids}")]
    Role {
        /// The role that forbids it: this node's or the peer's.
        role: Role,
        /// What it forbids.
        forbids: &'static str,
    },
    /// The peer's name is no node's name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The method's name is no method's name.
    #[error("method: {0}")]
    Method(NameError),
    /// The peer has no session with this node, and no address to dial; nothing was sent.
    #[error(
        "{peer} is not connected, and this node has no address for it; add it to the peers, or let it dial this node"
    )]
    NotConnected {
        /// The peer.
        peer: NodeName,
    },
    /// The peer could not be reached; nothing was sent.
    #[error(transparent)]
    Dial(Arc<DialError>),
    /// The params cannot be encoded; nothing was sent.
    #[error("params: {0}")]
    Params(ParamsError),
    /// The request is larger than the peer takes; nothing was sent.
    #[error("the request has {bytes} bytes, {peer} takes {max}")]
    TooLarge {
        /// The peer.
        peer: NodeName,
        /// The request's length, in bytes.
        bytes: usize,
        /// The peer's limit, in bytes.
        max: usize,
    },
    /// The session takes no more requests; surely not processed.
    #[error("the session with {peer} ended before the request was sent")]
    NotSent {
        /// The peer.
        peer: NodeName,
    },
    /// The time was up.
    #[error("no answer from {peer} to {method} within {} ms", .within.as_millis())]
    Deadline {
        /// The peer.
        peer: NodeName,
        /// What was asked for.
        method: MethodName,
        /// The time that was given.
        within: Duration,
    },
    /// The connection was lost, or the stream was reset, before the answer: whether the request
    /// acted is not known.
    #[error("no answer from {peer} to {method}: {problem}")]
    Lost {
        /// The peer.
        peer: NodeName,
        /// What was asked for.
        method: MethodName,
        /// What happened.
        problem: String,
    },
    /// The answer is none: it breaks the protocol, or is not of the type asked for.
    #[error("{peer} answers {method} with what is no answer: {problem}")]
    Answer {
        /// The peer.
        peer: NodeName,
        /// What was asked for.
        method: MethodName,
        /// What is wrong with it.
        problem: String,
    },
    /// More answers of this peer, or of all, were on their way at once than this node holds unfinished
    /// (`limits.assembling_bytes_per_peer`): this one was given up, and its request may have acted.
    #[error("too many unfinished answers at once: that of {peer} to {method} was given up")]
    Crowded {
        /// The peer.
        peer: NodeName,
        /// What was asked for.
        method: MethodName,
    },
    /// This node has stopped.
    #[error("this node has stopped")]
    Stopped,
}

impl RequestError {
    /// The canonical code: the peer's own, or the one that says the same of what happened here.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Failed { failure, .. } => failure.code,
            Self::Role { .. } => Code::PermissionDenied,
            Self::Name(_) | Self::Method(_) | Self::Params(_) => Code::InvalidArgument,
            Self::TooLarge { .. } | Self::Crowded { .. } => Code::ResourceExhausted,
            Self::Deadline { .. } => Code::DeadlineExceeded,
            Self::Answer { .. } => Code::Internal,
            Self::NotConnected { .. }
            | Self::Dial(_)
            | Self::NotSent { .. }
            | Self::Lost { .. }
            | Self::Stopped => Code::Unavailable,
        }
    }

    /// Whether the same request may be sent again, and where.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Failed { failure, .. } => failure.retry,
            Self::Deadline { .. } | Self::Lost { .. } | Self::Crowded { .. } => Retry::Same,
            Self::NotSent { .. } | Self::Dial(_) => Retry::Elsewhere,
            _ => Retry::Never,
        }
    }

    /// The peer's own answer, where it gave one.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Failed { failure, .. } => Some(failure),
            _ => None,
        }
    }

    /// Whether the request may have acted.
    pub(super) fn leaves_doubt(&self) -> bool {
        match self {
            Self::Lost { .. } | Self::Crowded { .. } => true,
            Self::Failed { failure, .. } => failure.retry == Retry::Same,
            _ => false,
        }
    }

    /// Whether asking again later may be answered otherwise.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::NotConnected { .. } => true,
            Self::Dial(error) => matches!(**error, DialError::Unreachable { .. }),
            _ => self.retry() != Retry::Never,
        }
    }

    /// Whether the request was surely not processed, so that another session may take it.
    pub(super) fn surely_not_processed(&self) -> bool {
        match self {
            Self::NotSent { .. } => true,
            Self::Failed { failure, .. } => {
                failure.code == Code::Unavailable && failure.text("reason") == Some("going_away")
            }
            _ => false,
        }
    }
}
