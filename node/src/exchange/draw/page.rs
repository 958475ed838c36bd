//! Lines of tinted text: whoever shows them decides whether tints become colours.

use std::fmt;

/// Text in lines, each fitting the width that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    lines: Vec<Line>,
}

/// One line, from left to right.
pub type Line = Vec<Span>;

/// A stretch of text of one tint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// What kind of thing the text says.
    pub tint: Tint,
    /// Visible text, without line ends.
    pub text: String,
}

/// What kind of thing a stretch of text says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tint {
    /// Nothing special.
    Plain,
    /// What the following lines are about.
    Heading,
    /// What only guides the eye.
    Faint,
    /// Something went well.
    Good,
    /// Something failed.
    Bad,
    /// Something is missing.
    Gap,
}

impl Page {
    /// The lines, from top to bottom.
    #[must_use]
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    pub(super) fn line(&mut self, spans: impl IntoIterator<Item = (Tint, String)>) {
        let spans = spans.into_iter().filter(|(_, text)| !text.is_empty());
        self.lines.push(spans.map(|(tint, text)| Span { tint, text }).collect());
    }

    pub(super) fn blank(&mut self) {
        self.lines.push(Line::new());
    }
}

/// The text without tints; no line ends in blanks.
impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.lines {
            let text: String = line.iter().map(|span| span.text.as_str()).collect();
            writeln!(f, "{}", text.trim_end())?;
        }
        Ok(())
    }
}
