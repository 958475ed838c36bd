//! One method, as a person reads of it: what it does, what it takes and answers, how to ask for it.

use anstyle::Style;
use bothways::service::MethodInfo;
use bothways::visible;
use bothways_protocol::Effect;
use serde::Serialize;
use serde_json::Value as Json;

use super::example;
use super::schema::{description, fields, kind};
use crate::cli::Out;

/// One method with its schemas as JSON, and no text within text.
#[derive(Debug, Serialize)]
pub(super) struct Described {
    name: String,
    effect: Effect,
    about: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    topics: Vec<String>,
    params: Json,
    result: Json,
    example: Json,
}

impl Described {
    /// What a peer told of a method; what is no JSON is nothing.
    pub(super) fn of(told: MethodInfo) -> Self {
        let json = |text: Option<String>| {
            text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
        };
        Self {
            name: told.name,
            effect: told.effect,
            about: told.about,
            topics: told.topics,
            params: json(told.params),
            result: json(told.result),
            example: json(told.example),
        }
    }

    /// The page for a person who asked this peer.
    pub(super) fn page(&self, peer: &str, out: Out) -> String {
        let title = if out.is_styled() { Style::new().bold() } else { Style::new() };
        let mut page = format!(
            "{title}{}{title:#}  {}\n{}\n",
            visible(&self.name),
            super::effect(self.effect),
            visible(&self.about)
        );
        let params = table(&self.params, "required", out).unwrap_or_else(|| "none\n".to_owned());
        page += &part(title, "Params", &params);
        page += &part(title, "Result", &self.result(out));
        if !self.topics.is_empty() {
            page += &part(title, "Topics", &visible(&self.topics.join(", ")));
        }
        let command = match self.topics.as_slice() {
            [] => example::command(peer, &self.name, &self.example),
            _ => example::watch_command(peer, &self.example["topics"]),
        };
        page += &part(title, "Example", &visible_command(&command));
        page
    }

    fn result(&self, out: Out) -> String {
        let said = visible(description(&self.result)).into_owned();
        match table(&self.result, "always", out) {
            Some(table) if said.is_empty() => table,
            Some(table) => format!("{said}\n{table}"),
            None if self.result["type"] == "object" => said,
            None => visible(&kind(&self.result)).into_owned(),
        }
    }
}

fn part(title: Style, heading: &str, text: &str) -> String {
    format!("\n{title}{heading}{title:#}\n{}\n", text.trim_end())
}

/// The fields of a schema under headings, one of which says that a field is there; `None` where
/// there are none.
fn table(schema: &Json, there: &str, out: Out) -> Option<String> {
    let fields = fields(schema);
    let row = |field: &super::schema::Field| {
        let required = if field.required { "yes" } else { "" };
        [&*field.path, &field.kind, required, &field.what].map(ToOwned::to_owned).to_vec()
    };
    let headings = ["name", "type", there, "what"];
    (!fields.is_empty()).then(|| out.table(&headings, fields.iter().map(row)))
}

/// A command as it is to be pasted: a backslash in it is the shell's, and stays one.
fn visible_command(command: &str) -> String {
    command.split('\\').map(visible).collect::<Vec<_>>().join("\\")
}

#[cfg(test)]
mod tests {
    use clap::ColorChoice;
    use serde_json::json;

    use super::*;
    use crate::cli::Format;

    fn told(params: &Json, result: &Json, example: &Json) -> Described {
        Described::of(MethodInfo {
            name: "people.create".to_owned(),
            effect: Effect::Writes,
            about: "Creates one person.".to_owned(),
            topics: Vec::new(),
            params: Some(params.to_string()),
            result: Some(result.to_string()),
            example: Some(example.to_string()),
        })
    }

    fn page(told: &Described) -> String {
        told.page("hub", Out::new(Format::Table, ColorChoice::Never))
    }

    #[test]
    fn a_page_has_all_that_is_needed_to_ask() {
        let name = json!({"type": "string", "maxLength": 64, "description": "Who."});
        let params = json!({"type": "object", "properties": {"name": name}, "required": ["name"]});
        let result = json!({"type": "string"});
        let page = page(&told(&params, &result, &json!({"name": "Ann"})));
        let expected = "\
people.create  writes
Creates one person.

Params
NAME  TYPE                       REQUIRED  WHAT
name  text, up to 64 characters  yes       Who.

Result
text

Example
bothways call hub people.create name=Ann
";
        assert_eq!(page, expected);
    }

    #[test]
    fn nothing_that_a_peer_tells_reaches_the_terminal_as_it_is() {
        let evil = "a\u{1b}[2J\n\u{202e}";
        let field = json!({"type": evil, "description": evil, "default": evil});
        let schema = json!({"type": "object", "description": evil, "properties": {evil: field}});
        let evil_method = Described {
            name: evil.to_owned(),
            about: evil.to_owned(),
            topics: vec![evil.to_owned()],
            ..told(&schema, &schema, &json!({"topics": [evil]}))
        };
        let of_call =
            Described { topics: Vec::new(), ..told(&schema, &schema, &json!({evil: evil})) };
        for method in [evil_method, of_call] {
            let page = page(&method);
            assert!(!page.contains(['\u{1b}', '\u{202e}']), "{page:?}");
        }
    }

    #[test]
    fn a_peer_that_tells_no_schemas_is_still_shown() {
        let old = MethodInfo { params: Some("{".to_owned()), ..described_by_an_old_node() };
        let page = page(&Described::of(old));
        assert!(page.contains("Params\nnone\n"), "{page}");
    }

    fn described_by_an_old_node() -> MethodInfo {
        MethodInfo {
            name: "a.b".to_owned(),
            effect: Effect::Reads,
            about: String::new(),
            topics: Vec::new(),
            params: None,
            result: None,
            example: None,
        }
    }
}
