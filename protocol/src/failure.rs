//! What a request that failed answers.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use ciborium::Value;
use thiserror::Error;

use crate::{Code, Retry};

/// An error as it crosses the wire: a code, a sentence for people, and what a program needs in
/// order to act. Inner detail stays in the log of the node that failed.
#[derive(Debug, Clone, PartialEq, Error)]
pub struct Failure {
    /// What kind of failure.
    pub code: Code,
    /// One sentence for people: lower case, no full stop.
    pub message: Cow<'static, str>,
    /// What a program needs in order to act. Well known: `reason` (a fixed word that tells two
    /// failures of one code apart) and `field` (the path of the field that is wrong).
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_its_code_its_sentence_and_its_details() {
        let failure = Failure::new(Code::InvalidArgument, "the name is empty").field("name");
        assert_eq!(failure.to_string(), "invalid_argument: the name is empty");
        assert_eq!(failure.text("field"), Some("name"));
        assert_eq!(failure.retry, Retry::Never);
        assert_eq!(failure.after(Duration::from_secs(1)).retry, Retry::After);
    }
}
