//! JSON for people, CBOR for the wire.
//!
//! JSON → CBOR: whole numbers beyond 64 bits and a key given twice are refused, since they would be
//! lost; other numbers are 64-bit floats. An object of the one key `$bytes` is the bytes that its
//! base64url (RFC 4648 §5) stands for.
//!
//! CBOR → JSON shows what JSON cannot say in CBOR's diagnostic notation, as text (RFC 8949 §8): bytes
//! as `"h'0a0b'"`, `"NaN"`, `"Infinity"`, whole numbers beyond 64 bits in decimal digits, tags as
//! `{"tag": 37, "value": …}`. A map key that is a number or bytes stands as its text; one that has
//! parts of its own, as the bytes that encode it: JSON within JSON would grow with each level.

use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ciborium::Value;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value as Json;
use thiserror::Error;

/// What cannot be sent as it was written.
#[derive(Debug, Error)]
pub enum JsonError {
    /// It is no JSON.
    #[error("no JSON: {0}")]
    Syntax(#[from] serde_json::Error),
    /// A whole number would be rounded.
    #[error("the number {0} does not fit into 64 bits: send it as text, or as CBOR from a file")]
    Number(String),
    /// A key stands twice in one object: one of its values would be lost.
    #[error("the key {0:?} is given twice")]
    Twice(String),
    /// Bytes that are written as something else.
    #[error("{BYTES_KEY}: no base64url: {0}")]
    Bytes(#[from] base64::DecodeError),
}

/// The one key of an object that stands for bytes.
const BYTES_KEY: &str = "$bytes";

/// Reads one JSON value.
///
/// # Errors
/// No JSON, or what CBOR would lose of it.
pub fn parse(text: &str) -> Result<Value, JsonError> {
    let value: Value = serde_json::from_str(text)?;
    if let Some(number) = whole_numbers(text).find(|number| !fits(number)) {
        return Err(JsonError::Number(number.to_owned()));
    }
    refuse_duplicates(&value)?;
    with_bytes(value)
}

/// The value with bytes where an object stands for some.
fn with_bytes(value: Value) -> Result<Value, JsonError> {
    match value {
        Value::Array(items) => {
            Ok(Value::Array(items.into_iter().map(with_bytes).collect::<Result<_, _>>()?))
        }
        Value::Map(entries) => match entries.as_slice() {
            [(Value::Text(key), Value::Text(text))] if key == BYTES_KEY => {
                Ok(Value::Bytes(URL_SAFE_NO_PAD.decode(text)?))
            }
            _ => {
                let entry = |(key, value)| Ok::<_, JsonError>((key, with_bytes(value)?));
                Ok(Value::Map(entries.into_iter().map(entry).collect::<Result<_, _>>()?))
            }
        },
        plain => Ok(plain),
    }
}

/// The whole numbers in a valid JSON text: where one does not fit, the parser would round it.
fn whole_numbers(json: &str) -> impl Iterator<Item = &str> {
    // What is outside of strings: every second part between quotes that are not escaped.
    let mut in_string = false;
    let mut escaped = false;
    let outside = move |c: char| {
        let was_in = in_string;
        match c {
            _ if escaped => escaped = false,
            '\\' if in_string => escaped = true,
            '"' => in_string = !in_string,
            _ => {}
        }
        was_in || !(c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E'))
    };
    json.split(outside).filter(|token| {
        token.contains(|c: char| c.is_ascii_digit()) && !token.contains(['.', 'e', 'E'])
    })
}

fn fits(number: &str) -> bool {
    number.parse::<u64>().is_ok() || number.parse::<i64>().is_ok()
}

fn refuse_duplicates(value: &Value) -> Result<(), JsonError> {
    match value {
        Value::Array(items) => items.iter().try_for_each(refuse_duplicates),
        Value::Map(entries) => {
            let mut names: Vec<_> = entries.iter().filter_map(|(key, _)| key.as_text()).collect();
            names.sort_unstable();
            if let Some([name, _]) = names.array_windows().find(|[first, second]| first == second) {
                return Err(JsonError::Twice((*name).to_owned()));
            }
            entries.iter().try_for_each(|(_, value)| refuse_duplicates(value))
        }
        _ => Ok(()),
    }
}

/// Shows a CBOR item as JSON, its entries in their order.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'v>(pub &'v Value);

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, json: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Null => json.serialize_unit(),
            Value::Bool(bool) => json.serialize_bool(*bool),
            Value::Integer(integer) => serialize_integer(i128::from(*integer), json),
            Value::Float(float) if float.is_finite() => json.serialize_f64(*float),
            Value::Float(float) => json.serialize_str(unusual(*float)),
            Value::Text(text) => json.serialize_str(text),
            Value::Bytes(bytes) => json.collect_str(&format_args!("h'{}'", hex::encode(bytes))),
            Value::Array(items) => json.collect_seq(items.iter().map(Shown)),
            Value::Map(entries) => json.collect_map(named(entries)),
            Value::Tag(tag, inner) => serialize_tag(*tag, inner, json),
            other => json.collect_str(&format_args!("{other:?}")),
        }
    }
}

