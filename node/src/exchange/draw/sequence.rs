//! The sequence diagram: a lane for each node, an arrow for each message.

use std::collections::HashMap;

use bothways_protocol::NodeName;

use super::super::merge::{Exchanges, Tree};
use super::footer::footer;
use super::marks::{Kind, Mark, Reach, Shape, marks};
use super::page::{Page, Tint};
use super::timeline;
use super::words::{self, WIDTH_MAX, WIDTH_MIN, cut, duration};

/// Columns for the time at the left.
const TIME_COLUMNS: usize = 11;

/// The distance of two lanes, in columns: less leaves no room for a name, more is harder to follow.
const LANE_MIN: usize = 10;
const LANE_MAX: usize = 36;

/// Behind so many rows the names of the lanes are said again.
const ROWS_A_SCREEN: usize = 40;

/// Draws each trace as lanes and arrows; `width` is in columns, and no line is wider. A trace
/// between more nodes than fit side by side is drawn as a timeline.
#[must_use]
pub fn sequence(exchanges: &Exchanges, width: usize) -> Page {
    let width = width.clamp(WIDTH_MIN, WIDTH_MAX);
    let mut page = Page::default();
    let mut seen = Seen::default();
    for (index, tree) in exchanges.trees.iter().enumerate() {
        if index > 0 {
            page.blank();
        }
        let marks = marks(tree);
        marks.iter().for_each(|mark| seen.look_at(mark));
        match Lanes::fit(&marks, width) {
            Some(lanes) => draw(tree, &marks, &lanes, &mut page),
            None => draw_instead(tree, width, &mut page),
        }
    }
    seen.explain(width, &mut page);
    footer(exchanges, width, &mut page);
    page
}

fn draw(tree: &Tree, marks: &[Mark<'_>], lanes: &Lanes<'_>, page: &mut Page) {
    words::heading(tree, lanes.width, page);
    let (from_us, _) = tree.span_us();
    for (index, mark) in marks.iter().enumerate() {
        if index % ROWS_A_SCREEN == 0 {
            page.line(lanes.names());
        }
        let passed = duration(mark.at_us.abs_diff(from_us));
        let time = format!("{passed:>0$} ", TIME_COLUMNS - 1);
        let mut begins = Some(time);
        for row in lanes.rows(mark) {
            let time = begins.take().unwrap_or_else(|| " ".repeat(TIME_COLUMNS));
            page.line(std::iter::once((Tint::Faint, time)).chain(row.into_spans()));
        }
    }
}

fn draw_instead(tree: &Tree, width: usize, page: &mut Page) {
    timeline::draw(tree, width, page);
    let hint = "(too many nodes to stand side by side: drawn as a timeline)";
    page.line([(Tint::Faint, cut(hint, width))]);
}

/// Where each node's lane is.
struct Lanes<'a> {
    nodes: Vec<&'a NodeName>,
    places: HashMap<&'a NodeName, usize>,
    distance: usize,
    width: usize,
}

