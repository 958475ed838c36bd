//! JSON lines: flat, with RFC 3339 timestamps in UTC to the microsecond.

use std::fmt::{self, Write};

use bothways_protocol::is_visible;
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{Format, Json, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Formats events as JSON lines in which every character is visible.
pub(super) struct Lines(Format<Json>);

impl Default for Lines {
    fn default() -> Self {
        let json = tracing_subscriber::fmt::format().json();
        Self(json.flatten_event(true).with_current_span(false).with_span_list(false))
    }
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut line: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut json = String::with_capacity(512);
        self.0.format_event(context, Writer::new(&mut json), event)?;
        write_visible(&mut line, &json)
    }
}

/// The inside of a string of JSON in which every character is visible.
pub(super) fn escape(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    let mut inside = String::new();
    // A `String` takes whatever is written to it.
    let _ = write_visible(&mut inside, &quoted[1..quoted.len() - 1]);
    inside
}

/// Escapes what JSON lets through and some readers take for a line's end or obey: outside ASCII
/// such characters stand only within strings, where `\uXXXX` means the same (RFC 8259 §7).
fn write_visible(line: &mut impl Write, json: &str) -> fmt::Result {
    if json.bytes().all(|c| matches!(c, b' '..=b'~' | b'\n')) {
        return line.write_str(json);
    }
    let mut units = [0; 2];
    for c in json.chars() {
        if c == '\n' || is_visible(c) {
            line.write_char(c)?;
        } else {
            c.encode_utf16(&mut units).iter().try_for_each(|unit| write!(line, "\\u{unit:04x}"))?;
        }
    }
    Ok(())
}