fn serialize_integer<S: Serializer>(integer: i128, json: S) -> Result<S::Ok, S::Error> {
    match (i64::try_from(integer), u64::try_from(integer)) {
        (Ok(small), _) => json.serialize_i64(small),
        (_, Ok(small)) => json.serialize_u64(small),
        _ => json.collect_str(&integer),
    }
}

fn unusual(float: f64) -> &'static str {
    match float {
        _ if float.is_nan() => "NaN",
        _ if float > 0.0 => "Infinity",
        _ => "-Infinity",
    }
}

/// Bignums (RFC 8949 §3.4.3) of up to 120 bits are numbers; other tags keep theirs.
fn serialize_tag<S: Serializer>(tag: u64, inner: &Value, json: S) -> Result<S::Ok, S::Error> {
    let magnitude = inner
        .as_bytes()
        .filter(|bytes| bytes.len() < 16)
        .map(|bytes| bytes.iter().fold(0_i128, |number, byte| (number << 8) | i128::from(*byte)));
    match (tag, magnitude) {
        (2, Some(number)) => serialize_integer(number, json),
        (3, Some(number)) => serialize_integer(-1 - number, json),
        _ => {
            let mut map = json.serialize_map(Some(2))?;
            map.serialize_entry("tag", &tag)?;
            map.serialize_entry("value", &Shown(inner))?;
            map.end()
        }
    }
}

/// The entries with text for keys. Where two keys would look the same, the later ones are
/// numbered: nothing is hidden.
#[must_use]
pub fn named(entries: &[(Value, Value)]) -> Vec<(String, Shown<'_>)> {
    let mut taken = HashSet::new();
    let mut named = Vec::with_capacity(entries.len());
    for (key, value) in entries {
        let name = key_text(key);
        let mut free = name.clone();
        for count in 2.. {
            if taken.insert(free.clone()) {
                break;
            }
            free = format!("{name} ({count})");
        }
        named.push((free, Shown(value)));
    }
    named
}

/// A key of a map as text, no longer than a few times its encoding.
fn key_text(key: &Value) -> String {
    match key {
        Value::Array(_) | Value::Map(_) | Value::Tag(..) => {
            let mut bytes = Vec::new();
            match ciborium::into_writer(key, &mut bytes) {
                Ok(()) => format!("h'{}'", hex::encode(bytes)),
                Err(error) => error.to_string(),
            }
        }
        plain => text(plain),
    }
}