impl<'a> Lanes<'a> {
    fn fit(marks: &[Mark<'a>], width: usize) -> Option<Self> {
        let mut nodes: Vec<&NodeName> = Vec::new();
        let mut places = HashMap::new();
        for mark in marks {
            let (first, second) = match mark.shape {
                Shape::Arrow { from, to, .. } => (from, to),
                Shape::Note { at } => (at, at),
            };
            for node in [first, second] {
                places.entry(node).or_insert_with(|| {
                    nodes.push(node);
                    nodes.len() - 1
                });
            }
        }
        let distance = (width - TIME_COLUMNS) / nodes.len().max(1);
        let distance = distance.min(LANE_MAX);
        (distance >= LANE_MIN).then_some(Self { nodes, places, distance, width })
    }

    /// The column of a node's lane, counted behind the times.
    fn column(&self, node: &NodeName) -> usize {
        let place = self.places.get(node).copied().unwrap_or(0);
        place * self.distance + self.distance / 2
    }

    fn names(&self) -> Vec<(Tint, String)> {
        let mut spans = vec![(Tint::Plain, " ".repeat(TIME_COLUMNS))];
        for node in &self.nodes {
            let name = cut(node.as_str(), self.distance - 2);
            let before = self.distance / 2 - name.len().min(self.distance - 2) / 2;
            let padded = format!("{}{name}", " ".repeat(before));
            spans.push((Tint::Heading, format!("{padded:<0$}", self.distance)));
        }
        spans
    }

    /// One row, or two where a text is too long for its arrow: then it stands above.
    fn rows(&self, mark: &Mark<'_>) -> Vec<Row> {
        let (mut row, text, tint) = (self.empty_row(), mark.text.as_str(), mark.tint);
        let (from, to, kind, reach) = match mark.shape {
            Shape::Arrow { from, to, kind, reach } => {
                (self.column(from), self.column(to), kind, reach)
            }
            Shape::Note { at } => {
                row.note(self.column(at), text, tint);
                return vec![row];
            }
        };
        if from == to {
            row.note(from, &format!("↺ {text}"), tint);
            return vec![row];
        }
        row.arrow(from, to, kind, reach);
        if row.label(from, to, text, tint) {
            return vec![row];
        }
        let mut above = self.empty_row();
        above.note(from.min(to), text, tint);
        vec![above, row]
    }

    fn empty_row(&self) -> Row {
        let mut row = Row { cells: vec![(' ', Tint::Plain); self.width - TIME_COLUMNS] };
        for node in &self.nodes {
            row.put(self.column(node), "│", Tint::Faint);
        }
        row
    }
}

/// One row of a drawing, a cell for each column.
struct Row {
    cells: Vec<(char, Tint)>,
}

impl Row {
    fn put(&mut self, column: usize, text: &str, tint: Tint) {
        let cells = self.cells.iter_mut().skip(column);
        cells.zip(text.chars()).for_each(|(cell, c)| *cell = (c, tint));
    }

    /// Writes beside a lane: right of it, or left of it where there is more room.
    fn note(&mut self, lane: usize, text: &str, tint: Tint) {
        let (left, right) = (lane.saturating_sub(2), self.cells.len().saturating_sub(lane + 2));
        let length = text.chars().count();
        if length <= right || right >= left {
            self.put(lane + 2, &cut(text, right), tint);
        } else {
            let text = cut(text, left);
            self.put(lane - 1 - text.chars().count(), &text, tint);
        }
    }

    fn arrow(&mut self, from: usize, to: usize, kind: Kind, reach: Reach) {
        let line = match (kind, reach) {
            (_, Reach::OneSided) => '┄',
            (Kind::Request, _) => '─',
            (Kind::Response, _) => '╌',
            (Kind::Push, _) => '═',
        };
        let rightwards = from < to;
        let (first, last) = (from.min(to) + 1, from.max(to) - 1);
        for column in first..=last {
            let crosses = self.cells[column].0 == '│';
            self.cells[column] = (if crosses { '┼' } else { line }, Tint::Plain);
        }
        self.cells[from] = (if rightwards { '├' } else { '┤' }, Tint::Plain);
        let (head, tip) = match (reach, rightwards) {
            (Reach::Lost, true) => (last, "╳"),
            (Reach::Lost, false) => (first, "╳"),
            (_, true) => (last, "▶"),
            (_, false) => (first, "◀"),
        };
        let tint = if reach == Reach::Lost { Tint::Gap } else { Tint::Plain };
        self.put(head, tip, tint);
    }

    /// Writes a text into the middle of an arrow, if it leaves some of the arrow to be seen.
    fn label(&mut self, from: usize, to: usize, text: &str, tint: Tint) -> bool {
        let (first, length) = (from.min(to) + 1, from.abs_diff(to) - 1);
        let label = format!(" {text} ");
        let Some(rest) = length.checked_sub(label.chars().count()).filter(|rest| *rest >= 3) else {
            return false;
        };
        self.put(first + rest / 2, &label, tint);
        true
    }

    fn into_spans(self) -> Vec<(Tint, String)> {
        let runs = self.cells.chunk_by(|(_, a), (_, b)| a == b);
        runs.map(|run| (run[0].1, run.iter().map(|(c, _)| c).collect())).collect()
    }
}

/// Which signs were drawn that a newcomer may not know.
#[derive(Default)]
struct Seen {
    one_sided: bool,
    lost: bool,
    home: bool,
    push: bool,
}

impl Seen {
    fn look_at(&mut self, mark: &Mark<'_>) {
        if let Shape::Arrow { from, to, reach, kind } = mark.shape {
            self.push |= kind == Kind::Push;
            self.one_sided |= reach == Reach::OneSided;
            self.lost |= reach == Reach::Lost;
            self.home |= from == to;
        }
    }

