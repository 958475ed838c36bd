//! The sequence diagram as SVG: one self-contained picture, for light and for dark.
//!
//! All text is escaped, and is the content of an element or of an attribute in quotes. Positions
//! are attributes of their own, so a page that forbids styles within elements shows it, too.

use std::collections::HashMap;
use std::fmt::Write;

use bothways_protocol::NodeName;

use super::super::merge::{Exchanges, Tree};
use super::marks::{Kind, Mark, Reach, Shape, marks};
use super::page::Tint;
use super::words::{cut, duration, moment};

/// The least and the most distance of two lanes, in pixels; a text at an arrow asks for more.
const LANE_MIN: usize = 170;
const LANE_MAX: usize = 520;
/// What a character takes, and what is to be seen of the arrow beside it.
const CHAR: usize = 7;
const BARE: usize = 40;
/// The column of times at the left.
const TIMES: usize = 92;
/// One row: a text, and below it an arrow.
const ROW: usize = 34;
/// The title, and with it the boxes with the nodes' names.
const TITLE: usize = 46;
const HEAD: usize = 92;
/// Below the last row.
const FOOT: usize = 18;
/// A note at the last lane needs room, too.
const MARGIN: usize = 300;
/// The longest text at an arrow or in a box, in characters.
const NOTE_CHARS: usize = 70;
const NAME_CHARS: usize = 20;

/// The rules of style, for a picture of its own and for a page.
pub(super) const STYLE: &str = "\
.x{--ground:#fff;--ink:#1c2330;--faint:#6b7484;--line:#c9cfd9;--box:#eef1f6;--good:#14733c;\
--bad:#b3261e;--gap:#8a5a00}\
@media(prefers-color-scheme:dark){.x{--ground:#14171d;--ink:#e4e8ef;--faint:#98a2b3;\
--line:#3d4553;--box:#222833;--good:#5fd38d;--bad:#ff8a80;--gap:#f2b84b}}\
.x text{font:13px ui-sans-serif,system-ui,sans-serif;fill:var(--ink);\
paint-order:stroke;stroke:var(--ground);stroke-width:4px;stroke-linejoin:round}\
.x .ground{fill:var(--ground)}.x .lane{stroke:var(--line)}.x .box{fill:var(--box);stroke:var(--line)}\
.x text.name{font-weight:600;text-anchor:middle;stroke:none}.x text.title{font-weight:600;font-size:15px}\
.x text.mid{text-anchor:middle}.x text.end{text-anchor:end}\
.x text.time{fill:var(--faint);text-anchor:end;font-size:12px;font-variant-numeric:tabular-nums}\
.x text.faint{fill:var(--faint)}.x text.good{fill:var(--good)}.x text.bad{fill:var(--bad)}\
.x text.gap{fill:var(--gap);font-weight:600}\
.x .arrow{stroke:var(--ink);stroke-width:1.5;fill:none}.x .response{stroke-dasharray:6 4}\
.x .push{stroke-width:3.5}.x .onesided{stroke-dasharray:2 4}.x .tip{fill:var(--ink)}\
.x .lost{stroke:var(--bad)}.x .cross{stroke:var(--bad);stroke-width:2.5;fill:none}";

/// Draws each trace below the one before, as one SVG document.
#[must_use]
pub fn svg(exchanges: &Exchanges) -> String {
    let drawing = |tree| Drawing::of(tree).titled(tree);
    let drawings: Vec<_> = exchanges.trees.iter().map(drawing).collect();
    let width = drawings.iter().map(|drawing| drawing.width).max().unwrap_or(TIMES);
    let height: usize = drawings.iter().map(|drawing| drawing.height).sum();
    let mut body = String::new();
    let mut top = 0;
    for drawing in &drawings {
        body += &format!("<g transform=\"translate(0 {top})\">{}</g>\n", drawing.body);
        top += drawing.height;
    }
    let style = format!("<style>{STYLE}</style>\n");
    document([0, width, height], "who asked whom for what", &(style + &body))
}