/// An item in one line: text as it is, anything else as JSON.
#[must_use]
pub fn text(value: &Value) -> String {
    match serde_json::to_value(Shown(value)) {
        Ok(Json::String(text)) => text,
        Ok(_) => serde_json::to_string(&Shown(value)).unwrap_or_default(),
        Err(error) => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: &Value) -> String {
        serde_json::to_string(&Shown(value)).unwrap()
    }

    #[test]
    fn plain_values_are_the_same_in_both() {
        for text in [
            "null",
            "true",
            "18446744073709551615",
            "-9223372036854775808",
            "1.5",
            "1e300",
            r#""x\"1\\""#,
            r#"["12345678901234567890123 \" 99999999999999999999",{"a":{}}]"#,
        ] {
            let json: Json = serde_json::from_str(text).unwrap();
            let shown: Json = serde_json::from_str(&of(&parse(text).unwrap())).unwrap();
            assert_eq!(shown, json, "{text}");
        }
    }

    #[test]
    fn what_json_would_lose_is_refused() {
        let table = [
            ("[18446744073709551616]", "does not fit"),
            ("{\"a\":\"\\\"\",\"b\":-9223372036854775809}", "does not fit"),
            ("{\"a\":1,\"a\":2}", "\"a\" is given twice"),
            ("[{\"x\":{\"a\":1,\"b\":1,\"a\":2}}]", "\"a\" is given twice"),
            ("[{\"$bytes\":\"?\"}]", "$bytes: no base64url"),
            ("1 2", "no JSON"),
            ("", "no JSON"),
        ];
        for (text, expected) in table {
            let told = format!("{:#}", parse(text).unwrap_err());
            assert!(told.contains(expected), "{text}: {told}");
        }
    }

    #[test]
    fn an_object_stands_for_bytes() {
        let bytes = |text: &str| parse(text).unwrap();
        assert_eq!(bytes(r#"{"$bytes":"Cv8"}"#), Value::Bytes(vec![0x0a, 0xff]));
        assert_eq!(of(&bytes(r#"{"a":[{"$bytes":""}]}"#)), r#"{"a":["h''"]}"#);
        for other in [r#"{"$bytes":7}"#, r#"{"$bytes":"Cv8","a":1}"#] {
            assert_eq!(of(&bytes(other)), other);
        }
    }

    #[test]
    fn what_json_cannot_say_is_shown_as_text() {
        let bignum = |tag, bytes: &[u8]| Value::Tag(tag, Box::new(Value::Bytes(bytes.to_vec())));
        let least = ciborium::value::Integer::try_from(-(1_i128 << 64)).unwrap();
        let table = [
            (Value::Bytes(vec![0x0a, 0xff]), r#""h'0aff'""#),
            (Value::Float(f64::NAN), r#""NaN""#),
            (Value::Float(f64::NEG_INFINITY), r#""-Infinity""#),
            (Value::Integer(least), r#""-18446744073709551616""#),
            (bignum(2, &[1, 0, 0, 0, 0, 0, 0, 0, 0]), r#""18446744073709551616""#),
            (bignum(3, &[0xff]), "-256"),
            (
                bignum(2, &[1; 20]),
                r#"{"tag":2,"value":"h'0101010101010101010101010101010101010101'"}"#,
            ),
            (Value::Tag(37, Box::new(1.into())), r#"{"tag":37,"value":1}"#),
        ];
        for (value, expected) in table {
            assert_eq!(of(&value), expected);
        }
    }

    #[test]
    fn no_entry_of_a_map_is_hidden() {
        let keys = [Value::Text("1".into()), 1.into(), Value::Bytes(vec![1]), Value::Array(vec![])];
        let map = Value::Map(keys.into_iter().map(|key| (key, Value::Null)).collect());
        assert_eq!(of(&map), r#"{"1":null,"1 (2)":null,"h'01'":null,"h'80'":null}"#);
    }

    #[test]
    fn keys_within_keys_do_not_make_a_small_item_large() {
        let mut key = Value::Text("\\\"".into());
        for _ in 0..14 {
            key = Value::Map(vec![(key, Value::Null)]);
        }
        let mut encoded = Vec::new();
        ciborium::into_writer(&key, &mut encoded).unwrap();
        assert!(of(&key).len() < 4 * encoded.len(), "{} of {}", of(&key).len(), encoded.len());
    }
}
