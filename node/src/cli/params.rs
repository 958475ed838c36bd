//! What `bothways call` sends: params out of the command line, as one CBOR item.
//!
//! `k=v` is text, `k:=json` any JSON, `a.b=v` a field within a field; `-d` gives a whole item to
//! which these are added. Nothing is said twice: a field that is there already is an error.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use anyhow::{Context, anyhow, bail, ensure};
use ciborium::Value;

use bothways::json;

/// The most that is read from a file or from standard input, in bytes: no message is larger.
const DATA_MAX_BYTES: u64 = 16 * 1024 * 1024;

/// Params from `-d` and the `k=v` words: without either, an object without fields.
pub(super) fn params(data: Option<&str>, words: &[String]) -> anyhow::Result<Value> {
    let data = data.map(whole).transpose()?;
    if words.is_empty() {
        return Ok(data.unwrap_or(Value::Map(Vec::new())));
    }
    let mut fields = match data {
        None => Vec::new(),
        Some(Value::Map(fields)) => fields,
        Some(_) => bail!("fields can be added only to an object, and --data is something else"),
    };
    for word in words {
        let Field { path, value } = word.parse()?;
        add(&mut fields, &path, value).with_context(|| format!("cannot add {word:?}"))?;
    }
    Ok(Value::Map(fields))
}

/// Which field of these words was sent as text though it reads as other JSON, and how to say that:
/// `limit:=10` for `limit=10`.
pub(super) fn meant_as_json<'w>(field: &str, words: &'w [String]) -> Option<(&'w str, String)> {
    words.iter().find_map(|word| {
        let (path, text) = word.split_once('=')?;
        let json = json::parse(text).is_ok_and(|value| !value.is_text());
        (path == field && json).then(|| (word.as_str(), format!("{path}:={text}")))
    })
}

/// Reads `@file`, `-` (standard input) or a literal: JSON, or CBOR from a file that ends `.cbor`.
fn whole(data: &str) -> anyhow::Result<Value> {
    if data == "-" || data == "@-" {
        let text = read(io::stdin().lock()).context("cannot read standard input")?;
        return from_json(&text).context("standard input");
    }
    let Some(path) = data.strip_prefix('@').map(Path::new) else {
        return json::parse(data).context("--data");
    };
    let shown = path.display();
    let file = fs::File::open(path).with_context(|| format!("cannot open {shown}"))?;
    let bytes = read(file).with_context(|| format!("cannot read {shown}"))?;
    if path.extension().is_some_and(|extension| extension == "cbor") {
        return from_cbor(&bytes).with_context(|| shown.to_string());
    }
    from_json(&bytes).with_context(|| shown.to_string())
}

fn read(from: impl Read) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(DATA_MAX_BYTES + 1).read_to_end(&mut bytes)?;
    ensure!(bytes.len() as u64 <= DATA_MAX_BYTES, "more than {DATA_MAX_BYTES} bytes");
    Ok(bytes)
}

fn from_json(bytes: &[u8]) -> anyhow::Result<Value> {
    Ok(json::parse(std::str::from_utf8(bytes).context("no UTF-8 text")?)?)
}

/// One CBOR item and nothing after it, no deeper than a message may be.
fn from_cbor(mut bytes: &[u8]) -> anyhow::Result<Value> {
    let value = ciborium::de::from_reader_with_recursion_limit(&mut bytes, 16)
        .map_err(|error| anyhow!("no CBOR item: {error}"))?;
    ensure!(bytes.is_empty(), "{} bytes follow the CBOR item", bytes.len());
    Ok(value)
}

/// One word of the command line: which field, and its value.
#[derive(Debug, PartialEq)]
struct Field {
    path: Vec<String>,
    value: Value,
}

impl std::str::FromStr for Field {
    type Err = anyhow::Error;

    fn from_str(word: &str) -> anyhow::Result<Self> {
        let (path, text) = word
            .split_once('=')
            .ok_or_else(|| anyhow!("{word:?} is no field: write name=text or name:=json"))?;
        let (path, value) = match path.strip_suffix(':') {
            Some(path) => (path, json::parse(text).with_context(|| format!("field {path}"))?),
            None => (path, Value::Text(text.to_owned())),
        };
        let path: Vec<_> = path.split('.').map(ToOwned::to_owned).collect();
        ensure!(!path.iter().any(String::is_empty), "{word:?} names no field before the =");
        Ok(Self { path, value })
    }
}

