//! What a message says.

use std::str::FromStr;

use bothways_protocol::is_visible;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The longest text of a message, in characters.
pub const TEXT_MAX_CHARS: usize = 4096;

/// The text of a message: 1 to [`TEXT_MAX_CHARS`] characters, each of them visible or a line feed,
/// without white space at its ends.
///
/// Line feeds are the one thing in it that is not visible. Nothing in this program writes a text
/// into a log, and what shows one escapes it ([`visible`](crate::visible), or JSON): it can neither
/// break a line nor move a cursor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(description = "What a message says: visible characters and line feeds")]
#[schemars(extend("minLength" = 1, "maxLength" = TEXT_MAX_CHARS))]
#[schemars(extend("pattern" = r"^\S([\s\S]*\S)?$"))]
pub struct MessageText(String);

/// A text that no message may have.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MessageTextError {
    /// There is none.
    #[error("a message needs at least one character")]
    Empty,
    /// It is too long.
    #[error("a message has at most {TEXT_MAX_CHARS} characters, this one has {chars}")]
    TooLong {
        /// What was given, in characters.
        chars: usize,
    },
    /// It begins or ends with white space.
    #[error("a message has no white space at its ends")]
    Ends,
    /// It holds a character that could do harm where it is shown.
    #[error("a message has visible characters and line feeds, and none such as {0:?}")]
    Invisible(char),
}

impl MessageText {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn example() -> Self {
        Self("The parcel is here".to_owned())
    }
}

impl FromStr for MessageText {
    type Err = MessageTextError;

    fn from_str(text: &str) -> Result<Self, MessageTextError> {
        text.to_owned().try_into()
    }
}

impl TryFrom<String> for MessageText {
    type Error = MessageTextError;

    fn try_from(text: String) -> Result<Self, MessageTextError> {
        if text.is_empty() {
            return Err(MessageTextError::Empty);
        }
        let chars = text.chars().count();
        if chars > TEXT_MAX_CHARS {
            return Err(MessageTextError::TooLong { chars });
        }
        if let Some(bad) = text.chars().find(|c| !is_visible(*c) && *c != '\n') {
            return Err(MessageTextError::Invisible(bad));
        }
        if text.trim().len() < text.len() {
            return Err(MessageTextError::Ends);
        }
        Ok(Self(text))
    }
}

impl From<MessageText> for String {
    fn from(text: MessageText) -> Self {
        text.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_visible_and_may_have_several_lines() {
        let longest = "𐍈".repeat(TEXT_MAX_CHARS);
        for good in ["x", "Łukasz 安 \"'\\", "two\nlines\n\nand more", &longest] {
            assert_eq!(good.parse::<MessageText>().unwrap().as_str(), good);
        }
        let too_long = "x".repeat(TEXT_MAX_CHARS + 1);
        let chars = TEXT_MAX_CHARS + 1;
        let table = [
            ("", MessageTextError::Empty),
            (" ", MessageTextError::Ends),
            (" x", MessageTextError::Ends),
            ("x\n", MessageTextError::Ends),
            ("\u{a0}x", MessageTextError::Ends),
            ("a\rb", MessageTextError::Invisible('\r')),
            ("a\tb", MessageTextError::Invisible('\t')),
            ("a\u{1b}[2J", MessageTextError::Invisible('\u{1b}')),
            ("a\u{202e}b", MessageTextError::Invisible('\u{202e}')),
            ("a\u{2028}b", MessageTextError::Invisible('\u{2028}')),
            (&too_long, MessageTextError::TooLong { chars }),
        ];
        for (bad, why) in table {
            assert_eq!(bad.parse::<MessageText>(), Err(why), "{bad:?}");
        }
    }
}
