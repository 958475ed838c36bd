//! The thread that writes the log: bounded, lossy rather than slow, and honest about what it lost.

use std::io::{self, BufWriter, Write};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};

use super::Look;

/// How many lines wait for the writer at the most.
const QUEUED_LINES: usize = 8_192;
/// How often a writer that never rests says what was lost.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// Starts the writing thread: what it returns first never blocks; dropping the second writes what
/// is queued.
pub(super) fn start(output: impl Write + Send + 'static, look: Look) -> (NonBlocking, WorkerGuard) {
    let dropped = Arc::new(OnceLock::new());
    let sink = Sink::new(output, look, dropped.clone());
    let (writer, guard) = NonBlockingBuilder::default()
        .buffered_lines_limit(QUEUED_LINES)
        .lossy(true)
        .thread_name("bothways-log")
        .finish(sink);
    // The thread counts as zero what it cannot ask for yet.
    let _ = dropped.set(writer.error_counter());
    (writer, guard)
}

/// Writes lines, and between them how many were lost: dropped from a full queue, or refused by
/// the output (a full disk). It does not fail: the node serves on without its log.
struct Sink<W: Write> {
    output: BufWriter<W>,
    look: Look,
    /// Set right after the start, by whom the queue is known.
    dropped: Arc<OnceLock<ErrorCounter>>,
    /// Lines that the output refused.
    refused: usize,
    told: usize,
    told_at: Instant,
}

impl<W: Write> Sink<W> {
    fn new(output: W, look: Look, dropped: Arc<OnceLock<ErrorCounter>>) -> Self {
        let output = BufWriter::with_capacity(64 * 1024, output);
        Self { output, look, dropped, refused: 0, told: 0, told_at: Instant::now() }
    }

    fn lost(&self) -> usize {
        self.refused + self.dropped.get().map_or(0, ErrorCounter::dropped_lines)
    }

    /// Says how many more lines were lost; where that fails, the next time.
    fn tell_losses(&mut self) {
        let lost = self.lost();
        if lost > self.told {
            let line = loss_line(self.look, lost - self.told);
            if self.output.write_all(line.as_bytes()).is_ok() {
                self.told = lost;
            }
        }
        self.told_at = Instant::now();
    }
}

fn loss_line(look: Look, lines: usize) -> String {
    let now = Timestamp::now();
    match look {
        Look::Json => format!(
            "{{\"timestamp\":\"{now:.6}\",\"level\":\"WARN\",\"message\":\"log lines dropped\",\
             \"lines\":{lines},\"target\":\"bothways::logs\"}}\n"
        ),
        Look::Plain | Look::Coloured => {
            let now = jiff::Zoned::now().strftime("%H:%M:%S%.3f");
            format!("{now} WARN  log lines dropped  lines={lines}\n")
        }
    }
}

impl<W: Write> Write for Sink<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.told_at.elapsed() >= TELL_EVERY {
            self.tell_losses();
        }
        if self.output.write_all(line).is_err() {
            self.refused += 1;
        }
        Ok(line.len())
    }

    /// Called whenever the queue is empty, and at the end.
    fn flush(&mut self) -> io::Result<()> {
        self.tell_losses();
        // What the output refuses stays in the buffer, and goes with the next line that it takes.
        let _ = self.output.flush();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc;

    use super::*;

    /// An output that waits at its first line until it is told to go on.
    struct Gate {
        go: Mutex<mpsc::Receiver<()>>,
        text: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.go.lock().unwrap().recv();
            self.text.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_a_slow_output_cannot_take_is_dropped_and_counted_and_told() {
        let (open, go) = mpsc::channel();
        let text = Arc::new(Mutex::new(Vec::new()));
        let gate = Gate { go: Mutex::new(go), text: text.clone() };
        let (mut writer, guard) = start(gate, Look::Json);
        // More than the queue and the buffer hold together; none of these writes waits.
        let line = format!("{}\n", "x".repeat(1_023));
        for _ in 0..QUEUED_LINES + 4_096 {
            writer.write_all(line.as_bytes()).unwrap();
        }
        let dropped = writer.error_counter().dropped_lines();
        assert!(dropped > 0);
        drop(open);
        let text = || String::from_utf8(text.lock().unwrap().clone()).unwrap();
        while !text().contains("log lines dropped") {
            std::thread::yield_now();
        }
        drop(guard);

        let text = text();
        let told: usize = text
            .lines()
            .filter(|line| line.contains("log lines dropped"))
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
            .map(|line| usize::try_from(line["lines"].as_u64().unwrap()).unwrap())
            .sum();
        assert_eq!(told, dropped);
        let written = text.lines().filter(|line| line.starts_with('x')).count();
        assert_eq!(written + dropped, QUEUED_LINES + 4_096);
    }

    /// A disk that is full for a while.
    struct Disk {
        full: Arc<Mutex<bool>>,
        text: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            match *self.full.lock().unwrap() {
                true => Err(io::ErrorKind::StorageFull.into()),
                false => self.text.lock().unwrap().write(bytes),
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_costs_lines_and_they_are_told_when_there_is_room_again() {
        let (full, text) = (Arc::new(Mutex::new(true)), Arc::new(Mutex::new(Vec::new())));
        let disk = Disk { full: full.clone(), text: text.clone() };
        let mut sink = Sink::new(disk, Look::Plain, Arc::default());
        let line = format!("{}\n", "x".repeat(1_023));
        for _ in 0..100 {
            sink.write_all(line.as_bytes()).unwrap();
        }
        sink.flush().unwrap();
        assert_eq!(sink.refused, 36, "the buffer holds 64 KiB");
        *full.lock().unwrap() = false;
        sink.flush().unwrap();
        sink.flush().unwrap();

        let text = String::from_utf8(text.lock().unwrap().clone()).unwrap();
        assert_eq!(text.matches("log lines dropped  lines=36\n").count(), 1, "{text}");
        assert_eq!(text.lines().count(), 65);
    }
}
