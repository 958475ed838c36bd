//! What a command runs on: a runtime, the logs that are asked for, and an end by Ctrl-C.

use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use bothways::config::{LogFormat, LogPlan};
use bothways::logs::{LogError, Logs};

use crate::cli::{Exit, Globals, Result, Trouble};

/// What a node that was dropped has, before the process ends, to tell its peers.
const LAST_WORDS: Duration = Duration::from_millis(60);

/// Runs what needs a runtime; Ctrl-C ends it. It logs only where `-v` asks for it.
pub(in crate::cli) fn block_on<T>(
    globals: &Globals,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    block_on_logged(globals, None, work)
}

/// As [`block_on`], and logs to this file what a node would log.
pub(in crate::cli) fn block_on_logged<T>(
    globals: &Globals,
    file: Option<PathBuf>,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    run_logged(globals, file, async {
        tokio::select! {
            done = work => return done,
            pressed = tokio::signal::ctrl_c() => pressed?,
        }
        // The work is dropped, and its node with it, which has a moment to say so to its peers.
        tokio::time::sleep(LAST_WORDS).await;
        Err(Trouble::new(Exit::Interrupted, "interrupted"))
    })
}

/// As [`block_on`], for so long at the most.
pub(in crate::cli) fn block_on_for<T>(
    patience: Duration,
    globals: &Globals,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let late = || Trouble::new(Exit::Deadline, format!("it takes longer than {patience:?}"));
    let work = async { tokio::time::timeout(patience, work).await.map_err(|_| late())? };
    block_on(globals, work)
}

/// As [`block_on`], for work that hears Ctrl-C itself.
pub(in crate::cli) fn block_on_to_its_end<T>(
    globals: &Globals,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    run_logged(globals, None, work)
}

/// As [`block_on_logged`], for work that hears Ctrl-C itself.
pub(in crate::cli) fn block_on_logged_to_its_end<T>(
    globals: &Globals,
    file: Option<PathBuf>,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    run_logged(globals, file, work)
}

fn run_logged<T>(
    globals: &Globals,
    file: Option<PathBuf>,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let _logs = start_logs(globals, file)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(work)
}

fn start_logs(globals: &Globals, file: Option<PathBuf>) -> Result<Logs> {
    let shown = globals.log_level().map(|level| LogPlan {
        format: LogFormat::Text,
        level: level.to_owned(),
        file: None,
        kept: None,
    });
    let kept = file.map(|file| LogPlan {
        format: LogFormat::Json,
        level: "info".to_owned(),
        file: Some(file),
        kept: None,
    });
    match Logs::start_all(shown.iter().chain(&kept)) {
        Ok(logs) => Ok(logs),
        // A request is more than its record: it is made all the same.
        Err(error @ LogError::Open { .. }) => {
            globals.warn_all(&[format!(
                "this request is not recorded: {}",
                Trouble::from(error).what()
            )]);
            Ok(Logs::start_all(&shown)?)
        }
        Err(error) => Err(error.into()),
    }
}
