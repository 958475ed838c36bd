//! The signals that ask to stop.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Ctrl-C, SIGTERM, and the end of the terminal.
pub(in crate::cli) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    pub(in crate::cli) fn new() -> io::Result<Self> {
        let interrupt = signal(SignalKind::interrupt())?;
        let (terminate, hangup) = (SignalKind::terminate(), SignalKind::hangup());
        Ok(Self { interrupt, terminate: signal(terminate)?, hangup: signal(hangup)? })
    }

    /// Waits for the next one.
    pub(in crate::cli) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}
