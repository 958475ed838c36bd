//! JSON lines: flat, with RFC 3339 timestamps in UTC to the microsecond.

use std::fmt;

use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{Format, Json, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::visible::visible_json;

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
        line.write_str(&visible_json(&json))
    }
}

/// The inside of a string of JSON in which every character is visible.
pub(super) fn escape(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    visible_json(&quoted[1..quoted.len() - 1]).into_owned()
}
