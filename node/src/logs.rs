//! Logs: text for a person at a terminal, JSON lines for programs. The writer has a thread of its
//! own and never blocks the network; what a peer sends cannot break or forge a line.

mod json;
mod sink;
mod text;

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use anstream::{AutoStream, ColorChoice};
use thiserror::Error;
use tracing::Subscriber;
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::config::{LevelError, LogFormat, LogPlan};

/// Logging, for as long as this is held: dropping it writes what is still queued.
#[must_use = "the log ends when this is dropped"]
pub struct Logs {
    _writing: Vec<WorkerGuard>,
}

/// Why there is no log.
#[derive(Debug, Error)]
pub enum LogError {
    /// The level is none.
    #[error(transparent)]
    Level(#[from] LevelError),
    /// The file cannot be opened.
    #[error("cannot open the log {}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// This process logs already.
    #[error("this process logs already")]
    Twice,
}

impl Logs {
    /// Starts to log, for the whole process, to the plan's file or to standard error.
    ///
    /// The queue holds 8,192 lines; what does not fit is dropped and counted, and the log says so.
    ///
    /// # Errors
    /// Where the level is none, the file cannot be opened, or the process logs already.
    pub fn start(plan: &LogPlan) -> Result<Self, LogError> {
        Self::start_all([plan])
    }

    /// Starts several logs, each as its own plan says, as [`start`](Self::start) does one.
    ///
    /// # Errors
    /// As those of [`start`](Self::start); then none of them is started.
    pub fn start_all<'p>(plans: impl IntoIterator<Item = &'p LogPlan>) -> Result<Self, LogError> {
        let (mut layers, mut guards) = (Vec::new(), Vec::new());
        for plan in plans {
            let filter = plan.filter()?;
            let output = Output::of(plan)?;
            let look = output.look(plan.format);
            let (writer, writing) = sink::start(output, look);
            layers.push(layer(look, filter, writer));
            guards.push(writing);
        }
        let subscriber = tracing_subscriber::registry().with(layers);
        subscriber.try_init().map_err(|_| LogError::Twice)?;
        Ok(Self { _writing: guards })
    }
}

/// What a line looks like, decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    Plain,
    Coloured,
    Json,
}

enum Output {
    Terminal(io::Stderr),
    File(File),
}

impl Output {
    fn of(plan: &LogPlan) -> Result<Self, LogError> {
        let Some(path) = &plan.file else { return Ok(Self::Terminal(io::stderr())) };
        let open = OpenOptions::new().append(true).create(true).mode(0o640).open(path);
        open.map(Self::File).map_err(|source| LogError::Open { path: path.clone(), source })
    }

