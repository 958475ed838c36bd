//! Params and results: one CBOR item as bytes, until a handler's type asks for it.

use std::fmt;
use std::marker::PhantomData;

use bytes::Bytes;
use ciborium::Value;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_path_to_error::Track;
use thiserror::Error;

use super::meant::meant;
use super::scratch::{in_scratch, taken_out};
use super::{DEPTH_MAX, MAPS_AROUND, MalformedError, Reader};
use crate::text::shown;

/// How much recursion a decoder may need: some types cost it two steps for one level of nesting.
const RECURSION_MAX: usize = 2 * DEPTH_MAX;
/// How much an error says, in bytes: it may repeat what a peer sent.
const PROBLEM_MAX_BYTES: usize = 256;

/// One well-formed CBOR item within the protocol's bounds, still encoded: params, a result or an
/// event's body.
///
/// It is nested at most 14 deep, for a message's own two maps stand around it.
#[derive(Clone, PartialEq, Eq)]
pub struct Encoded(Bytes);

impl Encoded {
    /// Encodes a value.
    ///
    /// # Errors
    /// What the value's own `Serialize` refuses, or a value beyond the protocol's bounds.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self, ParamsError> {
        let bytes = in_scratch(|room| {
            let written = ciborium::into_writer(value, &mut *room);
            written.map(|()| taken_out(room, 0)).map_err(ParamsError::whole)
        });
        Self::check(bytes?).map_err(ParamsError::whole)
    }

    /// Takes bytes that are one item; checks that they are.
    ///
    /// # Errors
    /// Bytes that are not exactly one well-formed item within the bounds.
    pub fn check(bytes: Bytes) -> Result<Self, MalformedError> {
        Self::inside(MAPS_AROUND, bytes)
    }

    /// Takes bytes that are one item, to stand inside so many maps of a message.
    pub(crate) fn inside(depth: usize, bytes: Bytes) -> Result<Self, MalformedError> {
        let mut reader = Reader::inside(depth, &bytes);
        reader.item()?;
        reader.finish()?;
        Ok(Self(bytes))
    }

    /// Takes a part of a message that was walked over already.
    pub(crate) fn walked(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// The item of a call without params: an empty map.
    #[must_use]
    pub fn empty_map() -> Self {
        Self(Bytes::from_static(&[0xa0]))
    }

    /// Nothing.
    #[must_use]
    pub fn null() -> Self {
        Self(Bytes::from_static(&[0xf6]))
    }

    /// Decodes the item as a type.
    ///
    /// # Errors
    /// A value of another shape; the error names the field.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, ParamsError> {
        // Four times as fast as ciborium, which takes more (floats of 16 bits) and says what is
        // wrong: it has the last word.
        if let Ok(value) = cbor4ii::serde::from_slice(&self.0) {
            return Ok(value);
        }
        let mut rest = &self.0[..];
        ciborium::de::from_reader_with_recursion_limit(&mut rest, RECURSION_MAX).map_err(|error| {
            let problem = said(error);
            let path = self.field_at_fault::<T>();
            let field = missing_field(&problem).map_or(path.clone(), |missing| {
                Some(path.map_or(missing.to_owned(), |path| format!("{path}.{missing}")))
            });
            ParamsError { field, problem }
        })
    }

    /// Decodes the item as whatever it is.
    ///
    /// # Errors
    /// An item that CBOR allows and this library cannot hold (a number beyond 128 bits).
    pub fn value(&self) -> Result<Value, ParamsError> {
        self.decode()
    }

    /// The encoded item.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.0
    }

    /// Decodes once more, slower, to learn where it fails.
    fn field_at_fault<T: DeserializeOwned>(&self) -> Option<String> {
        let path: Fault<T> =
            ciborium::de::from_reader_with_recursion_limit(&self.0[..], RECURSION_MAX).ok()?;
        path.at
    }
}

/// Where decoding a `T` fails, as a value that decodes without failing.
struct Fault<T> {
    at: Option<String>,
    of: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Fault<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut track = Track::new();
        let decoded =
            T::deserialize(serde_path_to_error::Deserializer::new(deserializer, &mut track));
        let path = track.path();
        let somewhere = decoded.is_err() && path.iter().next().is_some();
        Ok(Self { at: somewhere.then(|| fit(&path.to_string())), of: PhantomData })
    }
}

/// Params or a result that are not of the type asked for.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}{problem}", .field.as_ref().map(|field| format!("{field}: ")).unwrap_or_default())]
pub struct ParamsError {
    /// The path of the field at fault, such as `lines[2].count`; `None` where it is the whole.
    pub field: Option<String>,
    /// What is wrong with it.
    pub problem: String,
}

impl ParamsError {
    fn whole(error: impl fmt::Display) -> Self {
        Self { field: None, problem: fit(&error.to_string()) }
    }
}

