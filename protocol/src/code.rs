//! The sixteen canonical error codes and what each of them advises about trying again.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::text::shown;

/// How much of a word that is no code an error repeats, in bytes.
const WORD_MAX_BYTES: usize = 32;

/// Declares the codes once: what each means, its variant, its word on the wire, what it usually
/// advises, its HTTP status.
macro_rules! codes {
    ($($(#[$doc:meta])* $Variant:ident = $word:literal, $retry:ident, $http:literal;)*) => {
        /// Why a request failed: the canonical codes of gRPC and Connect, in `snake_case`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[derive(Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum Code {
            $($(#[$doc])* $Variant,)*
        }

        impl Code {
            /// All sixteen, in the order of gRPC's numbers.
            pub const ALL: [Self; 16] = [$(Self::$Variant),*];

            /// The code's word, as on the wire and in logs.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$Variant => $word,)*
                }
            }

            /// What this code advises where the answering node says nothing better.
            #[must_use]
            pub fn usual_retry(self) -> Retry {
                match self {
                    $(Self::$Variant => Retry::$retry,)*
                }
            }

            /// The HTTP status that a gateway answers with (as Connect and gRPC-HTTP map them;
            /// 499 has no RFC and means that the client closed the request).
            #[must_use]
            pub fn http_status(self) -> u16 {
                match self {
                    $(Self::$Variant => $http,)*
                }
            }
        }
    };
}

codes! {
    /// The caller gave up.
    Cancelled = "cancelled", Never, 499;
    /// The peer failed in a way that it cannot name.
    Unknown = "unknown", Never, 500;
    /// The request is wrong whatever the state of the server: a field is missing or malformed.
    InvalidArgument = "invalid_argument", Never, 400;
    /// The time was up before there was an answer: whether the request acted is not known.
    DeadlineExceeded = "deadline_exceeded", Same, 504;
    /// There is no such thing, or the caller may not know of it.
    NotFound = "not_found", Never, 404;
    /// What should be created is there already.
    AlreadyExists = "already_exists", Never, 409;
    /// The caller is known and may not do this.
    PermissionDenied = "permission_denied", Never, 403;
    /// A limit is reached: too large, too many, too fast.
    ResourceExhausted = "resource_exhausted", After, 429;
    /// The state does not allow it now, and only a change by somebody will.
    FailedPrecondition = "failed_precondition", Never, 400;
    /// Somebody else changed the same thing first: read again, then try again.
    Aborted = "aborted", Never, 409;
    /// The position asked for is before the first or behind the last.
    OutOfRange = "out_of_range", Never, 400;
    /// The node does not enable this method.
    Unimplemented = "unimplemented", Never, 501;
    /// The peer broke a rule of its own.
    Internal = "internal", Never, 500;
    /// The peer cannot answer now: it surely did not act where it advises `elsewhere`, and may have
    /// where it advises `same`.
    Unavailable = "unavailable", Elsewhere, 503;
    /// What should be there is lost.
    DataLoss = "data_loss", Never, 500;
    /// The caller is not known.
    Unauthenticated = "unauthenticated", Never, 401;
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A word that is none of the sixteen codes.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is no error code")]
pub struct CodeError(String);

impl FromStr for Code {
    type Err = CodeError;

    fn from_str(word: &str) -> Result<Self, CodeError> {
        let found = Self::ALL.into_iter().find(|code| code.as_str() == word);
        found.ok_or_else(|| CodeError(shown(word, WORD_MAX_BYTES).into_owned()))
    }
}

/// What the answering node advises about sending the same request again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Retry {
    /// The same request would fail again.
    Never,
    /// The same request may be sent to the same node again (a write: with the same key).
    Same,
    /// The request was surely not processed: send it over another session or to another node.
    Elsewhere,
    /// The same request may succeed after a while: after `retry_after_ms`, where it is given.
    After,
}

impl Retry {
    /// All four.
    pub const ALL: [Self; 4] = [Self::Never, Self::Same, Self::Elsewhere, Self::After];

    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Same => "same",
            Self::Elsewhere => "elsewhere",
            Self::After => "after",
        }
    }
}

impl fmt::Display for Retry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_one_word() {
        for code in Code::ALL {
            assert_eq!(code.as_str().parse(), Ok(code));
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
        assert!("ok".parse::<Code>().is_err());
    }

    #[test]
    fn what_the_caller_has_to_change_is_never_retried() {
        for code in [Code::InvalidArgument, Code::NotFound, Code::PermissionDenied] {
            assert_eq!(code.usual_retry(), Retry::Never);
        }
        assert_eq!(Code::Unavailable.usual_retry(), Retry::Elsewhere);
    }
}
