//! The thread that writes the log: bounded, lossy rather than slow, and honest about what it lost.

use std::io::{self, BufWriter, Write};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::Look;
use super::kept::Kept;
use super::queue::{Entry, Queue};
use super::record::Records;

/// How often a writer that never rests says what was lost.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// How often a writer that rests looks at what has become too old.
const IDLE: Duration = Duration::from_secs(60);
/// How long the end waits for an output that takes nothing.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The writing thread, for as long as this is held: dropping it writes what is queued.
pub(super) struct Writing {
    pub(super) queue: Arc<Queue>,
    /// Disconnected when the thread is done; never anything else.
    done: mpsc::Receiver<()>,
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.queue.end();
        let _ = self.done.recv_timeout(LAST_WORDS);
    }
}

/// Writes lines, and between them how many were lost: dropped from a full queue, or refused by
/// the output (a full disk). It does not fail: the node serves on without its log.
pub(super) struct Sink<W: Write> {
    output: BufWriter<W>,
    look: Look,
    /// Whether records are lines of the log, or are only kept.
    shows_records: bool,
    kept: Option<Kept>,
    records: Records,
    /// A record's line, while it is made.
    line: Vec<u8>,
    /// Lines that were lost, and not yet told of.
    lost: usize,
    told_at: Instant,
}

impl<W: Write> Sink<W> {
    pub(super) fn new(output: W, look: Look, shows_records: bool, kept: Option<Kept>) -> Self {
        let output = BufWriter::with_capacity(64 * 1024, output);
        let (records, line) = (Records::new(look), Vec::new());
        let told_at = Instant::now();
        Self { output, look, shows_records, kept, records, line, lost: 0, told_at }
    }

    /// Starts the writing thread.
    pub(super) fn start(mut self) -> io::Result<Writing>
    where
        W: Send + 'static,
    {
        let queue = Arc::<Queue>::default();
        let entries = queue.clone();
        let (doing, done) = mpsc::channel();
        thread::Builder::new().name("bothways-log".to_owned()).spawn(move || {
            self.write_all_of(&entries);
            drop(doing);
        })?;
        Ok(Writing { queue, done })
    }

    /// Writes all that comes, until the queue ends.
    fn write_all_of(&mut self, queue: &Queue) {
        let mut batch = Vec::new();
        loop {
            let taken = queue.take(&mut batch);
            if batch.is_empty() {
                self.rest();
                if taken.ended {
                    return;
                }
                queue.wait_for_any(IDLE);
            } else {
                let count = batch.len();
                batch.drain(..).for_each(|entry| self.write(&entry));
                self.lost += taken.dropped;
                self.flush();
                queue.let_gather(count);
            }
        }
    }

    fn write(&mut self, entry: &Entry) {
        let line = match entry {
            Entry::Line(line) => line,
            Entry::Record(record) => {
                self.line.clear();
                if self.shows_records {
                    self.records.write(record, &mut self.line);
                }
                match &mut self.kept {
                    Some(kept) if self.shows_records && self.look == Look::Json => {
                        kept.write_line(&self.line);
                    }
                    Some(kept) => kept.write(record),
                    None => {}
                }
                if !self.shows_records {
                    return;
                }
                self.line.as_slice()
            }
        };
        if self.output.write_all(line).is_err() {
            self.lost += 1;
            super::note_dropped(1);
        }
    }

    /// Hands on what is written, and what was lost where it is time to say it.
    fn flush(&mut self) {
        if self.told_at.elapsed() >= TELL_EVERY {
            self.tell_losses();
        }
        self.kept.iter_mut().for_each(Kept::flush);
        // What the output refuses stays in the buffer, and goes with the next line that it takes.
        let _ = self.output.flush();
    }

    /// Called whenever the queue is empty, and at the end.
    fn rest(&mut self) {
        self.kept.iter_mut().for_each(Kept::rest);
        self.tell_losses();
        let _ = self.output.flush();
    }

