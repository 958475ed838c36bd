//! A drawing on standard output.

use std::io;

use anstyle::{AnsiColor, Style};
use bothways::exchange::draw::{Page, Tint};

/// The columns to draw in: as many as were asked for, or the terminal has, or 100.
pub(super) fn columns(asked: Option<usize>) -> usize {
    const ELSEWHERE: usize = 100;
    let terminal = || comfy_table::Table::new().width().map(usize::from);
    asked.or_else(terminal).unwrap_or(ELSEWHERE)
}

/// A page as text, in colour where standard output is to have it.
pub(super) fn painted(page: &Page) -> String {
    if anstream::AutoStream::choice(&io::stdout()) == anstream::ColorChoice::Never {
        return page.to_string();
    }
    let mut text = String::new();
    for line in page.lines() {
        for span in line {
            let style = style(span.tint);
            text += &format!("{style}{}{style:#}", span.text);
        }
        text.push('\n');
    }
    text
}

fn style(tint: Tint) -> Style {
    match tint {
        Tint::Plain => Style::new(),
        Tint::Heading => Style::new().bold(),
        Tint::Faint => Style::new().dimmed(),
        Tint::Good => AnsiColor::Green.on_default(),
        Tint::Bad => AnsiColor::Red.on_default(),
        Tint::Gap => AnsiColor::Yellow.on_default().bold(),
    }
}
