//! Names, checked when they are parsed: a value of these types holds the rules below.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use thiserror::Error;

use crate::is_visible;

/// The longest name of any kind, in characters.
pub const NAME_MAX_CHARS: usize = 64;

/// The longest node or network name, in characters: one DNS label (RFC 1035 §2.3.4).
pub const LABEL_MAX_CHARS: usize = 63;

/// How a node or network name is written, as JSON Schema says it.
pub(crate) const LABEL_PATTERN: &str = "^[a-z]([a-z0-9-]*[a-z0-9])?$";

/// A name that breaks the rules of its kind.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NameError {
    /// The name is empty.
    #[error("a {kind} needs at least one character")]
    Empty {
        /// What was being named.
        kind: &'static str,
    },
    /// The name is longer than its kind allows.
    #[error("a {kind} has at most {max} characters, this one has {chars}")]
    TooLong {
        /// What was being named.
        kind: &'static str,
        /// The limit, in characters.
        max: usize,
        /// What was given, in characters.
        chars: usize,
    },
    /// The name has a character, or a form, that its kind does not allow.
    #[error("{name:?} is no {kind}: {rule}")]
    Form {
        /// What was being named.
        kind: &'static str,
        /// The name as it was given.
        name: String,
        /// What would have been right.
        rule: &'static str,
    },
}

/// Declares a name: a checked string with the usual conversions.
macro_rules! name {
    (
        $(#[$doc:meta])* $Name:ident, $kind:literal, $max:expr, $check:expr,
        $about:literal, $pattern:expr
    ) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(try_from = "String", into = "String")]
        #[schemars(description = $about)]
        #[schemars(extend("minLength" = 1, "maxLength" = $max, "pattern" = $pattern))]
        pub struct $Name(SmolStr);

        impl $Name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $Name {
            type Err = NameError;

            fn from_str(name: &str) -> Result<Self, NameError> {
                check_length(name, $kind, $max)?;
                let check: fn(&str) -> Result<(), &'static str> = $check;
                match check(name) {
                    Ok(()) => Ok(Self(name.into())),
                    Err(rule) => Err(NameError::Form { kind: $kind, name: name.to_owned(), rule }),
                }
            }
        }

        impl TryFrom<String> for $Name {
            type Error = NameError;

            fn try_from(name: String) -> Result<Self, NameError> {
                name.parse()
            }
        }

        impl From<$Name> for String {
            fn from(name: $Name) -> Self {
                name.0.into()
            }
        }

        impl AsRef<str> for $Name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $Name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $Name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $Name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(self.as_str(), f)
            }
        }
    };
}

name! {
    /// The name of one node in its network: one DNS label in lower case, so that a certificate
    /// can carry it as a DNS name (1–63 characters of `a-z`, `0-9` and `-`, beginning with a letter
    /// and not ending with `-`: RFC 1035 §2.3.1).
    NodeName, "node name", LABEL_MAX_CHARS, check_label,
    "The name of a node", LABEL_PATTERN
}

name! {
    /// The name of a network, all the nodes under one authority: written like a [`NodeName`].
    NetworkName, "network name", LABEL_MAX_CHARS, check_label,
    "The name of a network", LABEL_PATTERN
}

name! {
    /// The name of a method, `service.method`: two words of `a-z`, `0-9` and `_`, each beginning
    /// with a letter, 64 characters at the most.
    MethodName, "method name", NAME_MAX_CHARS, check_method,
    "The name of a method", "^[a-z][a-z0-9_]*\\.[a-z][a-z0-9_]*$"
}

name! {
    /// A name that people give to things: 1–64 characters, none of them a control or format
    /// character, no white space at the ends.
    DisplayName, "name", NAME_MAX_CHARS, check_display,
    "A name: visible characters, no white space at its ends", "^\\S(.*\\S)?$"
}

impl MethodName {
    /// The part before the dot.
    #[must_use]
    pub fn service(&self) -> &str {
        self.0.split_once('.').map_or(&*self.0, |(service, _)| service)
    }
}

fn check_length(name: &str, kind: &'static str, max: usize) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty { kind });
    }
    // No text has more characters than bytes.
    if name.len() <= max {
        return Ok(());
    }
    match name.chars().count() {
        chars if chars > max => Err(NameError::TooLong { kind, max, chars }),
        _ => Ok(()),
    }
}

fn check_label(name: &str) -> Result<(), &'static str> {
    let allowed = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    let begins = name.starts_with(|c: char| c.is_ascii_lowercase());
    let well_formed = begins && name.bytes().all(allowed) && !name.ends_with('-');
    if well_formed {
        Ok(())
    } else {
        Err("use a-z, 0-9 and -, begin with a letter, and end with a letter or digit")
    }
}

fn check_method(name: &str) -> Result<(), &'static str> {
    let word = |word: &[u8]| {
        word.first().is_some_and(u8::is_ascii_lowercase)
            && word.iter().all(|c| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'_'))
    };
    let dot = name.bytes().position(|c| c == b'.').map(|dot| name.as_bytes().split_at(dot));
    match dot {
        Some((service, [_, method @ ..])) if word(service) && word(method) => Ok(()),
        _ => Err("write it as service.method, such as people.create, in a-z, 0-9 and _"),
    }
}

fn check_display(name: &str) -> Result<(), &'static str> {
    if !name.chars().all(is_visible) {
        Err("control and format characters are not allowed")
    } else if name.trim() != name {
        Err("white space at the ends is not allowed")
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_name_is_a_dns_label() {
        for good in ["hub", "a", "node-7", &"x".repeat(63)] {
            assert!(good.parse::<NodeName>().is_ok(), "{good:?}");
        }
        for bad in
            ["", "Hub", "a.b", "-a", "a-", "0", "7up", "0x1f", "a b", "ä", "a\n", &"x".repeat(64)]
        {
            assert!(bad.parse::<NodeName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_method_name_is_service_dot_method() {
        for good in ["people.create", "a.b", "node.methods_2"] {
            assert!(good.parse::<MethodName>().is_ok(), "{good:?}");
        }
        for bad in ["", "people", "people.", ".create", "a.b.c", "A.b", "a.1", "a b.c", "a.b\n"] {
            assert!(bad.parse::<MethodName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_display_name_hides_nothing() {
        for good in ["Ann", "Łukasz Ó Briain", "安", "O'Neill; DROP TABLE"] {
            assert!(good.parse::<DisplayName>().is_ok(), "{good:?}");
        }
        for bad in
            ["", " ", " Ann", "Ann\u{202e}", "a\u{1b}[2J", "a\r\nb", "a\u{2028}b", "\u{200b}"]
        {
            assert!(bad.parse::<DisplayName>().is_err(), "{bad:?}");
        }
        let long = "x".repeat(65).parse::<DisplayName>().unwrap_err();
        assert_eq!(long.to_string(), "a name has at most 64 characters, this one has 65");
        let long = "ä".repeat(200).parse::<DisplayName>().unwrap_err();
        assert_eq!(long.to_string(), "a name has at most 64 characters, this one has 200");
    }
}
