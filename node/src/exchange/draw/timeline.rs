//! The timeline: each trace as a tree, with bars that show who had the request when.

use super::super::merge::{Exchange, Exchanges, Gap, Tree};
use super::footer::footer;
use super::page::{Page, Tint};
use super::words::{self, WIDTH_MAX, WIDTH_MIN, cut, duration};

/// Columns for the longest code and for a duration.
const CODE_COLUMNS: usize = 19;
const DURATION_COLUMNS: usize = 11;

/// A bar needs so many columns to tell anything.
const BAR_MIN: usize = 8;

/// Draws each trace as a tree of requests; `width` is in columns, and no line is wider.
///
/// In a bar, `░` is the time on the way and `█` the time at the node asked; `╳` marks what was
/// lost.
#[must_use]
pub fn timeline(exchanges: &Exchanges, width: usize) -> Page {
    let width = width.clamp(WIDTH_MIN, WIDTH_MAX);
    let mut page = Page::default();
    for (index, tree) in exchanges.trees.iter().enumerate() {
        if index > 0 {
            page.blank();
        }
        draw(tree, width, &mut page);
    }
    footer(exchanges, width, &mut page);
    page
}

pub(super) fn draw(tree: &Tree, width: usize, page: &mut Page) {
    words::heading(tree, width, page);
    let columns = Columns::fit(tree, width);
    for exchange in &tree.exchanges {
        let indent = indent(exchange.depth, columns.deepest);
        let label = cut(&format!("{indent}{}", label(exchange)), columns.label);
        let code = cut(exchange.code().as_str(), columns.code);
        page.line([
            (Tint::Plain, format!("{label:<0$}  ", columns.label)),
            (words::tint(exchange.code()), format!("{code:<0$}", columns.code)),
            (Tint::Plain, format!("{:>DURATION_COLUMNS$}", duration(exchange.duration_us()))),
            (Tint::Faint, columns.bar(exchange)),
        ]);
        for gap in &exchange.gaps {
            page.line([(Tint::Gap, cut(&format!("{indent}  ! {gap}"), width))]);
        }
    }
}

fn label(exchange: &Exchange) -> String {
    let (asker, answerer) = (exchange.asker(), exchange.answerer());
    let request = words::request(exchange);
    match exchange.ends.events() {
        Some(1) => format!("{asker} → {answerer}  {request} ═▶ 1 event"),
        Some(events) => format!("{asker} → {answerer}  {request} ═▶ {events} events"),
        None => format!("{asker} → {answerer}  {request}"),
    }
}

/// Two columns a level; what is deeper than fits says its depth.
fn indent(depth: usize, deepest: usize) -> String {
    match depth.checked_sub(deepest + 1) {
        None => "  ".repeat(depth),
        Some(_) => format!("{}[{depth}] ", "  ".repeat(deepest)),
    }
}

/// How the width is shared out, and what of the time one column stands for.
struct Columns {
    label: usize,
    code: usize,
    bar: usize,
    from_us: i64,
    length_us: u64,
    deepest: usize,
}

impl Columns {
    fn fit(tree: &Tree, width: usize) -> Self {
        let codes = tree.exchanges.iter().map(|exchange| exchange.code().as_str().len());
        let code = codes.max().unwrap_or(0).min(CODE_COLUMNS);
        let fixed = 2 + code + DURATION_COLUMNS;
        let deepest = width / 8;
        let labels = tree.exchanges.iter().map(|exchange| {
            indent(exchange.depth, deepest).len() + label(exchange).chars().count()
        });
        let longest = labels.max().unwrap_or(0);
        let with_bar = width.saturating_sub(fixed + 2 + BAR_MIN);
        // A bar is worth some cut labels, not most of them.
        let bars = longest <= with_bar || with_bar >= 40;
        let label = longest.min(if bars { with_bar } else { width.saturating_sub(fixed) });
        let bar = if bars { width.saturating_sub(fixed + 2 + label) } else { 0 };
        let (from_us, to_us) = tree.span_us();
        Self { label, code, bar, from_us, length_us: to_us.abs_diff(from_us), deepest }
    }

    fn bar(&self, exchange: &Exchange) -> String {
        if self.bar == 0 {
            return String::new();
        }
        let times = exchange.times;
        let Some(begin) = times.sent.or(times.received) else { return String::new() };
        let end = times.seen.max(times.answered).unwrap_or(begin);
        let (first, last) = (self.column(begin), self.column(end));
        let work = times.received.zip(times.answered);
        let work = work.map(|(from, to)| self.column(from)..=self.column(to));
        let at_work = |column: usize| work.as_ref().is_some_and(|work| work.contains(&column));
        let lost = exchange.gaps.iter().any(|gap| {
            use Gap::{NeverReceived, NotSent, ResponseLost, Unanswered};
            matches!(gap, NeverReceived | NotSent | ResponseLost | Unanswered)
        });
        let cell = |column: usize| match column {
            column if column < first => ' ',
            column if lost && column == last => '╳',
            column if at_work(column) => '█',
            _ => '░',
        };
        std::iter::repeat_n(' ', 2).chain((0..=last).map(cell)).collect()
    }

    fn column(&self, at_us: i64) -> usize {
        let passed = u128::from(at_us.saturating_sub(self.from_us).max(0).unsigned_abs());
        let columns = self.bar.saturating_sub(1);
        let column = passed * columns as u128 / u128::from(self.length_us.max(1));
        usize::try_from(column).map_or(columns, |column| column.min(columns))
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    const EXPECTED: &str = r#"trace abababababababababababababababab
2025-11-24 15:59:59.999 UTC · 8 requests in 62.3 ms
cli → hub  people.create                 ok                   40.0 ms  ████████████████
  hub → phone  messages.deliver          ok                    7.0 ms  ░███
  hub → phone  orders.place              deadline_exceeded    10.0 ms     ░░░░╳
    ! sent, never received
  hub → phone  orders.place (attempt 2)  ok                    3.9 ms         ░█░
  hub → desk  people.get                 not_found             5.0 ms           ░░░
    ! answered by a node whose record is missing
  hub → hub  people.list                 ok                    1.0 ms             ░█
phone → hub  people.update               deadline_exceeded    10.0 ms                     ██░░╳
  ! answered, response lost
ghost → hub  "\u{1b}[2J<b>;%%"           unimplemented         300 µs                         ██
  ! received from a node whose record is missing

clock of phone: 60.0 s ahead of that of hub, ± 951 µs
no log of desk, ghost: shown as others tell it
"#;

    #[test]
    fn a_timeline_shows_who_had_the_request_when() {
        assert_eq!(timeline(&sample::exchanges(), 96).to_string(), EXPECTED);
    }

    #[test]
    fn no_line_is_wider_than_asked_for() {
        sample::assert_fits(timeline);
    }
}
