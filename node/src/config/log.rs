//! How a node logs, checked.

use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;
use tracing_subscriber::EnvFilter;

/// What a line of the log looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// Text where a person reads along at a terminal, JSON otherwise.
    #[default]
    Auto,
    /// Text.
    Text,
    /// JSON lines.
    Json,
}

/// How to log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPlan {
    /// What a line looks like.
    pub format: LogFormat,
    /// A level (`error`, `warn`, `info`, `debug`, `trace`), or levels by target
    /// (`info,exchange=off`).
    pub level: String,
    /// The file to append to; without one, standard error.
    pub file: Option<PathBuf>,
    /// Where records are kept besides, whatever the level is.
    pub kept: Option<KeptPlan>,
}

/// Where and how long a node keeps its records of requests: a bounded file of its own, beside
/// whatever the log is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptPlan {
    /// The folder, made where it is not there.
    pub folder: PathBuf,
    /// The most bytes that it holds; the oldest records go.
    pub bytes: u64,
    /// For how long a record stays; it goes within an eighth more.
    pub time: Duration,
}

impl Default for LogPlan {
    fn default() -> Self {
        Self { format: LogFormat::Auto, level: "info".to_owned(), file: None, kept: None }
    }
}

/// A text that is no level and no filter.
#[derive(Debug, Error)]
#[error(
    "{text:?} is no log level: use error, warn, info, debug or trace, or a filter such as \
     info,exchange=off"
)]
pub struct LevelError {
    /// The text as it was given.
    pub text: String,
}

impl LogPlan {
    /// The filter that the level asks for.
    ///
    /// # Errors
    /// Where the level is neither a level nor a filter.
    pub fn filter(&self) -> Result<EnvFilter, LevelError> {
        let wrong = || LevelError { text: self.level.clone() };
        // A single word that is no level would be taken for a target, and nothing would be logged.
        let bare = |part: &str| !part.contains(['=', '[', ':']) && !part.trim().is_empty();
        let is_level =
            |part: &str| part.trim().parse::<tracing::level_filters::LevelFilter>().is_ok();
        if self.level.split(',').any(|part| bare(part) && !is_level(part)) {
            return Err(wrong());
        }
        EnvFilter::try_new(&self.level).map_err(|_| wrong())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_a_level_or_a_filter() {
        let filter =
            |level: &str| LogPlan { level: level.to_owned(), ..LogPlan::default() }.filter();
        for good in ["info", "WARN", "off", "info,exchange=off", "bothways::session=debug"] {
            assert!(filter(good).is_ok(), "{good}");
        }
        for bad in ["inof", "info,exchnge", "info,exchange=loud", "=", "a=b=c"] {
            assert!(filter(bad).is_err(), "{bad}");
        }
    }
}
