//! What a node is: a server, a client, or both.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::text::shown;

/// How much of a word that is no role an error repeats, in bytes.
const WORD_MAX_BYTES: usize = 32;

/// What a node does and does not do: a promise that can be checked from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Listens and dials, answers and issues requests: the default.
    #[default]
    Peer,
    /// Listens and answers; never dials and never issues a request.
    Server,
    /// Dials and issues requests; never listens and never answers.
    Client,
}

impl Role {
    /// All roles, in the order in which people are told of them.
    pub const ALL: [Self; 3] = [Self::Peer, Self::Server, Self::Client];

    /// Whether a node of this role may have a listener.
    #[must_use]
    pub fn listens(self) -> bool {
        self != Self::Client
    }

    /// Whether a node of this role opens connections.
    #[must_use]
    pub fn dials(self) -> bool {
        self != Self::Server
    }

    /// Whether a node of this role answers requests.
    #[must_use]
    pub fn answers(self) -> bool {
        self != Self::Client
    }

    /// Whether a node of this role issues requests, and so may receive events.
    #[must_use]
    pub fn asks(self) -> bool {
        self != Self::Server
    }

    /// The role's word, in lower case.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Peer => "peer",
            Self::Server => "server",
            Self::Client => "client",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A word that is no role.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is no role: use peer, server or client")]
pub struct RoleError(String);

impl FromStr for Role {
    type Err = RoleError;

    fn from_str(word: &str) -> Result<Self, RoleError> {
        let found = Self::ALL.into_iter().find(|role| role.as_str() == word);
        found.ok_or_else(|| RoleError(shown(word, WORD_MAX_BYTES).into_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_does_what_the_table_says() {
        let table = [
            // role, listens, dials, answers, asks
            (Role::Server, true, false, true, false),
            (Role::Client, false, true, false, true),
            (Role::Peer, true, true, true, true),
        ];
        for (role, listens, dials, answers, asks) in table {
            let does = (role.listens(), role.dials(), role.answers(), role.asks());
            assert_eq!(does, (listens, dials, answers, asks), "{role}");
            assert_eq!(role.as_str().parse(), Ok(role));
        }
    }

    #[test]
    fn a_word_that_is_no_role_is_repeated_in_part_and_in_one_line() {
        let error = format!("hub\n{}", "x".repeat(10_000)).parse::<Role>().unwrap_err();
        assert!(error.to_string().len() < 100 && !error.to_string().contains('\n'), "{error}");
    }
}
