//! Logs: text for a person at a terminal, JSON lines for programs. The writer has a thread of its
//! own and never blocks the network; what a peer sends cannot break or forge a line.
//!
//! Events come as lines, formatted where they happen. Records, of which a busy node makes hundreds
//! of thousands in a second, take a short way: as they are into the same queue, to be formatted by
//! the log's thread. Which of the logs they go to, the filters say at the start.

mod json;
mod kept;
mod queue;
mod record;
mod sink;
mod stamp;
mod text;

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anstream::{AutoStream, ColorChoice};
use thiserror::Error;
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::config::{LevelError, LogFormat, LogPlan};
use crate::exchange::{ShortWay, TakeRecords, is_wanted};

/// Logging, for as long as this is held: dropping it writes what is still queued.
#[must_use = "the log ends when this is dropped"]
pub struct Logs {
    _writing: Vec<sink::Writing>,
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
    /// The log's thread cannot be started.
    #[error("cannot start the log's thread")]
    Thread(#[source] io::Error),
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
        let mut logs = Vec::new();
        for plan in plans {
            let output = Output::of(plan)?;
            let look = output.look(plan.format);
            logs.push(Log::new(plan, output, look)?);
        }
        let (subscriber, writing) = subscriber(logs);
        subscriber.try_init().map_err(|_| LogError::Twice)?;
        Ok(Self { _writing: writing })
    }
}

/// Lines and records that the logs of this process have lost so far: dropped from a full queue, or
/// refused by an output.
#[must_use]
pub fn dropped() -> u64 {
    DROPPED.load(Ordering::Relaxed)
}

static DROPPED: AtomicU64 = AtomicU64::new(0);

/// Notes that so many were lost.
fn note_dropped(lines: usize) {
    DROPPED.fetch_add(lines as u64, Ordering::Relaxed);
}

type BoxedLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// One log, its thread started.
struct Log {
    writing: sink::Writing,
    /// Writes the events that the plan's level lets through.
    events: BoxedLayer,
    records: Way,
    /// It keeps records of its own, however they come to the log.
    keeps: bool,
}

/// How records come to a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// By the short way.
    Short,
    /// Not at all.
    None,
    /// As events: the filter has to be asked about each of them.
    Events,
}

impl Log {
    fn new(
        plan: &LogPlan,
        output: impl Write + Send + 'static,
        look: Look,
    ) -> Result<Self, LogError> {
        let (filter, records) = (plan.filter()?, Way::of(plan)?);
        let kept = plan.kept.as_ref().map(kept::Kept::of);
        let sink = sink::Sink::new(output, look, records == Way::Short, kept);
        let writing = sink.start().map_err(LogError::Thread)?;
        let events = layer(look, filter, writing.queue.clone());
        Ok(Self { writing, events, records, keeps: plan.kept.is_some() })
    }

    fn takes_records(&self) -> Option<Arc<dyn TakeRecords>> {
        (self.records == Way::Short || self.keeps)
            .then(|| self.writing.queue.clone() as Arc<dyn TakeRecords>)
    }
}

impl Way {
    /// The way by which records come to the log of this plan: without a look at spans and fields,
    /// its filter says the same of every record.
    fn of(plan: &LogPlan) -> Result<Self, LogError> {
        if plan.level.contains('[') {
            return Ok(Self::Events);
        }
        let asked = tracing_subscriber::registry().with(plan.filter()?);
        let wanted = tracing::subscriber::with_default(asked, is_wanted);
        Ok(if wanted { Self::Short } else { Self::None })
    }
}

/// What gives these logs their events, and their records; and what ends them.
fn subscriber(logs: Vec<Log>) -> (impl Subscriber + Send + Sync, Vec<sink::Writing>) {
    let mut layers = Vec::new();
    let events = logs.iter().any(|log| log.records == Way::Events);
    if !events || logs.iter().any(|log| log.keeps) {
        let short = |log: &&Log| !events || log.keeps;
        let way = logs.iter().filter(short).filter_map(Log::takes_records).collect();
        let way = ShortWay::to(way);
        let way = if events { way.beside_events() } else { way };
        // It is only to be found, and wants no event.
        layers.push(way.with_filter(LevelFilter::OFF).boxed());
    }
    let (events, writing): (Vec<_>, Vec<_>) =
        logs.into_iter().map(|log| (log.events, log.writing)).unzip();
    layers.extend(events);
    (tracing_subscriber::registry().with(layers), writing)
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

fn layer<W>(look: Look, filter: EnvFilter, writer: W) -> BoxedLayer
where
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
mod tests;
