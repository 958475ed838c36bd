//! Text from outside, made fit to be shown: nothing in it can forge or break a line.

use std::borrow::Cow;

use unicode_general_category::{GeneralCategory, get_general_category};

/// Whether a character can be shown without changing what stands around it: no control, format,
/// surrogate, private-use, line- or paragraph-separating character.
#[must_use]
pub fn is_visible(c: char) -> bool {
    // Most are: no look into the tables of Unicode for them.
    if c.is_ascii() {
        return !c.is_ascii_control();
    }
    !matches!(
        get_general_category(c),
        GeneralCategory::Control
            | GeneralCategory::Format
            | GeneralCategory::Surrogate
            | GeneralCategory::PrivateUse
            | GeneralCategory::LineSeparator
            | GeneralCategory::ParagraphSeparator
    )
}

/// The text with U+FFFD in place of what is not visible, cut to so many bytes.
pub(crate) fn shown(text: &str, max_bytes: usize) -> Cow<'_, str> {
    let fitting = &text[..text.floor_char_boundary(max_bytes)];
    if fitting.chars().all(is_visible) {
        return Cow::Borrowed(fitting);
    }
    let visible = |c| if is_visible(c) { c } else { char::REPLACEMENT_CHARACTER };
    let mut shown: String = fitting.chars().map(visible).collect();
    shown.truncate(shown.floor_char_boundary(max_bytes));
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_visible_and_short_enough() {
        let table = [
            ("the name is empty", 1024, "the name is empty"),
            ("two\r\nlines \u{1b}[2J", 1024, "two\u{fffd}\u{fffd}lines \u{fffd}[2J"),
            ("a\u{202e}b", 4, "a\u{fffd}"),
            ("a\u{1}b", 3, "a"),
            ("ää", 3, "ä"),
            ("", 0, ""),
        ];
        for (text, max_bytes, expected) in table {
            assert_eq!(shown(text, max_bytes), expected, "{text:?}");
        }
    }
}
