//! A line of the merged log as people see it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anstyle::{AnsiColor, Effects, Style};
use bothways::visible;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::merge::{Arrow, Ends, Merged, What};

/// Each node has one of these; red, yellow and green say how something went.
const COLOURS: [AnsiColor; 6] = [
    AnsiColor::Cyan,
    AnsiColor::Magenta,
    AnsiColor::Blue,
    AnsiColor::BrightCyan,
    AnsiColor::BrightMagenta,
    AnsiColor::BrightBlue,
];
const DIM: Style = Style::new().effects(Effects::DIMMED);
/// How wide a terminal must be for columns; on a narrower one lines are as short as they can be.
const COLUMNS_FROM: usize = 80;
/// The columns that methods, codes, and times or sizes have.
const METHOD_COLUMNS: usize = 20;
const CODE_COLUMNS: usize = 9;
const LAST_COLUMNS: usize = 8;

/// Paints lines.
#[derive(Debug)]
pub(super) struct Paint {
    colours: BTreeMap<String, Style>,
    name_columns: usize,
    coloured: bool,
    zone: TimeZone,
}

impl Paint {
    /// For these nodes, with or without colour.
    pub(super) fn of(nodes: &[String], coloured: bool) -> Self {
        let styles = COLOURS.iter().cycle().map(|colour| colour.on_default().bold());
        Self {
            colours: nodes.iter().cloned().zip(styles).collect(),
            name_columns: nodes.iter().map(String::len).max().unwrap_or(0).max("you".len()),
            coloured,
            zone: TimeZone::system(),
        }
    }

    /// One line, without its end, for a terminal of this many columns.
    pub(super) fn line(&self, merged: &Merged, columns: Option<usize>) -> String {
        let wide = columns.is_none_or(|columns| columns >= COLUMNS_FROM);
        let time = self.styled(DIM, &self.time(merged.at_us, wide));
        let gap = if wide { "  " } else { " " };
        let said = match &merged.what {
            What::Request(arrow) if arrow.is_progress() => self.progress(arrow, wide),
            What::Request(arrow) => self.arrow(arrow, wide),
            What::Session { node, peer, ended } => {
                let (sign, said) = match ended {
                    None => ("━━━", "session begins".to_owned()),
                    Some(why) => ("━ ━", format!("session ends: {}", visible(why))),
                };
                let (node, peer) = (self.first(node, wide), self.then(peer, wide));
                format!("{node} {} {peer}{gap}{}", self.styled(DIM, sign), self.styled(DIM, &said))
            }
            What::Subscription { node, peer, service, ended } => {
                let service = visible(service);
                let (sign, said) = match ended {
                    None => ("═══", format!("watches {service}")),
                    Some(1) => ("═ ═", format!("no longer watches {service}: 1 event")),
                    Some(events) => {
                        ("═ ═", format!("no longer watches {service}: {events} events"))
                    }
                };
                let (node, peer) = (self.first(node, wide), self.then(peer, wide));
                format!("{node} {} {peer}{gap}{}", self.styled(DIM, sign), self.styled(DIM, &said))
            }
            What::Push { node, peer, topic, bytes } => {
                let topic = padded(&visible(topic), METHOD_COLUMNS, wide);
                let kind = self.styled(DIM, &padded("event", CODE_COLUMNS, wide));
                let size = padded_left(&format!("{bytes} B"), wide);
                let (peer, node) = (self.first(peer, wide), self.then(node, wide));
                format!("{peer} ══▶ {node}{gap}{topic}{gap}{kind}{gap}{size}")
            }
            What::Reason { node, peer, code, why } => {
                let (node, peer) = (self.first(node, wide), self.then(peer, wide));
                let why = self.styled(DIM, &format!("{}: {}", visible(code), visible(why)));
                format!("{node}  ╰─ {peer}{gap}{why}")
            }
            What::Event { node, level, message, fields } => {
                self.event(node, (level, message), fields, wide)
            }
            What::Text { node, text } => {
                let bar = self.styled(AnsiColor::Yellow.on_default(), "│");
                format!("{} {bar} {}", self.first(node, wide), visible(text))
            }
        };
        format!("{time}{gap}{said}")
    }

    fn time(&self, at_us: i64, wide: bool) -> String {
        let time = Timestamp::from_microsecond(at_us).unwrap_or_default();
        let format = if wide { "%H:%M:%S%.3f" } else { "%H:%M:%S" };
        time.to_zoned(self.zone.clone()).strftime(format).to_string()
    }

