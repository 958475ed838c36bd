//! The graph: which node asks which, and for what.

use std::fmt::Write;

use super::super::stats::Stat;
use super::mermaid::escape;
use super::page::{Page, Tint};
use super::words::{WIDTH_MAX, WIDTH_MIN, cut, duration};

/// How many methods an arrow of a picture names.
const NAMED: usize = 4;

/// Draws who asks whom for what as text; `width` is in columns, and no line is wider.
#[must_use]
pub fn graph(stats: &[Stat], width: usize) -> Page {
    let width = width.clamp(WIDTH_MIN, WIDTH_MAX);
    let mut page = Page::default();
    let columns = stats.iter().map(|stat| stat.method.as_str().chars().count()).max();
    let columns = columns.unwrap_or(0).min(width / 2);
    for from_one in stats.chunk_by(|a, b| a.asker == b.asker) {
        page.line([(Tint::Heading, cut(from_one[0].asker.as_str(), width))]);
        for pair in from_one.chunk_by(|a, b| a.answerer == b.answerer) {
            let name = cut(pair[0].answerer.as_str(), width - 6);
            page.line([(Tint::Plain, "  ──▶ ".to_owned()), (Tint::Heading, name)]);
            for stat in pair {
                page.line(row(stat, columns, width));
            }
        }
    }
    page
}

/// A method, how often, how fast, and how many went wrong: as much of it as there is room for.
fn row(stat: &Stat, columns: usize, width: usize) -> Vec<(Tint, String)> {
    let method = format!("{:<columns$}", cut(stat.method.as_str(), columns));
    let mut parts = vec![
        (Tint::Plain, format!("      {method}")),
        (Tint::Plain, format!(" {:>6} ×", stat.requests)),
    ];
    if let Some(times) = stat.asked.or(stat.answered) {
        parts.push((Tint::Faint, format!("  p50 {}", duration(times.p50_us))));
    }
    if stat.events > 0 {
        parts.push((Tint::Plain, format!("  {} events", stat.events)));
    }
    if stat.errors > 0 {
        parts.push((Tint::Bad, format!("  {} failed", stat.errors)));
    }
    if stat.lost > 0 {
        parts.push((Tint::Gap, format!("  {} lost", stat.lost)));
    }
    let mut room = width;
    for (_, text) in &mut parts {
        *text = cut(text, room);
        room -= text.chars().count();
    }
    parts
}

/// Writes the same as a Mermaid flowchart, an arrow for each pair of nodes.
#[must_use]
pub fn graph_mermaid(stats: &[Stat]) -> String {
    let mut names: Vec<_> = stats.iter().flat_map(|stat| [&stat.asker, &stat.answerer]).collect();
    names.sort_unstable();
    names.dedup();
    let mut text = String::from("flowchart LR\n");
    for (number, name) in names.iter().enumerate() {
        // Writing to a String does not fail.
        let _ = writeln!(text, "    n{number}[\"{name}\"]");
    }
    for pair in stats.chunk_by(|a, b| (&a.asker, &a.answerer) == (&b.asker, &b.answerer)) {
        let place = |name| names.binary_search(&name).unwrap_or_default();
        let (from, to) = (place(&pair[0].asker), place(&pair[0].answerer));
        let mut label = String::new();
        said(pair).chars().for_each(|c| escape(c, &mut label));
        let _ = writeln!(text, "    n{from} -->|\"{label}\"| n{to}");
    }
    text
}

/// The most frequent methods of a pair of nodes.
fn said(pair: &[Stat]) -> String {
    let mut most: Vec<_> = pair.iter().collect();
    most.sort_by(|a, b| b.requests.cmp(&a.requests).then_with(|| a.method.cmp(&b.method)));
    let named = most.iter().take(NAMED).map(|stat| format!("{} {}", stat.requests, stat.method));
    let mut said = named.collect::<Vec<_>>().join(", ");
    if let Some(more) = most.len().checked_sub(NAMED).filter(|more| *more > 0) {
        said += &format!(", {more} more");
    }
    said
}

#[cfg(test)]
mod tests {
    use super::super::super::merge::{Exchanges, Filter};
    use super::super::super::stats::stats;
    use super::super::sample;
    use super::*;

    fn counted(exchanges: &Exchanges) -> Vec<Stat> {
        stats(exchanges, &Filter::default())
    }

    #[test]
    fn the_graph_names_each_pair_and_its_methods() {
        let text = graph(&counted(&sample::exchanges()), 80).to_string();
        let expected = "hub
  ──▶ desk
      people.get                1 ×  p50 5.0 ms  1 failed
  ──▶ hub
      people.list               1 ×  p50 1.0 ms
  ──▶ phone
      messages.deliver          1 ×  p50 7.0 ms
      orders.place              2 ×  p50 3.9 ms  1 failed  1 lost
";
        assert!(text.contains("cli\n  ──▶ hub\n      people.create"), "{text}");
        let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(squeezed(&text).contains(&squeezed(expected)), "{text}");
    }

    #[test]
    fn no_line_of_the_graph_is_wider_than_asked_for() {
        sample::assert_fits(|exchanges, width| graph(&counted(exchanges), width));
    }

    #[test]
    fn nothing_that_a_peer_sends_breaks_the_picture() {
        let text = graph_mermaid(&counted(&sample::hostile()));
        assert_eq!(text.lines().count(), 4, "{text}");
        assert!(text.is_ascii() && !text.contains('<') && !text.contains("%%"), "{text}");
    }
}
