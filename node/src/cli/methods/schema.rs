//! The fields of a JSON Schema as rows for a person: which, of what type, needed or not, and what
//! it is. A schema comes from a peer: what is not understood is left out, and nothing is trusted.

use serde_json::{Map, Value as Json};

/// One field, or one within it (`lines[].count`).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) path: String,
    pub(super) kind: String,
    /// Whether it is text, whatever the rules for it are.
    pub(super) is_text: bool,
    pub(super) required: bool,
    pub(super) what: String,
}

/// All fields of an object, each with those within it behind it; nothing of what is no object.
pub(super) fn fields(schema: &Json) -> Vec<Field> {
    let mut fields = Vec::new();
    add_fields("", schema, &mut fields);
    fields
}

/// What a value is, in a few words: `text, 1 to 64 characters`.
pub(super) fn kind(schema: &Json) -> String {
    let choices = schema.get("oneOf").or_else(|| schema.get("anyOf")).and_then(Json::as_array);
    if let Some(choices) = choices {
        return one_of(choices.iter().map(choice));
    }
    if let Some(values) = schema.get("enum").and_then(Json::as_array) {
        return one_of(values.iter().map(said));
    }
    if is_bytes(schema) {
        return "bytes".to_owned();
    }
    match schema.get("type") {
        Some(Json::String(kind)) => of_type(kind, schema),
        Some(Json::Array(kinds)) => {
            let kinds = kinds.iter().filter_map(Json::as_str);
            kinds.map(|kind| of_type(kind, schema)).collect::<Vec<_>>().join(" or ")
        }
        _ => schema.get("const").map_or_else(|| "anything".to_owned(), said),
    }
}

/// What stands in the schema about the whole.
pub(super) fn description(schema: &Json) -> &str {
    schema.get("description").and_then(Json::as_str).unwrap_or_default()
}

fn add_fields(above: &str, schema: &Json, fields: &mut Vec<Field>) {
    let Some(properties) = schema.get("properties").and_then(Json::as_object) else { return };
    if is_bytes(schema) {
        return;
    }
    for (name, field) in properties {
        let path = if above.is_empty() { name.clone() } else { format!("{above}.{name}") };
        let required = is_required(schema, name);
        let (kind, is_text, what) = (kind(field), is_text(field), what(field));
        fields.push(Field { path: path.clone(), kind, is_text, required, what });
        add_fields(&path, field, fields);
        if let Some(items) = field.get("items") {
            add_fields(&format!("{path}[]"), items, fields);
        }
    }
}

fn is_required(schema: &Json, name: &str) -> bool {
    let required = schema.get("required").and_then(Json::as_array);
    required.is_some_and(|names| names.iter().any(|required| required == name))
}

/// What a field is, and what it is where nothing is said.
fn what(field: &Json) -> String {
    let said = description(field);
    match field.get("default") {
        None | Some(Json::Null) => said.to_owned(),
        Some(default) => format!("{said} Default {default}.").trim_start().to_owned(),
    }
}

fn of_type(kind: &str, schema: &Json) -> String {
    match kind {
        "string" => text(schema),
        "integer" | "number" => number(kind, schema),
        "boolean" => "true or false".to_owned(),
        "array" => list(schema),
        "object" => map(schema),
        other => other.to_owned(),
    }
}

fn text(schema: &Json) -> String {
    let kind = match schema.get("format").and_then(Json::as_str) {
        Some("uuid") => "UUID",
        _ => "text",
    };
    within(kind, bounds(schema, "minLength", "maxLength"), " characters")
}

/// The ranges that a type has by itself say nothing to a person.
fn number(kind: &str, schema: &Json) -> String {
    match bounds(schema, "minimum", "maximum") {
        (Some(0.0), None) => kind.to_owned(),
        bounds => within(kind, bounds, ""),
    }
}

fn list(schema: &Json) -> String {
    let of = schema.get("items").map_or_else(|| "anything".to_owned(), |items| many(&kind(items)));
    within(&format!("list of {of}"), bounds(schema, "minItems", "maxItems"), "")
}

fn map(schema: &Json) -> String {
    match schema.get("additionalProperties") {
        Some(values @ Json::Object(_)) if schema.get("properties").is_none() => {
            format!("object of {}", many(&kind(values)))
        }
        _ => "object".to_owned(),
    }
}

