//! How a connection ended, in words.

use bothways_protocol::CloseCode;
use quinn::ConnectionError;

use crate::visible::visible;

/// What a peer says in its reason is escaped.
pub(super) fn ended(error: &ConnectionError) -> String {
    match error {
        ConnectionError::ApplicationClosed(close) => {
            let code = CloseCode::of(close.error_code.into_inner());
            let code = code.map_or("an unknown code", CloseCode::as_str);
            let reason = String::from_utf8_lossy(&close.reason);
            let reason: String = reason.chars().take(200).collect();
            if reason.is_empty() || reason == code {
                return format!("closed by the peer ({code})");
            }
            format!("closed by the peer ({code}): {}", visible(&reason))
        }
        ConnectionError::TimedOut => "the peer was silent for too long".to_owned(),
        ConnectionError::LocallyClosed => "closed by this node".to_owned(),
        error => visible(&error.to_string()).to_string(),
    }
}
