//! What to know about the logs below a drawing: clocks that differ, nodes without a log.

use super::super::merge::{Clock, Exchanges};
use super::page::{Page, Tint};
use super::words::{cut, duration};

/// A clock is worth a word when it is off by more than this, in microseconds.
const WORTH_SAYING_US: u64 = 1_000;

/// How many nodes are named.
const NAMED: usize = 8;

pub(super) fn footer(exchanges: &Exchanges, width: usize, page: &mut Page) {
    let mut lines: Vec<String> = exchanges.clocks.iter().filter_map(clock).take(NAMED).collect();
    if !exchanges.absent.is_empty() {
        let named = exchanges.absent.iter().take(NAMED).map(ToString::to_string);
        let mut names = named.collect::<Vec<_>>().join(", ");
        let more = exchanges.absent.len().saturating_sub(NAMED);
        if more > 0 {
            names = format!("{names} and {more} more");
        }
        lines.push(format!("no log of {names}: shown as others tell it"));
    }
    if !lines.is_empty() {
        page.blank();
    }
    for line in lines {
        page.line([(Tint::Faint, cut(&line, width))]);
    }
}

fn clock(clock: &Clock) -> Option<String> {
    let (off_us, within_us) = (clock.ahead_us.unsigned_abs(), clock.within_us);
    if off_us <= within_us.unwrap_or(0).max(WORTH_SAYING_US) {
        return None;
    }
    let side = if clock.ahead_us > 0 { "ahead of" } else { "behind" };
    let sure =
        within_us.map_or_else(|| "at a guess".to_owned(), |us| format!("± {}", duration(us)));
    let (node, reference) = (&clock.node, &clock.reference);
    Some(format!("clock of {node}: {} {side} that of {reference}, {sure}", duration(off_us)))
}
