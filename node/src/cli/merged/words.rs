//! What a node of a topology says in its log beside what every node does: by these targets and
//! messages its lines are known again.

/// An event that it watches for has come. What the event says is not in the line.
pub(in crate::cli) const EVENT_TARGET: &str = "event";
pub(in crate::cli) const EVENT: &str = "event received";

/// A request of its script has failed: one that was not sent, or one that was.
pub(in crate::cli) const SCRIPT_TARGET: &str = "script";
pub(in crate::cli) const NOT_SENT: &str = "request not sent";
pub(in crate::cli) const FAILED: &str = "request failed";
