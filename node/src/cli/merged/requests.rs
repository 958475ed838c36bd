//! The requests alone, of any logs: those of a network here, or files from elsewhere, or records
//! that nodes give.

use std::collections::{BTreeSet, VecDeque};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bothways::exchange::{Filter, Record};
use jiff::Timestamp;

use super::follow::Source;
use super::line::{Entry, Line};
use super::merge::{Arrow, Merge, Merged, What};
use super::paint::Paint;
use super::places::logs_in;
use super::tail::Tail;
use crate::cli::{Globals, Out, Result};

/// How often folders are looked at for new files.
const LIST_EVERY: Duration = Duration::from_secs(1);

/// Follows logs, and writes the requests that they tell of to standard output.
pub(in crate::cli) struct Requests {
    places: Vec<PathBuf>,
    listed: Option<Instant>,
    sources: Vec<Source>,
    /// What was fed, in the order of time.
    fed: VecDeque<Entry>,
    /// The nodes that wrote records, or are named in one.
    nodes: BTreeSet<String>,
    merge: Merge,
    paint: Paint,
    out: Out,
    filter: Filter,
}

impl Requests {
    pub(in crate::cli) fn of(
        places: Vec<PathBuf>,
        filter: Filter,
        globals: &Globals,
    ) -> Result<Self> {
        let out = globals.out();
        let mut requests = Self {
            places,
            listed: None,
            sources: Vec::new(),
            fed: VecDeque::new(),
            nodes: BTreeSet::new(),
            merge: Merge::default(),
            paint: Paint::of(&[], out.is_styled()),
            out,
            filter,
        };
        requests.list()?;
        Ok(requests)
    }

    /// Takes records that came another way than by a log.
    pub(in crate::cli) fn feed(&mut self, records: Vec<Record>) {
        let entry = |record: Record| Entry {
            node: record.node.to_string(),
            at_us: Some(record.ended_us()),
            line: Line::Request(Box::new(record)),
        };
        self.fed.extend(records.into_iter().map(entry));
        self.fed.make_contiguous().sort_by_key(|entry| entry.at_us);
        let nodes = self.fed.iter().filter_map(record_of).map(|record| record.node.to_string());
        for node in nodes.collect::<BTreeSet<_>>() {
            self.merge.learn(&node);
        }
        let known = self.nodes.len();
        self.nodes.extend(self.fed.iter().filter_map(record_of).flat_map(names));
        self.repaint(known);
    }

    /// Writes the last of those that are there already.
    pub(in crate::cli) fn begin(&mut self, last: usize) -> Result {
        let mut kept = VecDeque::new();
        self.read(|line| {
            kept.push_back(line);
            if kept.len() > last {
                kept.pop_front();
            }
            Ok(())
        })?;
        kept.iter().try_for_each(|line| self.write(line))
    }

    /// Writes those that have come.
    pub(in crate::cli) fn turn(&mut self) -> Result {
        if self.listed.is_none_or(|listed| listed.elapsed() >= LIST_EVERY) {
            // A folder may be gone for a moment: a network that is started anew.
            let _ = self.list();
        }
        let mut come = Vec::new();
        self.read(|line| {
            come.push(line);
            Ok(())
        })?;
        come.extend(self.merge.at(Timestamp::now().as_microsecond()));
        come.iter().try_for_each(|line| self.write(line))
    }

    /// Writes those that still wait for their other end.
    pub(in crate::cli) fn end(&mut self) -> Result {
        self.turn()?;
        let rest = self.merge.end();
        rest.iter().try_for_each(|line| self.write(line))
    }

    /// Finds the files, and lets go of those that are gone.
    fn list(&mut self) -> Result {
        self.listed = Some(Instant::now());
        let mut files = BTreeSet::new();
        for place in &self.places {
            files.extend(logs_in(place)?);
        }
        self.sources.retain(|source| files.remove(source.path()) || !source.read.is_empty());
        let new = files.into_iter().map(|file| Source::of(None, Tail::of(file)));
        self.sources.extend(new);
        Ok(())
    }

    /// Reads what is there, in the order of time, and gives what is looked for.
    fn read(&mut self, mut give: impl FnMut(Merged) -> Result) -> Result {
        loop {
            self.refill()?;
            let queues = self.sources.iter_mut().map(|source| &mut source.read);
            let queues = queues.chain([&mut self.fed]).filter(|queue| !queue.is_empty());
            let Some(first) = queues.min_by_key(|queue| queue[0].at_us) else { return Ok(()) };
            let Some(entry) = first.pop_front() else { return Ok(()) };
            if matches!(entry.line, Line::Request(_)) {
                let merged = self.merge.take(entry);
                merged
                    .into_iter()
                    .filter(|line| wants(&self.filter, line))
                    .try_for_each(&mut give)?;
            }
        }
    }

    fn refill(&mut self) -> Result {
        let known = self.nodes.len();
        for source in self.sources.iter_mut().filter(|source| source.read.is_empty()) {
            source.refill()?;
            for entry in &source.read {
                if let Some(record) = record_of(entry) {
                    self.merge.learn(record.node.as_str());
                    self.nodes.extend(names(record));
                }
            }
        }
        self.repaint(known);
        Ok(())
    }

    /// Gives each node its colour and its column, where there are more than so many.
    fn repaint(&mut self, known: usize) {
        if self.nodes.len() > known {
            let nodes: Vec<_> = self.nodes.iter().cloned().collect();
            self.paint = Paint::of(&nodes, self.out.is_styled());
        }
    }

    fn write(&self, line: &Merged) -> Result {
        if !wants(&self.filter, line) {
            return Ok(());
        }
        let text = if self.out.is_json() {
            serde_json::to_string(line)?
        } else {
            let columns = comfy_table::Table::new().width().map(usize::from);
            self.paint.line(line, columns.filter(|columns| *columns > 0))
        };
        Ok(self.out.text(&text)?)
    }
}

fn record_of(entry: &Entry) -> Option<&Record> {
    match &entry.line {
        Line::Request(record) => Some(record),
        _ => None,
    }
}

fn names(record: &Record) -> [String; 2] {
    [record.node.to_string(), record.peer.to_string()]
}

fn wants(filter: &Filter, line: &Merged) -> bool {
    let What::Request(arrow) = &line.what else { return false };
    let Arrow { asker, answerer, method, code, duration_us, .. } = arrow;
    let peer = filter.peer.as_ref().map(AsRef::<str>::as_ref);
    filter.method.as_ref().is_none_or(|wanted| wanted == method)
        && peer.is_none_or(|peer| [asker, answerer].iter().any(|end| end.as_str() == peer))
        && filter.code.is_none_or(|wanted| wanted.as_str() == code)
        && filter.slower_than_us.is_none_or(|us| duration_us.is_some_and(|took| took > us))
}
