//! What a method says of itself to whoever asks: the JSON Schema of its params and its result, and
//! an example.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bothways_protocol::{Encoded, Method};
use ciborium::Value;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::transform::{RecursiveTransform, Transform};
use schemars::{JsonSchema, Schema, json_schema};
use serde::Serialize;
use serde_json::{Map, Value as Json};

/// The one key of an object that stands for bytes in JSON.
pub(crate) const BYTES_KEY: &str = "$bytes";

/// How a method describes itself: kept as functions, since few ask.
#[derive(Clone)]
pub(crate) struct Described {
    params: fn() -> Schema,
    result: fn() -> Schema,
    example: Arc<dyn Fn() -> Json + Send + Sync>,
}

impl Described {
    /// What is said of a method of its own type.
    pub(super) fn of<M: Method>() -> Self {
        Self::with::<M, M::Result>(M::example)
    }

    /// What is said of a method with these params and this result.
    pub(super) fn with<P, R>(example: impl Fn() -> P + Send + Sync + 'static) -> Self
    where
        P: JsonSchema + Serialize,
        R: JsonSchema,
    {
        Self {
            params: || schema_of::<P>(settings().for_deserialize()),
            result: || schema_of::<R>(settings().for_serialize()),
            example: Arc::new(move || in_json(&example())),
        }
    }

    /// The JSON Schema of the params, as text.
    pub(super) fn params(&self) -> String {
        text((self.params)().as_value())
    }

    /// The JSON Schema of the result, as text.
    pub(super) fn result(&self) -> String {
        text((self.result)().as_value())
    }

    /// Params as somebody may send them, as JSON text.
    pub(super) fn example(&self) -> String {
        text(&(self.example)())
    }
}

impl fmt::Debug for Described {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Described").finish_non_exhaustive()
    }
}

/// Bytes, for the schema of a type that has some: `#[schemars(with = "BytesInJson")]`.
///
/// JSON has none. An object `{"$bytes": …}` stands for them, with base64url and without padding
/// (RFC 4648 §5).
#[derive(Debug)]
pub struct BytesInJson;

impl JsonSchema for BytesInJson {
    fn schema_name() -> Cow<'static, str> {
        "Bytes".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "description": "Bytes, in base64url",
            "properties": {
                BYTES_KEY: {
                    "type": "string",
                    "contentEncoding": "base64url",
                    "pattern": "^[A-Za-z0-9_-]*$"
                }
            },
            "required": [BYTES_KEY],
            "additionalProperties": false
        })
    }
}

/// A schema stands alone, without references: whoever shows it or puts it into another document
/// has nothing to look up.
fn settings() -> SchemaSettings {
    SchemaSettings::draft2020_12().with(|settings| {
        settings.meta_schema = None;
        settings.inline_subschemas = true;
    })
}

fn schema_of<T: JsonSchema>(settings: SchemaSettings) -> Schema {
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    RecursiveTransform(plain).transform(&mut schema);
    if schema.get("type").is_some_and(|kind| kind != "object") {
        // A type that has no fields has no name that says more, either.
        schema.remove("title");
    }
    schema
}

/// Takes out what people and forms stumble over: line ends of comments, and `null` where a field
/// may as well be absent.
fn plain(schema: &mut Schema) {
    if let Some(Json::String(description)) = schema.get_mut("description") {
        let paragraphs = description.split("\n\n").map(|text| text.replace('\n', " "));
        *description = paragraphs.collect::<Vec<_>>().join("\n\n");
    }
    let needed = schema.get("required").and_then(Json::as_array).cloned().unwrap_or_default();
    let Some(Json::Object(fields)) = schema.get_mut("properties") else { return };
    for (name, field) in fields {
        if !needed.iter().any(|needed| needed == name) {
            not_null(field);
        }
    }
}

/// Takes `null` out of what a field may be.
fn not_null(field: &mut Json) {
    let Some(field) = field.as_object_mut() else { return };
    if field.get("default").is_some_and(Json::is_null) {
        field.remove("default");
    }
    if let Some(Json::Array(types)) = field.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            field.insert("type".to_owned(), only);
        }
    }
    if let Some(Json::Array(values)) = field.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    let Some(Json::Array(choices)) = field.get_mut("anyOf") else { return };
    choices.retain(|choice| choice.get("type").is_none_or(|kind| kind != "null"));
    if let [Json::Object(only)] = choices.as_mut_slice() {
        let only = std::mem::take(only);
        field.remove("anyOf");
        // What is said of the field goes before what is said of its type.
        for (key, value) in only {
            field.entry(key).or_insert(value);
        }
    }
}

/// A value as JSON, in the way that all of this program's JSON goes.
fn in_json<T: Serialize>(value: &T) -> Json {
    let value = Encoded::of(value).and_then(|encoded| encoded.value());
    // An example that cannot be encoded cannot be sent, either.
    value.map_or(Json::Null, |value| json_of(&value))
}

fn json_of(value: &Value) -> Json {
    match value {
        Value::Bool(bool) => Json::Bool(*bool),
        Value::Integer(integer) => match i64::try_from(*integer) {
            Ok(number) => Json::from(number),
            Err(_) => u64::try_from(*integer).map_or(Json::Null, Json::from),
        },
        Value::Float(float) => Json::from(*float),
        Value::Text(text) => Json::from(text.as_str()),
        Value::Bytes(bytes) => {
            let text = URL_SAFE_NO_PAD.encode(bytes);
            Json::Object(Map::from_iter([(BYTES_KEY.to_owned(), Json::String(text))]))
        }
        Value::Array(items) => items.iter().map(json_of).collect(),
        Value::Map(entries) => {
            let entry =
                |(key, value): &(Value, Value)| Some((key.as_text()?.to_owned(), json_of(value)));
            Json::Object(entries.iter().filter_map(entry).collect())
        }
        _ => Json::Null,
    }
}

fn text(json: &Json) -> String {
    json.to_string()
}