/// Puts a value where the path says, and makes the objects on the way.
fn add(fields: &mut Vec<(Value, Value)>, path: &[String], value: Value) -> anyhow::Result<()> {
    let Some((name, rest)) = path.split_first() else { bail!("the field has no name") };
    let there = fields.iter().position(|(key, _)| key.as_text() == Some(name));
    match (there, rest) {
        (None, []) => fields.push((Value::Text(name.clone()), value)),
        (None, rest) => {
            let mut inner = Vec::new();
            add(&mut inner, rest, value)?;
            fields.push((Value::Text(name.clone()), Value::Map(inner)));
        }
        (Some(_), []) => bail!("field {name} is given twice"),
        (Some(at), rest) => match &mut fields[at].1 {
            Value::Map(inner) => add(inner, rest, value)?,
            _ => bail!("field {name} is no object"),
        },
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn shown(data: Option<&str>, words: &[&str]) -> Result<String, String> {
        let words: Vec<_> = words.iter().map(ToString::to_string).collect();
        let value = params(data, &words).map_err(|error| format!("{error:#}"))?;
        Ok(serde_json::to_string(&json::Shown(&value)).unwrap())
    }

    #[test]
    fn words_become_fields() {
        let table: [(Option<&str>, &[&str], &str); 9] = [
            (None, &[], "{}"),
            (None, &["name=Ann", "title="], r#"{"name":"Ann","title":""}"#),
            (None, &["age:=41", "tags:=[\"a\"]"], r#"{"age":41,"tags":["a"]}"#),
            (None, &["n=41", "x=a=b:=c"], r#"{"n":"41","x":"a=b:=c"}"#),
            (None, &["a.b=1", "a.c.d:=null"], r#"{"a":{"b":"1","c":{"d":null}}}"#),
            (Some("{\"a\":{\"b\":1}}"), &["a.c=x"], r#"{"a":{"b":1,"c":"x"}}"#),
            (Some("[1,2]"), &[], "[1,2]"),
            (Some("null"), &[], "null"),
            (Some("{}"), &["a:={\"b\":true}"], r#"{"a":{"b":true}}"#),
        ];
        for (data, words, expected) in table {
            assert_eq!(shown(data, words).as_deref(), Ok(expected), "{data:?} {words:?}");
        }
    }

    #[test]
    fn text_that_was_meant_as_json_is_told_from_text() {
        let words = ["name=Ann", "limit=10", "a.b=[1]", "quoted=\"x\"", "age:=4"];
        let words = words.map(str::to_owned);
        let meant = |field| meant_as_json(field, &words).map(|(_, json)| json);
        assert_eq!(meant("limit").as_deref(), Some("limit:=10"));
        assert_eq!(meant("a.b").as_deref(), Some("a.b:=[1]"));
        for field in ["name", "quoted", "age", "other"] {
            assert_eq!(meant(field), None, "{field}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let table: [(Option<&str>, &[&str], &str); 10] = [
            (None, &["name"], "\"name\" is no field: write name=text or name:=json"),
            (None, &["=x"], "names no field"),
            (None, &["a..b=x"], "names no field"),
            (None, &["a:=x"], "field a: "),
            (None, &["a=1", "a=2"], "field a is given twice"),
            (None, &["a=1", "a.b=2"], "field a is no object"),
            (Some("{\"a\":1}"), &["a=2"], "field a is given twice"),
            (Some("[]"), &["a=2"], "only to an object"),
            (Some("{"), &[], "--data: "),
            (Some("@/nowhere/at/all"), &[], "cannot open /nowhere/at/all"),
        ];
        for (data, words, expected) in table {
            let told = shown(data, words).unwrap_err();
            assert!(told.contains(expected), "{told}");
        }
    }

    #[test]
    fn a_file_holds_json_or_cbor() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            fs::File::create(&path).unwrap().write_all(bytes).unwrap();
            format!("@{}", path.display())
        };
        assert_eq!(shown(Some(&file("a.json", b" {\"a\": 1}\n")), &[]).unwrap(), r#"{"a":1}"#);
        let item = file("a.cbor", &[0xa1, 0x61, b'a', 0x41, 0xff]);
        assert_eq!(shown(Some(&item), &["b=x"]).unwrap(), r#"{"a":"h'ff'","b":"x"}"#);
        let trailing = shown(Some(&file("b.cbor", &[0x01, 0x02])), &[]).unwrap_err();
        assert!(trailing.contains("1 bytes follow"), "{trailing}");
        assert!(shown(Some(&file("c.cbor", &[0x81; 40])), &[]).unwrap_err().contains("no CBOR"));
        assert!(shown(Some(&file("d.json", &[0xff])), &[]).unwrap_err().contains("no UTF-8"));
    }
}