/// Draws one trace, without the rules of style and a title: its page has them.
pub(super) fn picture(tree: &Tree) -> String {
    let drawing = Drawing::of(tree);
    let about = format!("sequence diagram of trace {}", tree.trace_id);
    document([TITLE, drawing.width, drawing.height - TITLE], &about, &drawing.body)
}

fn document([top, width, height]: [usize; 3], about: &str, body: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"x\" role=\"img\" aria-label=\"{}\" \
         width=\"{width}\" height=\"{height}\" viewBox=\"0 {top} {width} {height}\">\n{}</svg>\n",
        escaped(about),
        format_args!(
            "<rect class=\"ground\" y=\"{top}\" width=\"{width}\" height=\"{height}\"/>\n{body}"
        ),
    )
}

/// The text as it stands in XML and in HTML, in an element and in an attribute.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            c if c.is_control() => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}

struct Drawing {
    width: usize,
    height: usize,
    body: String,
}

impl Drawing {
    fn of(tree: &Tree) -> Self {
        let marks = marks(tree);
        let lanes = Lanes::of(&marks);
        let width = lanes.width(&marks);
        let height = HEAD + ROW * marks.len() + FOOT;
        let mut drawing = Self { width, height, body: String::new() };
        let (from_us, _) = tree.span_us();
        drawing.lanes(&lanes);
        for (index, mark) in marks.iter().enumerate() {
            let y = HEAD + ROW * (index + 1) - 8;
            drawing.text("time", TIMES - 12, y, &duration(mark.at_us.abs_diff(from_us)));
            drawing.mark(mark, &lanes, y);
        }
        drawing
    }

    fn titled(mut self, tree: &Tree) -> Self {
        let (from_us, to_us) = tree.span_us();
        let took = duration(to_us.abs_diff(from_us));
        self.text("title", 16, 24, &format!("trace {}", tree.trace_id));
        self.text("faint", 16, 42, &format!("{}, {took}", moment(from_us)));
        self
    }

    fn put(&mut self, element: std::fmt::Arguments<'_>) {
        // Writing to a String does not fail.
        let _ = writeln!(self.body, "{element}");
    }

    fn text(&mut self, class: &str, x: usize, y: usize, text: &str) {
        let text = escaped(text);
        self.put(format_args!("<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{text}</text>"));
    }

    fn lanes(&mut self, lanes: &Lanes<'_>) {
        let bottom = self.height - FOOT / 2;
        for (place, name) in lanes.names.iter().enumerate() {
            let x = lanes.x(place);
            let width = LANE_MIN - 16;
            let left = x - width / 2;
            self.put(format_args!(
                "<path class=\"lane\" d=\"M{x} 84V{bottom}\"/><rect class=\"box\" x=\"{left}\" \
                 y=\"56\" width=\"{width}\" height=\"28\" rx=\"6\"/>"
            ));
            self.text("name", x, 75, &cut(name.as_str(), NAME_CHARS));
        }
    }

    fn mark(&mut self, mark: &Mark<'_>, lanes: &Lanes<'_>, y: usize) {
        let tint = class(mark.tint);
        let text = cut(&mark.text, NOTE_CHARS);
        let (from, to, kind, reach) = match mark.shape {
            Shape::Note { at } => {
                return self.text(tint, lanes.of_node(at) + 10, y, &text);
            }
            Shape::Arrow { from, to, kind, reach } => {
                (lanes.of_node(from), lanes.of_node(to), kind, reach)
            }
        };
        let line = match (kind, reach) {
            (_, Reach::Lost) => "arrow lost",
            (_, Reach::OneSided) => "arrow onesided",
            (Kind::Request, _) => "arrow",
            (Kind::Response, _) => "arrow response",
            (Kind::Push, _) => "arrow push",
        };
        if from == to {
            let (right, up) = (from + 34, y - 12);
            self.put(format_args!(
                "<path class=\"{line}\" d=\"M{from} {up}H{right}V{y}H{from}\"/>"
            ));
            self.tip(from, y, false);
            return self.text(tint, right + 8, y - 2, &text);
        }
        self.arrow(line, from, to, y, reach);
        let middle = usize::midpoint(from, to);
        self.text(&format!("{tint} mid"), middle, y - 6, &text);
    }

