//! Sends a node's records as spans to an OpenTelemetry receiver (OTLP over HTTP, in JSON), on a thread
//! of its own. Knows records alone.
//!
//! The network waits for none of it: a record is copied into a bounded queue behind a short lock.
//! What finds the queue full, because the receiver is away or slow, is counted, and the log says so.

mod post;
mod queue;
mod retry;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use bothways_protocol::NodeName;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::config::OtlpEndpoint;
use crate::exchange::{Export, Record, TakeRecords};
use post::{Answer, Post};
use queue::Queue;
use retry::Retry;

/// For how long records gather, where they are few.
const GATHERING: Duration = Duration::from_secs(1);
/// How long the end waits for a receiver that does not answer.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// How often the log says what was lost.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// What sends a node's records, until it is told to end.
pub(crate) struct Exporter {
    queue: Arc<Queue>,
    /// Gone once the thread has ended.
    ended: watch::Receiver<()>,
}

impl Exporter {
    /// Starts the thread that sends the records of this node.
    pub(crate) fn start(node: &NodeName, endpoint: &OtlpEndpoint) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let queue = Arc::<Queue>::default();
        let (running, ended) = watch::channel(());
        let sender = Sender::of(node.clone(), endpoint.clone(), queue.clone());
        thread::Builder::new().name("bothways-otlp".to_owned()).spawn(move || {
            runtime.block_on(sender.run());
            drop(running);
        })?;
        Ok(Self { queue, ended })
    }

    /// What takes the records.
    pub(crate) fn takes_records(&self) -> Arc<dyn TakeRecords> {
        self.queue.clone()
    }

    /// Sends what is queued, for two seconds at the most, and ends.
    pub(crate) async fn end(&self) {
        self.queue.end();
        // It never changes: it goes with the thread.
        let _ = timeout(LAST_WORDS, self.ended.clone().changed()).await;
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        self.queue.end();
    }
}

impl fmt::Debug for Exporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exporter").finish_non_exhaustive()
    }
}

/// The thread's own.
struct Sender {
    node: NodeName,
    queue: Arc<Queue>,
    post: Post,
    retry: Retry,
    /// Spans that were lost, and not yet told of.
    lost: u64,
    told_at: Option<Instant>,
    is_away: bool,
}

impl Sender {
    fn of(node: NodeName, endpoint: OtlpEndpoint, queue: Arc<Queue>) -> Self {
        let (post, retry) = (Post::to(endpoint), Retry::default());
        Self { node, queue, post, retry, lost: 0, told_at: None, is_away: false }
    }

    /// Sends what comes, until the queue ends and is empty, or nothing more can be sent in time.
    async fn run(mut self) {
        let queue = self.queue.clone();
        loop {
            let taken = queue.next();
            self.lost += taken.dropped;
            if !taken.records.is_empty() {
                let ends = async {
                    queue.ended().await;
                    sleep(LAST_WORDS).await;
                };
                let count = taken.records.len() as u64;
                tokio::select! {
                    biased;
                    () = self.send(&taken.records) => {}
                    () = ends => {
                        self.lost += count + queue.take_rest();
                        return self.tell_losses();
                    }
                }
            }
            self.tell_losses();
            if taken.is_last {
                return;
            }
            if taken.records.is_empty() || !taken.is_full {
                tokio::select! {
                    biased;
                    () = queue.ended() => {}
                    () = queue.filled() => {}
                    () = sleep(GATHERING) => {}
                }
            }
        }
    }

    /// Sends some records, as often as it takes; what the receiver refuses is lost.
    async fn send(&mut self, records: &[Record]) {
        let export = Export::of_node(&self.node, records);
        // Texts and numbers always become JSON.
        let Ok(body) = serde_json::to_vec(&export) else { return };
        let body = bytes::Bytes::from(body);
        self.retry.begin();
        loop {
            let after = match self.post.send(body.clone()).await {
                Answer::Taken { rejected } => {
                    self.lost += rejected;
                    self.note_back();
                    return;
                }
                Answer::Refused(why) => {
                    tracing::warn!(endpoint = %self.post.endpoint(), why, "spans refused");
                    self.lost += records.len() as u64;
                    return;
                }
                Answer::Later { why, after } => {
                    self.note_away(&why);
                    after
                }
            };
            sleep(self.retry.wait(after, rand::random())).await;
        }
    }

    fn note_away(&mut self, why: &str) {
        if !std::mem::replace(&mut self.is_away, true) {
            tracing::warn!(endpoint = %self.post.endpoint(), why, "otlp receiver is away");
        }
    }

    fn note_back(&mut self) {
        if std::mem::take(&mut self.is_away) {
            tracing::info!(endpoint = %self.post.endpoint(), "otlp receiver is back");
        }
    }

    /// Says how many more spans were lost, now and then.
    fn tell_losses(&mut self) {
        let is_due = self.told_at.is_none_or(|told| told.elapsed() >= TELL_EVERY);
        if self.lost > 0 && (is_due || self.queue.has_ended()) {
            let spans = std::mem::take(&mut self.lost);
            tracing::warn!(endpoint = %self.post.endpoint(), spans, "spans not exported");
            self.told_at = Some(Instant::now());
        }
    }
}

#[cfg(test)]
mod tests;
