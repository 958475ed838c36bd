//! The records of requests in files of their own: segments of JSON lines, of which the oldest go.
//!
//! A segment is appended to until it holds an eighth of what is allowed, or of the time; so the
//! bounds hold to within one segment, and no file is ever written anew. Nothing is synced: a kill
//! loses nothing that was flushed, a power cut the last moments. A line that was torn then is cut
//! off before the next one is appended, and readers skip it until that.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::mem;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use super::Look;
use super::record::Records;
use crate::config::KeptPlan;
use crate::exchange::{LINE_MAX_BYTES, Record};

/// Into how many segments the bounds are divided.
const PARTS: u32 = 8;
/// How many bytes of lines are gathered for one write.
const GATHERED: usize = 64 * 1024;
/// How long after a failure, or after the last look at old segments, the next is due.
const PAUSE: Duration = Duration::from_secs(1);

/// Keeps records. It does not fail: what cannot be written is counted.
pub(super) struct Kept {
    plan: KeptPlan,
    records: Records,
    /// Whole lines that are not yet written.
    lines: Vec<u8>,
    count: usize,
    lost: usize,
    /// Opened with the first record: a process that finds the data in use has touched nothing.
    segment: Option<Segment>,
    looked_at: Option<Instant>,
    failed_at: Option<Instant>,
}

impl Kept {
    pub(super) fn of(plan: &KeptPlan) -> Self {
        let (plan, records) = (plan.clone(), Records::new(Look::Json));
        let (lines, segment, looked_at, failed_at) = (Vec::new(), None, None, None);
        Self { plan, records, lines, count: 0, lost: 0, segment, looked_at, failed_at }
    }

    pub(super) fn write(&mut self, record: &Record) {
        self.records.write(record, &mut self.lines);
        self.written();
    }

    /// The same for a record that is a line of JSON already.
    pub(super) fn write_line(&mut self, line: &[u8]) {
        self.lines.extend_from_slice(line);
        self.written();
    }

    fn written(&mut self) {
        self.count += 1;
        if self.lines.len() >= GATHERED {
            self.flush();
        }
    }

    /// Writes what was gathered, or counts it as lost.
    pub(super) fn flush(&mut self) {
        let count = mem::take(&mut self.count);
        if count == 0 {
            return;
        }
        let pauses = self.failed_at.is_some_and(|failed| failed.elapsed() < PAUSE);
        if pauses || self.append().is_err() {
            self.lost += count;
            if !pauses {
                // What was written of it is cut off when the segment is opened again.
                self.segment = None;
                self.failed_at = Some(Instant::now());
            }
        } else {
            self.failed_at = None;
        }
        self.lines.clear();
    }

    /// The same, and lets go of what has become too old.
    pub(super) fn rest(&mut self) {
        self.flush();
        if self.looked_at.is_none_or(|looked| looked.elapsed() >= PAUSE) {
            self.looked_at = Some(Instant::now());
            // What cannot be removed now can be the next time.
            let _ = self.trim();
        }
    }

    /// How many records were lost since the last time.
    pub(super) fn take_lost(&mut self) -> usize {
        mem::take(&mut self.lost)
    }

    fn append(&mut self) -> io::Result<()> {
        let (part_bytes, part_time) = (self.part_bytes(), self.plan.time / PARTS);
        let coming = self.lines.len() as u64;
        let has_room = |segment: &Segment| {
            let room = segment.bytes == 0 || segment.bytes + coming <= part_bytes;
            room && segment.begun.elapsed().is_ok_and(|age| age < part_time)
        };
        let segment = match self.segment.take() {
            Some(segment) if has_room(&segment) => segment,
            Some(segment) => Segment::create(&self.plan.folder, segment.number + 1)?,
            None => match Segment::newest(&self.plan.folder)? {
                Some(segment) if has_room(&segment) => segment,
                Some(segment) => Segment::create(&self.plan.folder, segment.number + 1)?,
                None => Segment::create(&self.plan.folder, 1)?,
            },
        };
        let segment = self.segment.insert(segment);
        segment.file.write_all(&self.lines)?;
        segment.bytes += coming;
        if segment.bytes == coming {
            self.trim()?;
        }
        Ok(())
    }

    fn part_bytes(&self) -> u64 {
        self.plan.bytes / u64::from(PARTS)
    }

    /// Removes segments that are too old, and the oldest while there are too many bytes.
    fn trim(&mut self) -> io::Result<()> {
        let current = self.segment.as_ref().map(|segment| segment.number);
        let oldest = SystemTime::now().checked_sub(self.plan.time);
        let mut segments = Vec::new();
        for (number, path) in listed(&self.plan.folder)? {
            let file = fs::metadata(&path)?;
            segments.push((number, path, file.len(), file.modified()?));
        }
        let mut bytes: u64 = segments.iter().map(|(.., bytes, _)| bytes).sum();
        // Room for all that the newest segment may still become.
        let allowed = self.plan.bytes - self.part_bytes();
        for (number, path, length, written) in segments {
            let is_old = oldest.is_some_and(|oldest| written < oldest);
            if is_old && current == Some(number) {
                self.segment = None;
            }
            let is_much = bytes > allowed && current.is_some_and(|current| number < current);
            if is_old || is_much {
                fs::remove_file(path)?;
                bytes -= length;
            }
        }
        Ok(())
    }
}

/// One file.
struct Segment {
    number: u64,
    file: File,
    bytes: u64,
    begun: SystemTime,
}

impl Segment {
    fn create(folder: &Path, number: u64) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let path = folder.join(format!("{number:010}.jsonl"));
        let file = OpenOptions::new().append(true).create_new(true).mode(0o640).open(path)?;
        Ok(Self { number, file, bytes: 0, begun: SystemTime::now() })
    }

    /// The one that was written last, cut behind its last whole line.
    fn newest(folder: &Path) -> io::Result<Option<Self>> {
        let Some((number, path)) = listed(folder)?.pop() else { return Ok(None) };
        let mut file = OpenOptions::new().read(true).append(true).open(path)?;
        let begun = file.metadata()?.created().or_else(|_| file.metadata()?.modified())?;
        let bytes = whole_bytes(&mut file)?;
        file.set_len(bytes)?;
        Ok(Some(Self { number, file, bytes, begun }))
    }
}

/// How long a file is up to the end of its last whole line.
fn whole_bytes(file: &mut File) -> io::Result<u64> {
    let length = file.metadata()?.len();
    let mut from = length;
    let mut piece = Vec::new();
    // A power cut may leave a long row of zeros behind.
    while from > 0 {
        let end = from;
        from = from.saturating_sub(LINE_MAX_BYTES as u64);
        file.seek(SeekFrom::Start(from))?;
        piece.clear();
        (&*file).take(end - from).read_to_end(&mut piece)?;
        if let Some(last) = piece.iter().rposition(|byte| *byte == b'\n') {
            return Ok(from + last as u64 + 1);
        }
    }
    Ok(0)
}

/// The segments in a folder, the oldest first; none where there is no folder.
fn listed(folder: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut segments = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let is_ours = path.extension().is_some_and(|extension| extension == "jsonl");
        let number = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
        segments.extend(number.filter(|_| is_ours).map(|number| (number, path)));
    }
    segments.sort();
    Ok(segments)
}

#[cfg(test)]
mod tests;
