//! Params as the command line that sends them.

use std::borrow::Cow;

use bothways::visible_json;
use serde_json::Value as Json;

/// The command that asks a peer with these params, ready to be pasted into a shell.
pub(super) fn command(peer: &str, method: &str, params: &Json) -> String {
    let words = words(params);
    let begin = ["bothways", "call", peer, method].into_iter().map(Cow::Borrowed);
    line(begin.chain(words.into_iter().map(Cow::Owned)))
}

/// The command that watches all topics of a service, as the example's params say.
pub(super) fn watch_command(peer: &str, topics: &Json) -> String {
    let topics = topics.as_array().into_iter().flatten().filter_map(Json::as_str);
    line(["bothways", "watch", peer].into_iter().chain(topics).map(Cow::Borrowed))
}

fn line<'w>(words: impl Iterator<Item = Cow<'w, str>>) -> String {
    words.map(|word| quoted(&word)).collect::<Vec<_>>().join(" ")
}

fn words(params: &Json) -> Vec<String> {
    let Some(fields) = params.as_object() else { return whole(params) };
    if fields.keys().all(|name| is_plain_name(name)) {
        fields.iter().map(|(name, value)| word(name, value)).collect()
    } else {
        whole(params)
    }
}

fn whole(params: &Json) -> Vec<String> {
    vec!["-d".to_owned(), json(params)]
}

fn word(name: &str, value: &Json) -> String {
    match value {
        Json::String(text) if text.chars().all(bothways_protocol::is_visible) => {
            format!("{name}={text}")
        }
        value => format!("{name}:={}", json(value)),
    }
}

/// JSON on one line, whatever it holds.
fn json(value: &Json) -> String {
    visible_json(&value.to_string()).into_owned()
}

/// Whether a word `name=…` says this field, and no other.
pub(in crate::cli) fn is_plain_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(plain)
}

/// A word as a POSIX shell reads it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn params_are_words_that_a_shell_reads_as_they_are_meant() {
        let table = [
            (json!({}), ""),
            (json!({"name": "Ann", "title": "Engineer"}), " name=Ann title=Engineer"),
            (json!({"name": "Ann O'Hara"}), r" 'name=Ann O'\''Hara'"),
            (json!({"limit": 10, "unread": true}), " limit:=10 unread:=true"),
            (json!({"lines": [{"item": "tea"}]}), r#" 'lines:=[{"item":"tea"}]'"#),
            (json!({"name": "$(reboot)"}), " 'name=$(reboot)'"),
            (json!({"name": "a\n\u{202e}b"}), r#" 'name:="a\n\u202eb"'"#),
            (json!({"a.b": 1}), r#" -d '{"a.b":1}'"#),
            (json!({"a:": 1}), r#" -d '{"a:":1}'"#),
            (json!({"-x": "1"}), r#" -d '{"-x":"1"}'"#),
            (json!([1]), " -d '[1]'"),
        ];
        for (params, words) in table {
            assert_eq!(command("hub", "a.b", &params), format!("bothways call hub a.b{words}"));
        }
    }

    #[test]
    fn what_is_watched_is_quoted_for_the_shell() {
        let command = watch_command("hub@[::1]:4433", &json!(["people.*"]));
        assert_eq!(command, "bothways watch 'hub@[::1]:4433' 'people.*'");
    }
}