/// The name in serde's sentence about a field that is not there: its path ends at the parent.
fn missing_field(problem: &str) -> Option<&str> {
    problem.strip_prefix("missing field `")?.strip_suffix('`')
}

fn fit(problem: &str) -> String {
    shown(problem, PROBLEM_MAX_BYTES).into_owned()
}

fn said(error: ciborium::de::Error<std::io::Error>) -> String {
    match error {
        ciborium::de::Error::Semantic(_, sentence) => match meant(&sentence) {
            Some(name) => format!("{}; did you mean `{name}`?", fit(&sentence)),
            None => fit(&sentence),
        },
        ciborium::de::Error::RecursionLimitExceeded => MalformedError::TooDeep.to_string(),
        ciborium::de::Error::Io(_) | ciborium::de::Error::Syntax(_) => {
            "a value that its type cannot hold".to_owned()
        }
    }
}

impl fmt::Debug for Encoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Encoded({})", hex::encode(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Order {
        lines: Vec<Line>,
        #[serde(default)]
        state: Option<State>,
        #[serde(default)]
        name: Option<crate::NodeName>,
        #[serde(default)]
        notes: std::collections::BTreeMap<String, String>,
    }

    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Line {
        count: u32,
        #[serde(default)]
        item: String,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum State {
        Placed,
        Shipped,
    }

    fn encoded(json: &serde_json::Value) -> Encoded {
        Encoded::of(json).unwrap()
    }

    #[test]
    fn a_value_comes_back_as_it_went() {
        let lines = vec![Line { count: 3, item: "tea".to_owned() }];
        let order = Order { lines, state: None, name: None, notes: Default::default() };
        assert_eq!(Encoded::of(&order).unwrap().decode(), Ok(order));
    }

    #[test]
    fn what_is_wrong_is_answered_with_the_path_to_the_field() {
        use serde_json::json;
        let line = |line| json!({ "lines": [{"count": 1}, line] });
        let table = [
            (line(json!({"count": "two"})), Some("lines[1].count"), "expected integer"),
            (line(json!({"count": -2})), Some("lines[1].count"), "negative"),
            (line(json!({"count": 2.5})), Some("lines[1].count"), "`2.5`, expected integer"),
            (line(json!({"count": null})), Some("lines[1].count"), "null, expected integer"),
            (line(json!({"count": 2, "ietm": "a"})), Some("lines[1].ietm"), "mean `item`?"),
            (line(json!({})), Some("lines[1].count"), "missing field `count`"),
            (line(json!(2)), Some("lines[1]"), "integer `2`, expected map"),
            (json!({"lines": {}}), Some("lines"), "map, expected array"),
            (json!({"lines": [], "state": "shiped"}), Some("state"), "`placed` or `shipped`"),
            (json!({"lines": [], "state": "shiped"}), Some("state"), "did you mean `shipped`?"),
            (json!({"lines": [], "name": "a b"}), Some("name"), "\"a b\" is no node name"),
            (json!({"lines": [], "notes": {"a": {"b": 1}}}), Some("notes.a"), "expected string"),
            (json!({"lines": [], "lnes": 1}), Some("lnes"), "did you mean `lines`?"),
            (json!({}), Some("lines"), "missing field `lines`"),
            (json!([]), None, "sequence, expected map"),
        ];
        for (params, field, problem) in table {
            let error = encoded(&params).decode::<Order>().unwrap_err();
            assert_eq!(error.field.as_deref(), field, "{params}: {error}");
            assert!(error.problem.contains(problem), "{params}: {error}");
        }
    }

    #[test]
    fn what_an_error_repeats_of_the_params_is_short_and_in_one_line() {
        let key = format!("a\n\u{1b}[2J{}", "x".repeat(10_000));
        let unknown = serde_json::json!({"lines": [], key.clone(): 1});
        let values = encoded(&serde_json::json!({ key: "no number" }));
        let unknown = encoded(&unknown).decode::<Order>().unwrap_err();
        let wrong = values.decode::<std::collections::BTreeMap<String, u32>>().unwrap_err();
        assert!(wrong.field.is_some(), "{wrong:?}");
        for said in [unknown.to_string(), wrong.to_string()] {
            assert!(said.len() < 600 && said.chars().all(crate::is_visible), "{said:?}");
        }
    }

    #[test]
    fn what_would_be_too_deep_inside_a_message_is_refused_at_once() {
        let nested = |depth: usize| Bytes::from([vec![0x81; depth], vec![0x00]].concat());
        assert!(Encoded::check(nested(14)).is_ok());
        assert_eq!(Encoded::check(nested(15)), Err(MalformedError::TooDeep));
    }

    #[test]
    fn bytes_that_are_more_or_less_than_one_item_are_refused() {
        for bad in [&[][..], &[0x00, 0x00], &[0x61]] {
            assert!(Encoded::check(Bytes::copy_from_slice(bad)).is_err(), "{bad:02x?}");
        }
    }
}
