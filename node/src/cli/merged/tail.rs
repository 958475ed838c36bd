//! Reading a log that somebody else writes on.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use super::line::{Entry, Line};

/// The longest line that is kept whole, in bytes; of a longer one the rest is dropped.
const LINE_MAX_BYTES: usize = 64 * 1024;
/// How much is read in one go, so that one busy node does not keep the others waiting.
const TURN_MAX_BYTES: u64 = 1024 * 1024;

/// A file that grows, read line by line.
#[derive(Debug)]
pub(in crate::cli) struct Tail {
    path: PathBuf,
    reader: Option<BufReader<File>>,
    /// The line that has no end yet.
    begun: Vec<u8>,
}

impl Tail {
    pub(in crate::cli) fn of(path: PathBuf) -> Self {
        Self { path, reader: None, begun: Vec::new() }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The lines that have been completed since the last time; none while there is no file.
    pub(in crate::cli) fn new_lines(&mut self) -> io::Result<Vec<String>> {
        let reader = match &mut self.reader {
            Some(reader) => reader,
            none => match File::open(&self.path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
                file => none.insert(BufReader::with_capacity(64 * 1024, file?)),
            },
        };
        let mut lines = Vec::new();
        let mut turn = reader.take(TURN_MAX_BYTES);
        loop {
            let mut part = Vec::new();
            if turn.read_until(b'\n', &mut part)? == 0 {
                return Ok(lines);
            }
            let whole = part.pop_if(|last| *last == b'\n').is_some();
            part.truncate(LINE_MAX_BYTES.saturating_sub(self.begun.len()));
            self.begun.append(&mut part);
            if whole {
                lines.push(String::from_utf8_lossy(&self.begun).into_owned());
                self.begun.clear();
            }
        }
    }
}

/// The last lines of a node's log, in short: what it said, and which fields.
pub(in crate::cli) fn last_lines(path: &Path, count: usize) -> Vec<String> {
    let mut last = VecDeque::new();
    let mut tail = Tail::of(path.to_owned());
    while let Ok(lines) = tail.new_lines() {
        if lines.is_empty() {
            break;
        }
        for line in lines.into_iter().filter(|line| !line.trim().is_empty()) {
            last.push_back(line);
            if last.len() > count {
                last.pop_front();
            }
        }
    }
    last.iter().map(|line| in_short(line)).collect()
}

fn in_short(text: &str) -> String {
    match Entry::read("", text).line {
        Line::Request(record) => {
            format!("{} {} {} {}", record.dir, record.peer, record.method, record.code)
        }
        Line::Event(event) => {
            let fields = event.fields.iter().map(|(name, value)| format!(" {name}={value}"));
            format!("{} {}{}", event.level, event.message, fields.collect::<String>())
        }
        Line::Text(text) => text,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_line_is_told_once_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("n.log");
        let mut tail = Tail::of(path.clone());
        assert!(tail.new_lines().unwrap().is_empty());
        let mut file = File::create(&path).unwrap();
        file.write_all(b"one\ntw").unwrap();
        assert_eq!(tail.new_lines().unwrap(), ["one"]);
        assert!(tail.new_lines().unwrap().is_empty());
        file.write_all(b"o\n\nthree\n").unwrap();
        assert_eq!(tail.new_lines().unwrap(), ["two", "", "three"]);
    }

    #[test]
    fn an_endless_line_costs_no_memory_and_hides_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("n.log");
        let mut file = File::create(&path).unwrap();
        file.write_all(&vec![b'x'; 5_000_000]).unwrap();
        file.write_all(b"\nlast\n").unwrap();
        let mut tail = Tail::of(path);
        let mut lines = Vec::new();
        while lines.len() < 2 {
            lines.extend(tail.new_lines().unwrap());
            assert!(tail.begun.len() <= LINE_MAX_BYTES);
        }
        assert_eq!((lines[0].len(), lines[1].as_str()), (LINE_MAX_BYTES, "last"));
    }
}
