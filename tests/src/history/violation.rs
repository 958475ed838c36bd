//! A promise that a history breaks.

use std::fmt;

use super::Stored;

/// A promise that was broken, and about what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Violation {
    /// It was acknowledged, and is absent.
    Lost { what: String },
    /// It is present more than once.
    Doubled { what: String, times: usize },
    /// It was refused for sure, and is present.
    RefusedButPresent { what: String },
    /// It is present, and nobody wrote it.
    Unasked { what: String },
    /// A repetition under the same key was told something else.
    Changed { what: String, first: Stored, second: Stored },
    /// It is not present as it was acknowledged.
    Differs { what: String, told: Stored, held: Stored },
    /// It began behind the end of another, and has the lower revision.
    Reordered { earlier: String, later: String },
    /// An event was told twice.
    ToldTwice { subscriber: String, what: String },
    /// An event was told behind a newer one.
    ToldLate { subscriber: String, what: String },
    /// Newer events were told, and this one was not.
    Gap { subscriber: String, what: String },
    /// The last events were not told, and this is one of them.
    Untold { subscriber: String, what: String },
    /// Something was told that was not written, or not so.
    Invented { subscriber: String, what: String },
    /// Two events had the same cursor.
    SameCursor { subscriber: String, what: String },
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost { what } => write!(f, "{what} was acknowledged, and is absent"),
            Self::Doubled { what, times } => write!(f, "{what} is present {times} times"),
            Self::RefusedButPresent { what } => write!(f, "{what} was refused, and is present"),
            Self::Unasked { what } => write!(f, "{what} is present, and nobody wrote it"),
            Self::Changed { what, first, second } => {
                write!(f, "{what} was acknowledged as {first}, and when repeated as {second}")
            }
            Self::Differs { what, told, held } => {
                write!(f, "{what} was acknowledged as {told}, and is present as {held}")
            }
            Self::Reordered { earlier, later } => {
                write!(f, "{later} began when {earlier} was done, and has the lower revision")
            }
            Self::ToldTwice { subscriber, what } => {
                write!(f, "{subscriber} was told of {what} twice")
            }
            Self::ToldLate { subscriber, what } => {
                write!(f, "{subscriber} was told of {what} behind something newer")
            }
            Self::Gap { subscriber, what } => {
                write!(f, "{subscriber} was told of newer things than {what}, and not of it")
            }
            Self::Untold { subscriber, what } => write!(f, "{subscriber} was not told of {what}"),
            Self::Invented { subscriber, what } => {
                write!(f, "{subscriber} was told of {what}, which was not written so")
            }
            Self::SameCursor { subscriber, what } => {
                write!(f, "{subscriber} was told of {what} under a cursor that another event has")
            }
        }
    }
}