    /// Says how many more lines were lost; where that fails, the next time.
    fn tell_losses(&mut self) {
        if self.lost > 0 {
            let line = loss_line(self.look, "log lines dropped", self.lost);
            if self.output.write_all(line.as_bytes()).is_ok() {
                self.lost = 0;
            }
        }
        let unkept = self.kept.as_mut().map_or(0, Kept::take_lost);
        super::note_dropped(unkept);
        if unkept > 0 {
            let line = loss_line(self.look, "exchange records not kept", unkept);
            self.lost += usize::from(self.output.write_all(line.as_bytes()).is_err());
        }
        self.told_at = Instant::now();
    }
}

fn loss_line(look: Look, what: &str, lines: usize) -> String {
    let now = Timestamp::now();
    match look {
        Look::Json => format!(
            "{{\"timestamp\":\"{now:.6}\",\"level\":\"WARN\",\"message\":\"{what}\",\
             \"lines\":{lines},\"target\":\"bothways::logs\"}}\n"
        ),
        Look::Plain | Look::Coloured => {
            let now = jiff::Zoned::now().strftime("%H:%M:%S%.3f");
            format!("{now} WARN  {what}  lines={lines}\n")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::super::queue::QUEUED;
    use super::*;

    /// More than the queue, the batch that is being written, and the buffer hold together.
    const MANY: usize = 2 * QUEUED + 4_096;

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
        let writing = Sink::new(gate, Look::Json, true, None).start().unwrap();
        let line = format!("{}\n", "x".repeat(1_023));
        // None of these waits, though the output takes nothing.
        for _ in 0..MANY {
            (&*writing.queue).write_all(line.as_bytes()).unwrap();
        }
        drop(open);
        drop(writing);

        let text = String::from_utf8(text.lock().unwrap().clone()).unwrap();
        let (lost, written): (Vec<_>, Vec<_>) =
            text.lines().partition(|line| line.contains("log lines dropped"));
        assert!(!lost.is_empty());
        assert_eq!(told(&lost) + written.len(), MANY);
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
        let mut sink = Sink::new(disk, Look::Plain, true, None);
        let line = format!("{}\n", "x".repeat(1_023));
        for _ in 0..100 {
            sink.write(&Entry::Line(line.as_bytes().into()));
        }
        sink.rest();
        assert_eq!(sink.lost, 36, "the buffer holds 64 KiB");
        *full.lock().unwrap() = false;
        sink.rest();
        sink.rest();

        let text = String::from_utf8(text.lock().unwrap().clone()).unwrap();
        assert_eq!(text.matches("log lines dropped  lines=36\n").count(), 1, "{text}");
        assert_eq!(text.lines().count(), 65);
    }

    #[test]
    fn records_that_a_slow_output_cannot_take_are_counted_too() {
        let (open, go) = mpsc::channel();
        let text = Arc::new(Mutex::new(Vec::new()));
        let writing =
            Sink::new(Gate { go: Mutex::new(go), text: text.clone() }, Look::Json, true, None)
                .start()
                .unwrap();
        let line = "{\"node\":\"hub\",\"dir\":\"in\",\"peer\":\"desk\",\"method\":\"a.b\",\
            \"code\":\"ok\",\"started_us\":1,\"duration_us\":1,\"deadline_ms\":1,\"sent_bytes\":1,\
            \"received_bytes\":1,\"trace_id\":\"0af7651916cd43dd8448eb211c80319c\",\
            \"span_id\":\"b7ad6b7169203331\",\"attempt\":1,\
            \"target\":\"exchange\",\"message\":\"request\"}\n";
        let record = crate::exchange::Log::read(line.as_bytes()).unwrap().records.remove(0);
        for _ in 0..MANY {
            writing.queue.push(|| Entry::Record(record.clone()));
        }
        drop(open);
        drop(writing);

        let text = String::from_utf8(text.lock().unwrap().clone()).unwrap();
        let (lost, written): (Vec<_>, Vec<_>) =
            text.lines().partition(|line| line.contains("log lines dropped"));
        assert_eq!(told(&lost) + written.len(), MANY);
        assert!(!lost.is_empty());
    }

    /// How many lines these lines say were lost.
    fn told(lines: &[&str]) -> usize {
        let lost = |line: &&str| serde_json::from_str::<serde_json::Value>(line).unwrap();
        let count = |line: serde_json::Value| line["lines"].as_u64().unwrap();
        lines.iter().map(lost).map(count).map(|lost| usize::try_from(lost).unwrap()).sum()
    }
}
