//! Text from elsewhere, made safe to show: it cannot break a line, move a cursor or turn around
//! what stands beside it.

use std::borrow::Cow;
use std::fmt::Write;

use bothways_protocol::is_visible;

/// Shows each character that is not plainly visible, and the backslash, as an escape of Rust's
/// (`\n`, `\u{1b}`, `\\`): two different texts never look the same.
///
/// ```
/// assert_eq!(bothways::visible("Ann\n\u{1b}[2J"), r"Ann\n\u{1b}[2J");
/// ```
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            c if is_plain(c) => shown.push(c),
            '\\' | '\n' | '\r' | '\t' => shown.extend(c.escape_default()),
            c => shown.extend(c.escape_unicode()),
        }
    }
    Cow::Owned(shown)
}

/// JSON in which every character is visible: escapes what JSON lets through and some readers take
/// for a line's end or obey. Outside ASCII such characters stand only within strings, where `\uXXXX`
/// means the same (RFC 8259 §7).
///
/// ```
/// assert_eq!(bothways::visible_json("[\"a\u{9b}2J\"]"), r#"["a\u009b2J"]"#);
/// ```
#[must_use]
pub fn visible_json(json: &str) -> Cow<'_, str> {
    if json.bytes().all(|c| matches!(c, b' '..=b'~' | b'\n')) {
        return Cow::Borrowed(json);
    }
    let (mut shown, mut units) = (String::with_capacity(json.len() + 16), [0; 2]);
    for c in json.chars() {
        if c == '\n' || is_visible(c) {
            shown.push(c);
        } else {
            for unit in c.encode_utf16(&mut units) {
                // A `String` takes whatever is written to it.
                let _ = write!(shown, "\\u{unit:04x}");
            }
        }
    }
    Cow::Owned(shown)
}

fn is_plain(c: char) -> bool {
    is_visible(c) && c != '\\'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_forge_a_line_is_escaped() {
        let table = [
            ("Łukasz 安 '\"", "Łukasz 安 '\""),
            ("a\r\nb\t", r"a\r\nb\t"),
            ("\u{1b}[2J\0", r"\u{1b}[2J\u{0}"),
            ("\u{202e}\u{2028}\u{85}", r"\u{202e}\u{2028}\u{85}"),
        ];
        for (text, shown) in table {
            assert_eq!(visible(text), shown);
        }
    }

    #[test]
    fn an_escape_and_the_text_that_looks_like_it_differ() {
        assert_ne!(visible("\n"), visible(r"\n"));
    }
}
