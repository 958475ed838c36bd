//! References in a step's params: `$ann.id` is the field `id` of the result that an earlier step
//! has named `ann`, `$page.people.0.id` is in a list; `$$5` is the text `$5`.

use std::collections::BTreeMap;

use serde_json::Value;

/// The results that have a name.
pub(in crate::cli::dev) type Results = BTreeMap<String, Value>;

/// The names that params refer to.
pub(super) fn names(params: &Value) -> Vec<&str> {
    match params {
        Value::String(text) => match Written::read(text) {
            Written::Plain(_) => Vec::new(),
            Written::Reference { name, .. } => vec![name],
        },
        Value::Array(items) => items.iter().flat_map(names).collect(),
        Value::Object(fields) => fields.values().flat_map(names).collect(),
        _ => Vec::new(),
    }
}

/// Whether a result may have this name.
pub(super) fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    !name.is_empty() && name.chars().all(allowed)
}

/// The params with what they refer to, or what is not there.
pub(in crate::cli::dev) fn resolve(params: &Value, results: &Results) -> Result<Value, String> {
    Ok(match params {
        Value::String(text) => match Written::read(text) {
            Written::Plain(text) => Value::from(text),
            Written::Reference { name, path } => look_up(name, path, results)?,
        },
        Value::Array(items) => {
            let items = items.iter().map(|item| resolve(item, results));
            Value::Array(items.collect::<Result<_, _>>()?)
        }
        Value::Object(fields) => {
            let fields = fields.iter().map(|(key, value)| {
                resolve(value, results).map(|resolved| (key.clone(), resolved))
            });
            Value::Object(fields.collect::<Result<_, _>>()?)
        }
        other => other.clone(),
    })
}

/// A text as it was meant.
enum Written<'t> {
    Plain(&'t str),
    Reference { name: &'t str, path: &'t str },
}

impl<'t> Written<'t> {
    fn read(text: &'t str) -> Self {
        match text.strip_prefix('$') {
            Some(escaped) if escaped.starts_with('$') => Self::Plain(escaped),
            Some(reference) => {
                let (name, path) = reference.split_once('.').unwrap_or((reference, ""));
                Self::Reference { name, path }
            }
            None => Self::Plain(text),
        }
    }
}

fn look_up(name: &str, path: &str, results: &Results) -> Result<Value, String> {
    let mut found = results.get(name).ok_or_else(|| format!("no result is named `{name}`"))?;
    for part in path.split('.').filter(|_| !path.is_empty()) {
        let inner = match found {
            Value::Array(items) => part.parse().ok().and_then(|at: usize| items.get(at)),
            other => other.get(part),
        };
        found = inner.ok_or_else(|| format!("`${name}.{path}`: the result has no `{part}`"))?;
    }
    Ok(found.clone())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn results() -> Results {
        let page = json!({ "people": [{ "id": "a1" }, { "id": "b2", "revision": 7 }] });
        [("ann".to_owned(), json!({ "id": "a1" })), ("page".to_owned(), page)].into()
    }

    #[test]
    fn a_reference_stands_for_what_it_refers_to_with_its_kind() {
        let table = [
            (json!({ "id": "$ann.id" }), json!({ "id": "a1" })),
            (json!(["$page.people.1.revision"]), json!([7])),
            (json!({ "whole": { "it": "$ann" } }), json!({ "whole": { "it": { "id": "a1" } } })),
            (
                json!(["$$5", "5$", "a.$b", "", true, 1.5]),
                json!(["$5", "5$", "a.$b", "", true, 1.5]),
            ),
        ];
        for (params, expected) in table {
            assert_eq!(resolve(&params, &results()).unwrap(), expected, "{params}");
        }
    }

    #[test]
    fn a_reference_to_what_is_not_there_is_told() {
        let table = [
            ("$ben.id", "no result is named `ben`"),
            ("$ann.name", "`$ann.name`: the result has no `name`"),
            ("$page.people.2.id", "`$page.people.2.id`: the result has no `2`"),
            ("$page.people.first", "`$page.people.first`: the result has no `first`"),
            ("$ann.id.more", "`$ann.id.more`: the result has no `more`"),
            ("$", "no result is named ``"),
        ];
        for (params, expected) in table {
            assert_eq!(resolve(&json!([params]), &results()).unwrap_err(), expected);
        }
    }

    #[test]
    fn the_names_are_found_wherever_they_stand() {
        let params = json!({ "a": ["$x.id", "$$no", { "b": "$y" }], "c": "z" });
        assert_eq!(names(&params), ["x", "y"]);
        assert!(is_name("order_2") && !is_name("") && !is_name("a.b"));
    }
}
