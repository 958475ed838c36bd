//! A node's status as lines of text, as wide as the terminal is.

mod sessions;

use std::time::{SystemTime, UNIX_EPOCH};

use anstyle::{AnsiColor, Style};
use bothways::{DialStatus, RequestCounts, Status, visible};

use super::words::{bytes, count, span};
use crate::cli::Out;
use crate::cli::bench::grouped;

/// How wide it is where there is no terminal.
const ELSEWHERE: usize = 100;
/// The narrowest that anything is made for.
const WIDTH_MIN: usize = 40;
/// The names in front of the last lines stand in so many columns.
const NAMES: usize = 10;

/// What a status is shown on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Screen {
    width: usize,
    styled: bool,
    /// The time, in milliseconds since 1970 UTC.
    now_ms: u64,
}

/// A stretch of text, and what it looks like.
type Piece = (Style, String);

impl Screen {
    /// Standard output, now.
    pub(super) fn now(out: Out) -> Self {
        let width = out.size().map_or(ELSEWHERE, |(columns, _)| columns.max(WIDTH_MIN));
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now_ms = since.as_millis().try_into().unwrap_or(u64::MAX);
        Self { width, styled: out.is_styled(), now_ms }
    }

    /// The lines, none of which is wider than the screen.
    pub(super) fn lines(&self, status: &Status) -> Vec<String> {
        let mut lines = self.head(status);
        lines.push(String::new());
        if status.sessions.is_empty() {
            lines.push(self.line([(faint(), "no session".to_owned())]));
        } else {
            lines.extend(sessions::table(self, &status.sessions));
        }
        if !status.dials.is_empty() {
            lines.push(String::new());
            lines.extend(status.dials.iter().flat_map(|dial| self.dial(dial)));
        }
        lines.push(String::new());
        lines.extend(self.foot(status));
        lines
    }

    /// What could not be had, in a line.
    pub(super) fn trouble(&self, what: &str) -> String {
        self.line([(bad(), what.to_owned())])
    }

    fn head(&self, status: &Status) -> Vec<String> {
        let mut facts = status.role.clone();
        if !status.network.is_empty() {
            facts += &format!(" of network {}", status.network);
        }
        if status.started_ms > 0 {
            facts +=
                &format!(", up {}", span(self.now_ms.saturating_sub(status.started_ms) / 1000));
        }
        if !status.version.is_empty() {
            facts += &format!(", bothways {}", status.version);
        }
        facts += &format!(", process {}", status.pid);
        let listening = match status.listening.as_slice() {
            [] => "no listener".to_owned(),
            addresses => format!("listens on {}", addresses.join(", ")),
        };
        let name = (Style::new().bold(), format!("{}  ", status.name));
        vec![self.line([name, plain(facts)]), self.line([plain(listening)])]
    }

    /// A dial that is going on or has failed, and why, below it.
    fn dial(&self, dial: &DialStatus) -> Vec<String> {
        let DialStatus { peer, address, state, failures, why } = dial;
        let failed = match failures {
            0 => String::new(),
            failures => format!(", {} failed", count((*failures).into(), "dial has", "dials have")),
        };
        let style = if *failures > 0 { warning() } else { Style::new() };
        let row = (style, format!("no session with {peer} at {address}: {state}{failed}"));
        let mut lines = vec![self.line([row])];
        let why = why.as_deref().map(|why| wrapped(&visible(why), self.width - 2));
        lines.extend(why.into_iter().flatten().map(|line| self.line([plain(format!("  {line}"))])));
        lines
    }

    fn foot(&self, status: &Status) -> Vec<String> {
        let Status { requests, writes, subscriptions, watching, log, .. } = status;
        let (out, inward) = (counts(requests.out), counts(requests.inward));
        let dropped = count(log.dropped, "log line lost", "log lines lost");
        let lost = if log.dropped > 0 { warning() } else { Style::new() };
        let queues = format!(
            "{} at work, {} here, {} at peers, ",
            count(*writes, "write", "writes"),
            count(*subscriptions, "subscription", "subscriptions"),
            grouped(*watching),
        );
        let name = |name: &str| (faint(), format!("{name:NAMES$}"));
        let mut lines = vec![
            self.line([name("issued"), plain(out)]),
            self.line([name("answered"), plain(inward)]),
            self.line([name("queues"), plain(queues), (lost, dropped)]),
        ];
        if let Some(store) = &status.store {
            let size = format!("revision {}, {}", grouped(store.revision), bytes(store.bytes));
            let read_only = if store.read_only { ", read-only: it takes no writes" } else { "" };
            lines.push(self.line([name("store"), plain(size), (bad(), read_only.to_owned())]));
        }
        lines
    }

    /// Pieces in one line, escaped, cut where the screen ends.
    fn line(&self, pieces: impl IntoIterator<Item = Piece>) -> String {
        let (mut line, mut left) = (String::new(), self.width);
        for (style, text) in pieces {
            let text = cut(&visible(&text), left);
            left -= text.chars().count();
            match self.styled && !text.is_empty() {
                true => line += &format!("{style}{text}{style:#}"),
                false => line += &text,
            }
        }
        line.truncate(line.trim_end().len());
        line
    }
}

fn counts(counts: RequestCounts) -> String {
    let RequestCounts { total, failed, in_flight } = counts;
    let requests = count(total, "request", "requests");
    format!("{requests}, {} failed, {} in flight", grouped(failed), grouped(in_flight))
}

fn plain(text: String) -> Piece {
    (Style::new(), text)
}

fn faint() -> Style {
    Style::new().dimmed()
}

fn warning() -> Style {
    AnsiColor::Yellow.on_default()
}

fn bad() -> Style {
    AnsiColor::Red.on_default().bold()
}

/// At most so many characters; what is longer ends in `…`.
fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    if width == 0 { kept } else { format!("{kept}…") }
}

/// Words in lines of at most so many characters, where no word is longer.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                *line += " ";
                *line += word;
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests;
