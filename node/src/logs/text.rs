//! Lines of text: `12:03:04.123 INFO  session opened  peer=hub`, and for a request an arrow:
//! `12:03:04.125 → hub people.create ok 1.2 ms  trace=0af76519`.

use std::error::Error;
use std::fmt;

use anstyle::{AnsiColor, Effects, Style};
use jiff::Zoned;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::exchange::{Direction, Record, TARGET};
use crate::visible;

/// How much of a trace's id is enough to find its lines again, in hex digits.
const TRACE_DIGITS: usize = 8;

const DIM: Style = Style::new().effects(Effects::DIMMED);

/// Formats events as lines of text.
pub(super) struct Lines {
    pub(super) coloured: bool,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut line: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let now = Zoned::now().strftime("%H:%M:%S%.3f");
        write!(line, "{} ", self.styled(DIM, now))?;
        match Exchange::of(event.metadata().target(), &fields) {
            Some(exchange) => self.write_exchange(&mut line, &exchange),
            None => self.write_event(&mut line, *event.metadata().level(), &fields),
        }?;
        line.write_char('\n')
    }
}

impl Lines {
    fn write_event(&self, line: &mut Writer<'_>, level: Level, fields: &Fields) -> fmt::Result {
        write!(line, "{} ", self.styled(style_of(level), format_args!("{level:<5}")))?;
        line.write_str(&visible(&fields.message))?;
        let mut gap = "  ";
        for (name, value) in &fields.others {
            write!(line, "{gap}{}{}", self.styled(DIM, format_args!("{name}=")), Quoted(value))?;
            gap = " ";
        }
        Ok(())
    }

    /// The line of a record, as its event would become one.
    pub(super) fn record(&self, time: &str, record: &Record) -> String {
        let trace = record.trace_id.to_string();
        let mut line = format!("{} ", self.styled(DIM, time));
        // A `String` takes whatever is written to it.
        let _ = self.write_exchange(&mut line, &Exchange::of_record(record, &trace));
        line.push('\n');
        line
    }

    fn write_exchange(&self, line: &mut impl fmt::Write, exchange: &Exchange<'_>) -> fmt::Result {
        let good = exchange.code == "ok";
        let code = if good { AnsiColor::Green } else { AnsiColor::Red }.on_default();
        write!(
            line,
            "{} {} {} {} {}  {}",
            self.styled(AnsiColor::Cyan.on_default(), exchange.arrow),
            self.styled(Style::new().bold(), visible(exchange.peer)),
            visible(exchange.method),
            self.styled(code, visible(exchange.code)),
            Lasted(exchange.duration_us),
            self.styled(DIM, format_args!("trace={}", visible(exchange.trace))),
        )?;
        if exchange.attempt > 1 {
            write!(line, " attempt={}", exchange.attempt)?;
        }
        if let Some(events) = exchange.events {
            write!(line, " events={events}")?;
        }
        Ok(())
    }

    fn styled<T: fmt::Display>(&self, style: Style, text: T) -> Styled<T> {
        Styled { style: if self.coloured { style } else { Style::new() }, text }
    }
}

fn style_of(level: Level) -> Style {
    match level {
        Level::ERROR => AnsiColor::Red.on_default().bold(),
        Level::WARN => AnsiColor::Yellow.on_default(),
        Level::INFO => AnsiColor::Green.on_default(),
        _ => DIM,
    }
}

struct Styled<T> {
    style: Style,
    text: T,
}

impl<T: fmt::Display> fmt::Display for Styled<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{:#}", self.style, self.text, self.style)
    }
}

/// A value in one word: quoted where it has spaces, quotes or an equals sign, or nothing at all.
struct Quoted<'v>(&'v str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = visible(self.0);
        if shown.is_empty() || shown.contains(|c: char| c.is_whitespace() || c == '"' || c == '=') {
            write!(f, "\"{}\"", shown.replace('"', "\\\""))
        } else {
            f.write_str(&shown)
        }
    }
}

/// A time that something took, to two or three digits.
struct Lasted(u64);

impl fmt::Display for Lasted {
    #[expect(clippy::cast_precision_loss, reason = "one digit after the point is shown")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            us @ 0..1_000 => write!(f, "{us} µs"),
            us @ 1_000..1_000_000 => write!(f, "{:.1} ms", us as f64 / 1e3),
            us => write!(f, "{:.1} s", us as f64 / 1e6),
        }
    }
}

/// What the line of a request shows.
struct Exchange<'f> {
    arrow: &'static str,
    peer: &'f str,
    method: &'f str,
    code: &'f str,
    duration_us: u64,
    trace: &'f str,
    attempt: u64,
    events: Option<u64>,
}

impl<'f> Exchange<'f> {
    /// The exchange that an event tells of, if it does and says enough.
    fn of(target: &str, fields: &'f Fields) -> Option<Self> {
        let dir = fields.get("dir").filter(|_| target == TARGET)?.parse().ok()?;
        Some(Self {
            arrow: arrow(dir),
            peer: fields.get("peer")?,
            method: fields.get("method")?,
            code: fields.get("code")?,
            duration_us: fields.get("duration_us")?.parse().ok()?,
            trace: beginning(fields.get("trace_id")?),
            attempt: fields.get("attempt").and_then(|attempt| attempt.parse().ok()).unwrap_or(1),
            events: fields.get("events").and_then(|events| events.parse().ok()),
        })
    }

    fn of_record(record: &'f Record, trace: &'f str) -> Self {
        Self {
            arrow: arrow(record.dir),
            peer: record.peer.as_str(),
            method: record.method.as_str(),
            code: record.code.as_str(),
            duration_us: record.duration_us,
            trace: beginning(trace),
            attempt: record.attempt.into(),
            events: record.events,
        }
    }
}

fn arrow(dir: Direction) -> &'static str {
    match dir {
        Direction::Out => "→",
        Direction::In => "←",
    }
}

fn beginning(trace: &str) -> &str {
    trace.get(..TRACE_DIGITS).unwrap_or(trace)
}

/// The fields of one event, as they are: not escaped yet.
#[derive(Default)]
struct Fields {
    message: String,
    others: Vec<(&'static str, String)>,
}

impl Fields {
    fn get(&self, name: &str) -> Option<&str> {
        self.others.iter().find(|(other, _)| *other == name).map(|(_, value)| value.as_str())
    }

    fn add(&mut self, field: &Field, value: String) {
        match field.name() {
            "message" => self.message = value,
            // What the bridge from the `log` crate adds says nothing to people.
            name if name.starts_with("log.") => {}
            name => self.others.push((name, value)),
        }
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value.to_owned());
    }

    fn record_error(&mut self, field: &Field, error: &(dyn Error + 'static)) {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            text += &format!(": {cause}");
            source = cause.source();
        }
        self.add(field, text);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, format!("{value:?}"));
    }
}