/// Several of a kind.
fn many(kind: &str) -> String {
    match kind {
        "object" | "integer" | "number" | "UUID" => format!("{kind}s"),
        other => other.to_owned(),
    }
}

fn bounds(schema: &Json, least: &str, most: &str) -> (Option<f64>, Option<f64>) {
    let bound = |key: &str| schema.get(key).and_then(Json::as_f64);
    (bound(least), bound(most))
}

fn within(kind: &str, bounds: (Option<f64>, Option<f64>), unit: &str) -> String {
    match bounds {
        (None, None) => kind.to_owned(),
        (Some(min), Some(max)) => format!("{kind}, {min} to {max}{unit}"),
        (Some(min), None) => format!("{kind}, {min} or more{unit}"),
        (None, Some(max)) => format!("{kind}, up to {max}{unit}"),
    }
}

fn one_of(choices: impl Iterator<Item = String>) -> String {
    format!("one of {}", choices.collect::<Vec<_>>().join(", "))
}

/// One of several: a word, or an object with one field that says which it is.
fn choice(schema: &Json) -> String {
    let only = |fields: &Map<String, Json>| match fields.keys().next() {
        Some(name) if fields.len() == 1 => Some(format!("{{{name}: …}}")),
        _ => None,
    };
    let named = schema.get("properties").and_then(Json::as_object).and_then(only);
    named.or_else(|| schema.get("const").map(said)).unwrap_or_else(|| kind(schema))
}

/// A value as a person writes it: text without quotes.
fn said(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

fn is_text(schema: &Json) -> bool {
    let choices = schema.get("oneOf").and_then(Json::as_array);
    let text = |schema: &Json| schema.get("type").is_some_and(|kind| kind == "string");
    choices.map_or_else(|| text(schema), |choices| choices.iter().all(text))
}

fn is_bytes(schema: &Json) -> bool {
    schema.pointer("/properties/$bytes").is_some()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_type_is_said_in_a_few_words() {
        let table = [
            (json!({"type": "string"}), "text"),
            (
                json!({"type": "string", "minLength": 1, "maxLength": 64}),
                "text, 1 to 64 characters",
            ),
            (json!({"type": "string", "format": "uuid"}), "UUID"),
            (json!({"type": "integer", "format": "uint64", "minimum": 0}), "integer"),
            (json!({"type": "integer", "minimum": 1, "maximum": 50}), "integer, 1 to 50"),
            (json!({"type": "boolean"}), "true or false"),
            (json!({"type": ["string", "null"]}), "text or null"),
            (json!({"type": "array", "items": {"type": "string"}}), "list of text"),
            (json!({"type": "array", "maxItems": 9}), "list of anything, up to 9"),
            (
                json!({"type": "object", "additionalProperties": {"type": "integer"}}),
                "object of integers",
            ),
            (json!({"oneOf": [{"const": "in"}, {"const": "out"}]}), "one of in, out"),
            (json!({"oneOf": [{"const": "x"}, {"properties": {"y": {}}}]}), "one of x, {y: …}"),
            (json!({"enum": ["a", 1]}), "one of a, 1"),
            (json!({"type": "object", "properties": {"$bytes": {}}}), "bytes"),
            (json!({}), "anything"),
            (json!(true), "anything"),
            (json!({"type": 7, "minLength": []}), "anything"),
        ];
        for (schema, words) in table {
            assert_eq!(kind(&schema), words, "{schema}");
        }
    }

    #[test]
    fn the_fields_within_a_field_follow_it() {
        let line = json!({
            "type": "object",
            "properties": {"count": {"type": "integer", "default": 1, "description": "How many."}},
            "required": ["count"]
        });
        let schema = json!({
            "properties": {"lines": {"type": "array", "items": line}, "at": line}
        });
        let rows = fields(&schema);
        let paths: Vec<_> = rows.iter().map(|field| (&*field.path, field.required)).collect();
        let expected =
            [("lines", false), ("lines[].count", true), ("at", false), ("at.count", true)];
        assert_eq!(paths, expected);
        assert_eq!(rows[1].what, "How many. Default 1.");
    }

    #[test]
    fn what_is_no_schema_has_no_fields() {
        for schema in [json!(null), json!([]), json!({"properties": 1}), json!({"required": {}})] {
            assert_eq!(fields(&schema), [], "{schema}");
        }
    }
}