    fn look(&self, format: LogFormat) -> Look {
        let (terminal, coloured) = match self {
            Self::File(_) => (false, false),
            Self::Terminal(stderr) => {
                (stderr.is_terminal(), AutoStream::choice(stderr) != ColorChoice::Never)
            }
        };
        match format {
            LogFormat::Json => Look::Json,
            LogFormat::Auto if !terminal => Look::Json,
            LogFormat::Auto | LogFormat::Text if coloured => Look::Coloured,
            LogFormat::Auto | LogFormat::Text => Look::Plain,
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Terminal(stderr) => stderr.write(bytes),
            Self::File(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Terminal(stderr) => stderr.flush(),
            Self::File(file) => file.flush(),
        }
    }
}

fn layer<S, W>(look: Look, filter: EnvFilter, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let lines = fmt::layer().with_writer(writer);
    match look {
        Look::Json => lines
            .fmt_fields(fmt::format::JsonFields::new())
            .event_format(json::Lines::default())
            .with_filter(filter)
            .boxed(),
        Look::Plain => {
            lines.event_format(text::Lines { coloured: false }).with_filter(filter).boxed()
        }
        Look::Coloured => {
            lines.event_format(text::Lines { coloured: true }).with_filter(filter).boxed()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// What peers may send in order to forge a line, or to turn a terminal around.
    const EVIL: &str = "a\nb\r\u{1b}[2J\u{202e}\u{2028}\u{85}\u{7f}\0\u{e0001}\"\\z";

    /// The log of what `act` does.
    fn logged(look: Look, level: &str, act: impl FnOnce()) -> String {
        let buffer = Arc::new(Mutex::new(Vec::new()));
        let shared = buffer.clone();
        let writer = move || Shared(shared.clone());
        let filter = EnvFilter::new(level);
        let subscriber = tracing_subscriber::registry().with(layer(look, filter, writer));
        tracing::subscriber::with_default(subscriber, act);
        let bytes = buffer.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn request(code: &str) {
        tracing::info!(target: "exchange", node = "cli", dir = "out", peer = "hub",
            method = "people.create", %code, duration_us = 1_234_u64,
            trace_id = "0af7651916cd43dd8448eb211c80319c", attempt = 2_u32, "request");
    }

    #[test]
    fn a_line_of_text_has_its_event_and_its_fields() {
        let text = logged(Look::Plain, "info", || {
            tracing::warn!(peer = "hub", wait_ms = 12, why = "no route", "dial failed");
            tracing::debug!("not said");
        });
        assert!(
            text.ends_with(" WARN  dial failed  peer=hub wait_ms=12 why=\"no route\"\n"),
            "{text}"
        );
        assert_eq!(text.lines().count(), 1);
    }

    #[test]
    fn an_exchange_is_one_arrow_line() {
        let text = logged(Look::Plain, "info", || request("ok"));
        let line = "→ hub people.create ok 1.2 ms  trace=0af76519 attempt=2\n";
        assert!(text.ends_with(line), "{text}");
        let answered = logged(Look::Plain, "info", || {
            tracing::info!(target: "exchange", dir = "in", peer = "cli", method = "a.b",
                code = "not_found", duration_us = 80, trace_id = "ab", attempt = 1, "request");
        });
        assert!(answered.ends_with("← cli a.b not_found 80 µs  trace=ab\n"), "{answered}");
    }

    #[test]
    fn nothing_that_a_peer_sends_breaks_a_line_of_text() {
        for look in [Look::Plain, Look::Coloured] {
            let text = logged(look, "info", || {
                tracing::info!(peer = EVIL, shown = %EVIL, debugged = ?EVIL, "{EVIL}");
                request(EVIL);
            });
            assert_eq!(text.lines().count(), 2, "{text:?}");
            let colours = anstyle_free(&text);
            let hidden = |c: char| c != '\n' && !bothways_protocol::is_visible(c);
            assert!(!colours.contains(hidden), "{colours:?}");
        }
    }

    /// The text without our own colours, which all have the form `ESC [ digits and ; m`.
    fn anstyle_free(text: &str) -> String {
        let mut parts = text.split("\u{1b}[");
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |shown, part| match part.split_once('m') {
            Some((code, rest)) if code.bytes().all(|c| c.is_ascii_digit() || c == b';') => {
                shown + rest
            }
            _ => shown + "\u{1b}[" + part,
        })
    }

    #[test]
    fn colour_is_used_only_where_asked_for() {
        assert!(!logged(Look::Plain, "info", || request("ok")).contains('\u{1b}'));
        assert!(logged(Look::Coloured, "info", || request("ok")).contains('\u{1b}'));
    }

    #[test]
    fn a_json_line_carries_the_fields_as_they_are() {
        let text = logged(Look::Json, "info", || {
            request("ok");
            tracing::info!(peer = EVIL, "{EVIL}");
        });
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0]["duration_us"], 1_234);
        assert_eq!((&lines[0]["target"], &lines[0]["level"]), (&"exchange".into(), &"INFO".into()));
        assert_eq!((&lines[1]["peer"], &lines[1]["message"]), (&EVIL.into(), &EVIL.into()));
        assert!(!text.contains(|c| c != '\n' && !bothways_protocol::is_visible(c)), "{text:?}");

        let timestamp = lines[0]["timestamp"].as_str().unwrap();
        assert!(timestamp.parse::<jiff::Timestamp>().is_ok(), "{timestamp}");
        assert_eq!(timestamp.len(), "2026-11-23T06:21:40.123456Z".len(), "{timestamp}");
        assert!(timestamp.ends_with('Z'));
    }

    #[test]
    fn a_filter_by_target_silences_only_that_target() {
        let text = logged(Look::Plain, "info,exchange=off", || {
            request("ok");
            tracing::info!("started");
        });
        assert!(text.ends_with("INFO  started\n") && text.lines().count() == 1, "{text}");
    }
}
