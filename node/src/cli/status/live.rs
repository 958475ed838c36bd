//! A status anew each second: in place on a terminal, elsewhere a line of JSON each.

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use bothways::{Status, visible_json};
use rustix::process::{Signal, getpid, kill_process};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};

use super::Screen;
use crate::cli::dev::Signals;
use crate::cli::{Out, Result, remote};

/// How often it is shown.
const EVERY: Duration = Duration::from_secs(1);

/// Onto the other screen of the terminal, whose cursor is not seen; and back.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";
/// To the upper left; to the end of the line; to the end of the screen: these are wiped.
const HOME: &str = "\x1b[H";
const WIPE_LINE: &str = "\x1b[K";
const WIPE_REST: &str = "\x1b[J";

/// Shows the status of the node behind a control socket until a signal asks to end. A node that
/// does not answer any more, and may be back soon, is waited for.
pub(super) async fn watch(control: &Path, out: Out) -> Result {
    let mut signals = Signals::new()?;
    let mut pauses = signal(SignalKind::from_raw(Signal::TSTP.as_raw()))?;
    let mut status = remote::status(control).await?;
    let mut stage = match out.size().filter(|_| !out.is_json()) {
        Some(_) => Some(Stage::enter()?),
        None => None,
    };
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first one is at once.
    ticks.tick().await;
    let mut trouble = None;
    loop {
        match &stage {
            Some(stage) => stage.show(&status, trouble.as_deref(), out)?,
            None if trouble.is_none() => {
                out.text(&visible_json(&serde_json::to_string(&status)?))?;
            }
            None => {}
        }
        tokio::select! {
            biased;
            () = signals.next() => return Ok(()),
            Some(()) = pauses.recv() => {
                let was_shown = stage.take().is_some();
                // Ctrl-Z: it goes on behind this line once the shell says so.
                kill_process(getpid(), Signal::STOP).map_err(io::Error::from)?;
                stage = was_shown.then(Stage::enter).transpose()?;
            }
            _ = ticks.tick() => {}
        }
        match remote::status(control).await {
            Ok(now) => (status, trouble) = (now, None),
            Err(silent) => trouble = Some(silent.in_a_line()),
        }
    }
}

/// The other screen of the terminal, left however this ends.
struct Stage;

impl Stage {
    fn enter() -> io::Result<Self> {
        put(ENTER)?;
        Ok(Self)
    }

    fn show(&self, status: &Status, trouble: Option<&str>, out: Out) -> Result {
        let screen = Screen::now(out);
        let mut lines: Vec<_> = trouble.map(|what| screen.trouble(what)).into_iter().collect();
        lines.extend(screen.lines(status));
        let rows = out.size().map_or(lines.len(), |(_, rows)| rows.max(1));
        Ok(put(&framed(&lines, rows))?)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // Where the terminal is gone there is nothing to clean.
        let _ = put(LEAVE);
    }
}

/// The lines, as a terminal with so many rows is told them; what does not fit is said.
fn framed(lines: &[String], rows: usize) -> String {
    let mut shown = lines[..lines.len().min(rows)].to_vec();
    if lines.len() > rows
        && let Some(last) = shown.last_mut()
    {
        *last = format!("… and {} more lines: -o json tells all", lines.len() - rows + 1);
    }
    format!("{HOME}{}{WIPE_LINE}{WIPE_REST}", shown.join(&format!("{WIPE_LINE}\r\n")))
}

fn put(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_room_is_counted() {
        let lines: Vec<_> = (1..=5).map(|nth| format!("line {nth}")).collect();
        assert!(framed(&lines, 5).ends_with("line 5\x1b[K\x1b[J"));
        let cut = framed(&lines, 3);
        assert_eq!(cut.matches('\n').count(), 2);
        assert!(cut.contains("line 2") && !cut.contains("line 3"), "{cut:?}");
        assert!(cut.contains("and 3 more lines"), "{cut:?}");
    }
}
