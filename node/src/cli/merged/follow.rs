//! The merged log on standard output: reads the nodes' logs as they grow.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use jiff::Timestamp;
use tokio::sync::oneshot;

use super::line::{Entry, Line};
use super::merge::{Merge, Merged, What};
use super::paint::Paint;
use super::tail::Tail;
use crate::cli::{Globals, Out, Result};

/// How often the logs are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(40);
/// How many lines are written in one go.
const BATCH_LINES: usize = 256;

/// Reads the logs of one network, and writes what they tell to standard output.
pub(in crate::cli) struct Follow {
    sources: Vec<Source>,
    merge: Merge,
    paint: Paint,
    out: Out,
    /// Whose lines are shown: everybody's, where nothing is said.
    only: Option<String>,
}

/// One log, with what was read and not yet told.
pub(super) struct Source {
    /// The node that writes it; the supervisor names the node in each line.
    node: Option<String>,
    tail: Tail,
    pub(super) read: VecDeque<Entry>,
    at_us: i64,
}

impl Follow {
    /// Of the supervisor's log and those of the nodes, by their names.
    pub(in crate::cli) fn of(
        supervisor: PathBuf,
        nodes: BTreeMap<String, PathBuf>,
        only: Option<String>,
        globals: &Globals,
    ) -> Self {
        let names: Vec<_> = nodes.keys().cloned().collect();
        let mut sources = vec![Source::of(None, Tail::of(supervisor))];
        let nodes = nodes.into_iter().map(|(name, log)| Source::of(Some(name), Tail::of(log)));
        sources.extend(nodes);
        let out = globals.out();
        let paint = Paint::of(&names, out.is_styled());
        Self { sources, merge: Merge::of(names), paint, out, only }
    }

    /// Writes all that there is.
    pub(in crate::cli) fn all(&mut self) -> Result {
        self.turn()?;
        let rest = self.merge.end();
        self.write(&rest)
    }

    /// Writes what comes, until told that nothing more will.
    pub(in crate::cli) fn on(&mut self, goes_on: impl Fn() -> bool) -> Result {
        while goes_on() {
            self.turn()?;
            let late = self.merge.at(Timestamp::now().as_microsecond());
            self.write(&late)?;
            thread::sleep(LOOK_EVERY);
        }
        self.all()
    }

    /// Writes what has come since the last turn, in the order of the lines' times.
    fn turn(&mut self) -> Result {
        let mut batch = Vec::new();
        loop {
            for source in self.sources.iter_mut().filter(|source| source.read.is_empty()) {
                source.refill()?;
            }
            let sources = self.sources.iter_mut().filter(|source| !source.read.is_empty());
            let Some(first) = sources.min_by_key(|source| source.read[0].at_us) else { break };
            batch.extend(
                first.read.pop_front().map(|entry| self.merge.take(entry)).into_iter().flatten(),
            );
            if batch.len() >= BATCH_LINES {
                self.write(&batch)?;
                batch.clear();
            }
        }
        self.write(&batch)
    }

    fn write(&self, lines: &[Merged]) -> Result {
        let shown = lines.iter().filter(|line| self.is_shown(line));
        if self.out.is_json() {
            let told = shown.map(|line| Ok(serde_json::to_string(line)? + "\n"));
            return Ok(self.out.text(&told.collect::<Result<String>>()?)?);
        }
        let columns = comfy_table::Table::new().width().map(usize::from);
        let columns = columns.filter(|columns| *columns > 0);
        let text: String = shown.map(|line| self.paint.line(line, columns) + "\n").collect();
        if text.is_empty() {
            return Ok(());
        }
        Ok(self.out.text(&text)?)
    }

    fn is_shown(&self, line: &Merged) -> bool {
        // Each event has a line of its own here.
        if matches!(&line.what, What::Request(arrow) if arrow.is_progress()) {
            return false;
        }
        let Some(only) = &self.only else { return true };
        match &line.what {
            What::Request(arrow) => [&arrow.asker, &arrow.answerer].contains(&only),
            What::Session { node, peer, .. }
            | What::Subscription { node, peer, .. }
            | What::Push { node, peer, .. }
            | What::Reason { node, peer, .. } => [node, peer].contains(&only),
            What::Event { node, .. } | What::Text { node, .. } => node == only,
        }
    }
}

impl Source {
    pub(super) fn of(node: Option<String>, tail: Tail) -> Self {
        Self { node, tail, read: VecDeque::new(), at_us: 0 }
    }

    pub(super) fn path(&self) -> &Path {
        self.tail.path()
    }

    pub(super) fn refill(&mut self) -> Result {
        let name = self.node.as_deref().unwrap_or_default();
        for line in self.tail.new_lines().with_context(|| format!("cannot read {name}'s log"))? {
            let mut entry = Entry::read(name, &line);
            if let (None, Line::Event(event)) = (&self.node, &entry.line) {
                entry.node = event.field("node").to_owned();
            }
            self.at_us = entry.at_us.unwrap_or(self.at_us);
            entry.at_us = Some(self.at_us);
            self.read.push_back(entry);
        }
        Ok(())
    }
}

/// A merged log that is written on a thread of its own: a terminal that stands still holds up
/// nothing else.
pub(in crate::cli) struct Following {
    ends: Arc<AtomicBool>,
    /// Tells how the thread ended; gone once it has told.
    ended: Option<oneshot::Receiver<Result>>,
}

impl Following {
    pub(in crate::cli) fn start(mut follow: Follow) -> Result<Self> {
        let ends = Arc::new(AtomicBool::new(false));
        let (told, ended) = oneshot::channel();
        let told_to_end = ends.clone();
        thread::Builder::new().name("merged-log".to_owned()).spawn(move || {
            // Nobody listens any more only where the command has ended.
            let _ = told.send(follow.on(|| !told_to_end.load(Ordering::Relaxed)));
        })?;
        Ok(Self { ends, ended: Some(ended) })
    }

    /// Waits until the log cannot be written any more; for ever where that was told before.
    pub(in crate::cli) async fn broken(&mut self) -> Result {
        let Some(ended) = &mut self.ended else { return std::future::pending().await };
        let how = ended.await.unwrap_or(Ok(()));
        self.ended = None;
        how
    }

    /// Writes what is left, if the terminal takes it.
    pub(in crate::cli) async fn end(self) -> Result {
        const PATIENCE: Duration = Duration::from_secs(2);
        self.ends.store(true, Ordering::Relaxed);
        let Some(ended) = self.ended else { return Ok(()) };
        match tokio::time::timeout(PATIENCE, ended).await {
            Ok(Ok(ended)) => ended,
            // A terminal that stands still, or a thread that is gone: nothing more can be shown.
            _ => Ok(()),
        }
    }
}