    /// How many events of a subscription have come to its subscriber, and in what time.
    fn progress(&self, arrow: &Arrow, wide: bool) -> String {
        let gap = if wide { "  " } else { " " };
        let (answerer, asker) = (self.first(&arrow.answerer, wide), self.then(&arrow.asker, wide));
        let method = padded(&visible(&arrow.method), METHOD_COLUMNS, wide);
        let events = match arrow.events.unwrap_or_default() {
            1 => "1 event".to_owned(),
            events => format!("{events} events"),
        };
        let lasted = padded_left(&lasted(arrow.duration_us.unwrap_or_default()), wide);
        let events = padded(&events, CODE_COLUMNS, wide);
        format!("{answerer} ══▶ {asker}{gap}{method}{gap}{events}{gap}{lasted}")
    }

    fn arrow(&self, arrow: &Arrow, wide: bool) -> String {
        let good = arrow.code == "ok";
        let (sign, code_style) = match arrow.ends {
            Ends::NotSent => ("──╳", AnsiColor::Red.on_default()),
            Ends::Asker | Ends::Answerer if good => ("┄┄▶", AnsiColor::Green.on_default()),
            Ends::Asker | Ends::Answerer => ("┄┄▶", AnsiColor::Red.on_default()),
            Ends::Both if good => ("──▶", AnsiColor::Green.on_default()),
            Ends::Both => ("──▶", AnsiColor::Red.on_default()),
        };
        let sign = if good { sign.to_owned() } else { self.styled(code_style, sign) };
        let method = padded(&visible(&arrow.method), METHOD_COLUMNS, wide);
        let code = visible(&arrow.code);
        let code = self.styled(code_style, &padded(&code, CODE_COLUMNS, wide));
        let (asker, answerer) = (self.first(&arrow.asker, wide), self.then(&arrow.answerer, wide));
        let gap = if wide { "  " } else { " " };
        let mut line = format!("{asker} {sign} {answerer}{gap}{method}{gap}{code}");
        if let Some(duration_us) = arrow.duration_us {
            let lasted = lasted(duration_us);
            let _ = write!(line, "{gap}{}", padded_left(&lasted, wide));
        }
        if let Some(note) = &arrow.note {
            let _ = write!(line, "{gap}{}", self.styled(DIM, &format!("({})", visible(note))));
        }
        line
    }

    fn event(
        &self,
        node: &str,
        (level, message): (&str, &str),
        fields: &[(String, String)],
        wide: bool,
    ) -> String {
        let style = match level {
            "ERROR" => AnsiColor::Red.on_default().bold(),
            "WARN" => AnsiColor::Yellow.on_default(),
            _ => Style::new(),
        };
        let mut line = format!("{} ", self.first(node, wide));
        if matches!(level, "ERROR" | "WARN") {
            line += &self.styled(style, level);
            line.push(' ');
        }
        line += &self.styled(style, &visible(message));
        // `log.…` says where in another library's code an event comes from.
        let shown = |name: &str| name != "node" && !name.starts_with("log.");
        for (name, value) in fields.iter().filter(|(name, value)| shown(name) && !value.is_empty())
        {
            let _ = write!(
                line,
                " {}{}",
                self.styled(DIM, &format!("{}=", visible(name))),
                visible(value)
            );
        }
        line
    }

    /// The name that a line begins with, at the right of its column.
    fn first(&self, node: &str, wide: bool) -> String {
        let room = if wide { self.name_columns.saturating_sub(node.len()) } else { 0 };
        " ".repeat(room) + &self.name(node)
    }

    /// The name behind an arrow, at the left of its column.
    fn then(&self, node: &str, wide: bool) -> String {
        let room = if wide { self.name_columns.saturating_sub(node.len()) } else { 0 };
        self.name(node) + &" ".repeat(room)
    }

    fn name(&self, node: &str) -> String {
        let style = self.colours.get(node).copied().unwrap_or(Style::new().bold());
        self.styled(style, &visible(node))
    }

