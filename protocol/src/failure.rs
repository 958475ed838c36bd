//! What a request that failed answers.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use ciborium::Value;
use thiserror::Error;

use crate::{Code, FrameError, MessageError, Retry};

/// An error as it crosses the wire: a code, a sentence for people, and what a program needs in
/// order to act. Inner detail stays in the log of the node that failed.
#[derive(Debug, Clone, PartialEq, Error)]
pub struct Failure {
    /// What kind of failure.
    pub code: Code,
    /// One sentence for people: lower case, no full stop. Of a longer one the first 1024 bytes
    /// cross; what is not visible in it arrives as U+FFFD.
    pub message: Cow<'static, str>,
    /// What a program needs in order to act. Well known: `reason` (a fixed word that tells two
    /// failures of one code apart) and `field` (the path of the field that is wrong). Details of
    /// more than 4096 bytes, encoded, do not cross at all.
    pub details: BTreeMap<Cow<'static, str>, Value>,
    /// Whether the same request may be sent again, and where.
    pub retry: Retry,
    /// How long to wait before that, in whole milliseconds on the wire.
    pub retry_after: Option<Duration>,
}

impl Failure {
    /// A failure with the code's usual retry advice and no details.
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        let (message, retry) = (message.into(), code.usual_retry());
        Self { code, message, details: BTreeMap::new(), retry, retry_after: None }
    }

    /// Adds the fixed word that tells this failure from others of its code.
    #[must_use]
    pub fn reason(self, reason: &'static str) -> Self {
        self.detail("reason", reason)
    }

    /// Adds the path of the field that is wrong, such as `lines[2].count`.
    #[must_use]
    pub fn field(self, path: impl Into<String>) -> Self {
        self.detail("field", path.into())
    }

    /// Adds one detail.
    #[must_use]
    pub fn detail(mut self, key: &'static str, value: impl Into<Value>) -> Self {
        self.details.insert(key.into(), value.into());
        self
    }

    /// Replaces the code's usual retry advice.
    #[must_use]
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// Advises to try again after a while.
    #[must_use]
    pub fn after(mut self, wait: Duration) -> Self {
        self.retry = Retry::After;
        self.retry_after = Some(wait);
        self
    }

    /// A detail that is text: `failure.text("reason")`.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        self.details.get(key)?.as_text()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

/// What a request whose stream holds no message within the bounds is answered with.
impl From<&FrameError> for Failure {
    fn from(error: &FrameError) -> Self {
        match error {
            FrameError::Oversize { .. } => {
                // A smaller message may pass, the same one will not.
                let failure = Self::new(Code::ResourceExhausted, error.to_string());
                failure.retry(Retry::Never).reason("message_too_large")
            }
            FrameError::Head { .. } | FrameError::Truncated => {
                Self::new(Code::InvalidArgument, error.to_string()).reason("malformed_message")
            }
        }
    }
}

/// What a request that breaks the grammar is answered with.
impl From<&MessageError> for Failure {
    fn from(error: &MessageError) -> Self {
        let failure = Self::new(Code::InvalidArgument, error.to_string());
        let failure = failure.reason("malformed_message");
        match error.field() {
            Some(field) => failure.field(field),
            None => failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_request_is_answered_with_what_broke() {
        let oversize = Failure::from(&FrameError::Oversize { bytes: 70_000, max: 65_536 });
        assert_eq!(oversize.text("reason"), Some("message_too_large"));
        assert_eq!((oversize.code, oversize.retry), (Code::ResourceExhausted, Retry::Never));
        let truncated = Failure::from(&FrameError::Truncated);
        assert_eq!(truncated.text("reason"), Some("malformed_message"));
        let missing = Failure::from(&MessageError::Missing { field: "trace" });
        assert_eq!(missing.text("field"), Some("trace"));
        assert_eq!(missing.code, Code::InvalidArgument);
    }

    #[test]
    fn a_failure_says_its_code_its_sentence_and_its_details() {
        let failure = Failure::new(Code::InvalidArgument, "the name is empty").field("name");
        assert_eq!(failure.to_string(), "invalid_argument: the name is empty");
        assert_eq!(failure.text("field"), Some("name"));
        assert_eq!(failure.retry, Retry::Never);
        assert_eq!(failure.after(Duration::from_secs(1)).retry, Retry::After);
    }
}