    fn explain(&self, width: usize, page: &mut Page) {
        let signs = [
            (self.lost, "╳ did not arrive"),
            (self.one_sided, "┄▶ only the node asked tells of it"),
            (self.home, "↺ a node asks itself"),
            (self.push, "═▶ events of a subscription, until now"),
        ];
        let said: Vec<_> = signs.iter().filter(|(seen, _)| *seen).map(|(_, text)| *text).collect();
        if !said.is_empty() {
            page.blank();
            page.line([(Tint::Faint, cut(&said.join("   "), width))]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    const EXPECTED: &str = r#"trace abababababababababababababababab
2025-11-24 15:59:59.999 UTC · 8 requests in 62.3 ms
                  cli              hub             phone            desk             ghost
      0 µs         │ people.create  │                │                │                │
                   ├───────────────▶│                │                │                │
    2.0 ms         │                │ messages.deliver                │                │
                   │                ├───────────────▶│                │                │
    9.0 ms         │                │◀╌ ok 7.0 ms ╌╌╌┤                │                │
   10.0 ms         │                │ orders.place   │                │                │
                   │                ├───────────────╳│                │                │
   20.0 ms         │                │ ✗ deadline_exceeded 10.0 ms     │                │
   20.0 ms         │                │ ! sent, never received          │                │
   20.1 ms         │                │ orders.place (attempt 2)        │                │
                   │                ├───────────────▶│                │                │
   24.0 ms         │                │◀╌ ok 3.9 ms ╌╌╌┤                │                │
   25.0 ms         │                ├────────── people.get ──────────▶│                │
   30.0 ms         │                │◀╌╌╌╌╌╌ not_found 5.0 ms ╌╌╌╌╌╌╌╌┤                │
   30.0 ms         │                │ ! answered by a node whose record is missing     │
   31.0 ms         │                │ ↺ people.list  │                │                │
   32.0 ms         │                │ ↺ ok 1.0 ms    │                │                │
   40.0 ms         │◀╌ ok 40.0 ms ╌╌┤                │                │                │
   50.1 ms         │                │ people.update  │                │                │
                   │                │◀───────────────┤                │                │
   52.0 ms         │                ├╌╌╌╌╌╌ ok ╌╌╌╌╌╳│                │                │
   60.1 ms         │                │                │ ✗ deadline_exceeded 10.0 ms     │
   60.1 ms         │                │                │ ! answered, response lost       │
   62.0 ms         │                │◀┄┄┄┄┄┄┄┄┄┄┄┄┄┄ "\u{1b}[2J<b>;%%" ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┤
   62.3 ms         │                ├┄┄┄┄┄┄┄┄┄┄┄┄┄┄ unimplemented 300 µs ┄┄┄┄┄┄┄┄┄┄┄┄┄▶│
   62.3 ms         │                │ ! received from a node whose record is missing   │

╳ did not arrive   ┄▶ only the node asked tells of it   ↺ a node asks itself

clock of phone: 60.0 s ahead of that of hub, ± 951 µs
no log of desk, ghost: shown as others tell it
"#;

    #[test]
    fn a_sequence_shows_each_message_between_the_lanes() {
        assert_eq!(sequence(&sample::exchanges(), 96).to_string(), EXPECTED);
    }

    const WATCHED: &str = "trace abababababababababababababababab
2025-11-24 16:00:00.000 UTC · 2 requests in 7.0 s
                    phone                   hub                    cli
      0 µs            ├──── orders.watch ───▶│                      │
   49.6 ms            │                      │◀─── orders.ship ─────┤
   53.6 ms            │                      ├╌╌╌╌╌ ok 4.0 ms ╌╌╌╌╌▶│
     1.9 s            │ 12 of 14 events in 1.9 s                    │
                      │◀═════════════════════┤                      │

═▶ events of a subscription, until now

clock of phone: 60.0 s ahead of that of hub, at a guess
";

    #[test]
    fn a_subscription_shows_how_many_events_have_come_until_now() {
        assert_eq!(sequence(&sample::watched(), 80).to_string(), WATCHED);
    }

    #[test]
    fn no_line_is_wider_than_asked_for() {
        sample::assert_fits(sequence);
    }
}