    fn arrow(&mut self, line: &str, from: usize, to: usize, y: usize, reach: Reach) {
        let rightwards = from < to;
        let end = match (reach, rightwards) {
            (Reach::Lost, true) => to - 22,
            (Reach::Lost, false) => to + 22,
            (_, true) => to - 8,
            (_, false) => to + 8,
        };
        self.put(format_args!("<path class=\"{line}\" d=\"M{from} {y}H{end}\"/>"));
        if reach == Reach::Lost {
            let (left, right, up, down) = (end - 5, end + 5, y - 5, y + 5);
            self.put(format_args!(
                "<path class=\"cross\" d=\"M{left} {up}L{right} {down}M{right} {up}L{left} {down}\"/>"
            ));
        } else {
            self.tip(to, y, rightwards);
        }
    }

    fn tip(&mut self, x: usize, y: usize, rightwards: bool) {
        let (back, up, down) = (if rightwards { x - 9 } else { x + 9 }, y - 5, y + 5);
        self.put(format_args!("<path class=\"tip\" d=\"M{x} {y}L{back} {up}V{down}Z\"/>"));
    }
}

fn class(tint: Tint) -> &'static str {
    match tint {
        Tint::Plain | Tint::Heading => "plain",
        Tint::Faint => "faint",
        Tint::Good => "good",
        Tint::Bad => "bad",
        Tint::Gap => "gap",
    }
}

/// The nodes from left to right, in the order in which they come up.
struct Lanes<'a> {
    names: Vec<&'a NodeName>,
    places: HashMap<&'a NodeName, usize>,
    distance: usize,
}

impl<'a> Lanes<'a> {
    fn of(marks: &[Mark<'a>]) -> Self {
        let mut lanes = Self { names: Vec::new(), places: HashMap::new(), distance: LANE_MIN };
        for mark in marks {
            let ends = match mark.shape {
                Shape::Arrow { from, to, .. } => [from, to],
                Shape::Note { at } => [at, at],
            };
            for name in ends {
                lanes.places.entry(name).or_insert_with(|| {
                    lanes.names.push(name);
                    lanes.names.len() - 1
                });
            }
        }
        lanes.distance = lanes.needed(marks).clamp(LANE_MIN, LANE_MAX);
        lanes
    }

    /// As far apart as the longest text at an arrow between neighbours asks for.
    fn needed(&self, marks: &[Mark<'_>]) -> usize {
        let between = |mark: &Mark<'_>| {
            let Shape::Arrow { from, to, .. } = mark.shape else { return 0 };
            let apart = self.places[from].abs_diff(self.places[to]);
            let pixels = mark.text.chars().count() * CHAR + BARE;
            pixels.checked_div(apart).unwrap_or(0)
        };
        marks.iter().map(between).max().unwrap_or(0)
    }

    fn x(&self, place: usize) -> usize {
        TIMES + LANE_MIN / 2 + place * self.distance
    }

    fn of_node(&self, name: &NodeName) -> usize {
        self.x(self.places.get(name).copied().unwrap_or(0))
    }

    /// Wide enough for the lanes, for a title, and for what stands beside the last lanes.
    fn width(&self, marks: &[Mark<'_>]) -> usize {
        const TITLE_WIDTH: usize = 420;
        let lanes = TIMES + LANE_MIN + self.names.len().saturating_sub(1) * self.distance;
        let beside = marks.iter().filter_map(|mark| match mark.shape {
            Shape::Note { at } => Some(self.of_node(at) + MARGIN),
            Shape::Arrow { from, to, .. } => (from == to).then(|| self.of_node(from) + MARGIN),
        });
        beside.chain([lanes, TITLE_WIDTH]).max().unwrap_or(lanes)
    }
}