    fn styled(&self, style: Style, text: &str) -> String {
        if self.coloured { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}

fn padded(text: &str, columns: usize, wide: bool) -> String {
    let room = if wide { columns.saturating_sub(text.chars().count()) } else { 0 };
    text.to_owned() + &" ".repeat(room)
}

/// What stands at the right of its column.
fn padded_left(text: &str, wide: bool) -> String {
    if wide { format!("{text:>LAST_COLUMNS$}") } else { text.to_owned() }
}

/// A duration with three digits at the most.
fn lasted(us: u64) -> String {
    match us {
        0..1_000 => format!("{us} µs"),
        1_000..100_000 => format!("{}.{} ms", us / 1_000, us % 1_000 / 100),
        100_000..1_000_000 => format!("{} ms", us / 1_000),
        _ => format!("{}.{} s", us / 1_000_000, us % 1_000_000 / 100_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paint(coloured: bool) -> Paint {
        let nodes = ["desk".to_owned(), "hub".to_owned()];
        Paint { zone: TimeZone::UTC, ..Paint::of(&nodes, coloured) }
    }

    fn request(code: &str, ends: Ends, note: Option<&str>) -> Merged {
        let arrow = Arrow {
            asker: "desk".to_owned(),
            answerer: "hub".to_owned(),
            method: "people.create".to_owned(),
            code: code.to_owned(),
            duration_us: (ends != Ends::NotSent).then_some(1_234),
            trace: None,
            ends,
            note: note.map(ToOwned::to_owned),
            events: None,
        };
        Merged { at_us: 43_384_123_456, what: What::Request(arrow) }
    }

    #[test]
    fn a_request_is_one_arrow_line() {
        let table = [
            (
                request("ok", Ends::Both, None),
                "12:03:04.123  desk ──▶ hub   people.create         ok           1.2 ms",
            ),
            (
                request("ok", Ends::Asker, Some("hub tells of no request")),
                "12:03:04.123  desk ┄┄▶ hub   people.create         ok           1.2 ms  (hub tells of no request)",
            ),
            (
                request(
                    "permission_denied",
                    Ends::NotSent,
                    Some("role client answers no requests"),
                ),
                "12:03:04.123  desk ──╳ hub   people.create         permission_denied  (role client answers no requests)",
            ),
        ];
        for (merged, expected) in table {
            assert_eq!(paint(false).line(&merged, None), expected);
        }
        let mut come = request("ok", Ends::Asker, None);
        let What::Request(arrow) = &mut come.what else { panic!("{come:?}") };
        arrow.events = Some(12);
        assert_eq!(
            paint(false).line(&come, None),
            "12:03:04.123   hub ══▶ desk  people.create         12 events    1.2 ms"
        );
        let narrow = paint(false).line(&request("ok", Ends::Both, None), Some(40));
        assert_eq!(narrow, "12:03:04 desk ──▶ hub people.create ok 1.2 ms");
    }

    #[test]
    fn an_event_points_at_its_subscriber_and_a_reason_stands_below_its_request() {
        let (node, peer) = ("desk".to_owned(), "hub".to_owned());
        let topic = "messages.delivered".to_owned();
        let what = What::Push { node: node.clone(), peer: peer.clone(), topic, bytes: 124 };
        let event = paint(false).line(&Merged { at_us: 43_384_123_456, what }, None);
        assert_eq!(event, "12:03:04.123   hub ══▶ desk  messages.delivered    event         124 B");
        let (code, why) = ("not_found".to_owned(), "there is no such person".to_owned());
        let what = What::Reason { node, peer, code, why };
        let reason = Merged { at_us: 43_384_123_456, what };
        let shown = paint(false).line(&reason, None);
        assert_eq!(shown, "12:03:04.123  desk  ╰─ hub   not_found: there is no such person");
        let narrow = paint(false).line(&reason, Some(40));
        assert_eq!(narrow, "12:03:04 desk  ╰─ hub not_found: there is no such person");
    }

    #[test]
    fn colour_is_there_only_where_asked_for() {
        let merged = request("not_found", Ends::Both, None);
        assert!(paint(true).line(&merged, None).contains("\u{1b}[31m"));
        assert!(!paint(false).line(&merged, None).contains('\u{1b}'));
    }

    #[test]
    fn nothing_that_a_node_says_breaks_a_line() {
        let evil = "a\nb\u{1b}[2J\u{202e}".to_owned();
        let fields = vec![(evil.clone(), evil.clone())];
        for what in [
            What::Text { node: evil.clone(), text: evil.clone() },
            What::Session { node: evil.clone(), peer: evil.clone(), ended: Some(evil.clone()) },
            What::Event { node: evil.clone(), level: evil.clone(), message: evil.clone(), fields },
            What::Subscription {
                node: evil.clone(),
                peer: evil.clone(),
                service: evil.clone(),
                ended: Some(1),
            },
            What::Push { node: evil.clone(), peer: evil.clone(), topic: evil.clone(), bytes: 1 },
            What::Reason {
                node: evil.clone(),
                peer: evil.clone(),
                code: evil.clone(),
                why: evil.clone(),
            },
            What::Request(Arrow {
                asker: evil.clone(),
                answerer: evil.clone(),
                method: evil.clone(),
                code: evil.clone(),
                duration_us: None,
                trace: None,
                ends: Ends::Both,
                note: Some(evil),
                events: None,
            }),
        ] {
            let line = paint(false).line(&Merged { at_us: 0, what }, None);
            assert!(line.chars().all(bothways_protocol::is_visible), "{line:?}");
        }
    }

    #[test]
    fn a_duration_has_few_digits() {
        for (us, shown) in [
            (0, "0 µs"),
            (999, "999 µs"),
            (1_000, "1.0 ms"),
            (99_999, "99.9 ms"),
            (100_000, "100 ms"),
            (1_550_000, "1.5 s"),
        ] {
            assert_eq!(lasted(us), shown);
        }
    }
}
