//! `vectors/valid.json` and `vectors/invalid.json`, as they are written.

use serde::{Deserialize, Deserializer};

use crate::shape::Place;

/// A stream that every node reads.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Valid {
    pub(crate) name: String,
    pub(crate) place: Place,
    #[serde(deserialize_with = "from_hex")]
    pub(crate) stream: Vec<u8>,
    pub(crate) diagnostic: String,
    /// The fields of each message, in the form of [`crate::shape`].
    pub(crate) messages: Vec<serde_json::Value>,
    /// Whether a node of this version would have written the same bytes.
    pub(crate) canonical: bool,
}

/// A stream that no node reads to its end.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Invalid {
    pub(crate) name: String,
    pub(crate) place: Place,
    #[serde(deserialize_with = "from_hex")]
    pub(crate) stream: Vec<u8>,
    pub(crate) error: String,
    pub(crate) field: Option<String>,
    /// Whether the grammar says so too, or cannot.
    pub(crate) grammar: GrammarSays,
    pub(crate) leads_to: LeadsTo,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum GrammarSays {
    Refused,
    Nothing,
}

/// What a node does about it.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LeadsTo {
    /// The code of the response, or of the failure that the asking node reports to its caller.
    pub(crate) code: Option<String>,
    /// The reason among its details.
    pub(crate) reason: Option<String>,
    /// The code of STOP_SENDING.
    pub(crate) stop_sending: Option<String>,
    /// The code with which the connection is closed.
    pub(crate) close: Option<String>,
}

pub(crate) fn valid() -> Vec<Valid> {
    serde_json::from_str(include_str!("../../vectors/valid.json")).unwrap()
}

pub(crate) fn invalid() -> Vec<Invalid> {
    serde_json::from_str(include_str!("../../vectors/invalid.json")).unwrap()
}

fn from_hex<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    hex::decode(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}
