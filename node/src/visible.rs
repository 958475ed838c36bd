//! Text from elsewhere, made safe to show: it cannot break a line, move a cursor or turn around
//! what stands beside it.

use std::borrow::Cow;

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
