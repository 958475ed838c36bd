//! The exchange log of both ends, as `bothways run` writes it with `log.format=json` and
//! `log.file=FILE`; and how much of it was dropped.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use bothways::config::{LogFormat, LogPlan};
use bothways::logs::Logs;
use serde::Deserialize;

use crate::end::{DRIVER, LISTENER, RunFolder};

/// The time in which the listener writes what it still has.
const WRITTEN: Duration = Duration::from_millis(200);
/// What says how many lines were dropped.
const LOSS: &str = "log lines dropped";

/// Starts to log.
pub(super) fn start(folder: &RunFolder, end: &str) -> Result<Logs> {
    let plan =
        LogPlan { format: LogFormat::Json, file: Some(folder.log(end)), ..LogPlan::default() };
    Ok(Logs::start(&plan)?)
}

/// Which part of all lines was dropped at both ends, in percent; removes the files.
pub(super) async fn dropped_percent(folder: &RunFolder) -> Result<f64> {
    tokio::time::sleep(WRITTEN).await;
    let (mut written, mut dropped) = (0, 0);
    for end in [LISTENER, DRIVER] {
        let log = folder.log(end);
        let (more_written, more_dropped) = count(&log)?;
        (written, dropped) = (written + more_written, dropped + more_dropped);
        fs::remove_file(log)?;
    }
    Ok(100.0 * dropped as f64 / (written + dropped) as f64)
}

/// How many lines were written, and how many were not.
fn count(log: &Path) -> Result<(u64, u64)> {
    #[derive(Deserialize)]
    struct Loss {
        lines: u64,
    }
    let (mut written, mut dropped) = (0, 0);
    for line in BufReader::with_capacity(1024 * 1024, File::open(log)?).lines() {
        let line = line?;
        if line.contains(LOSS) {
            dropped += serde_json::from_str::<Loss>(&line)?.lines;
        } else {
            written += 1;
        }
    }
    Ok((written, dropped))
}
