//! What is to be written on a stream that many write on: put in by each of them, sent together.

use std::sync::{Mutex, MutexGuard, PoisonError};

use quinn::WriteError;
use tokio::sync::Notify;

use super::stream::MessageWriter;

/// Above so many bytes that wait to be sent, [`Outbox::room`] waits.
const FULL_BYTES: usize = 64 * 1024;
/// The room that is made ready for what is put in next, in bytes.
const READY_BYTES: usize = 2 * 1024;

/// Messages that wait to be sent. Whoever puts one in never waits; what is put in by all who run
/// before the sender does is one write.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    waiting: Mutex<Vec<u8>>,
    /// There is something to send.
    filled: Notify,
    /// What was put in is being sent.
    emptied: Notify,
}

impl Outbox {
    /// Appends a message, its length in front.
    pub(crate) fn put(&self, append: impl FnOnce(&mut Vec<u8>)) -> usize {
        let mut waiting = self.lock();
        let before = waiting.len();
        append(&mut waiting);
        let bytes = waiting.len() - before;
        drop(waiting);
        if before == 0 {
            self.filled.notify_one();
        }
        bytes
    }

    /// Waits while more is put in than the peer reads.
    pub(crate) async fn room(&self) {
        loop {
            let emptied = self.emptied.notified();
            if self.lock().len() <= FULL_BYTES {
                return;
            }
            emptied.await;
        }
    }

    /// Sends what is put in, until that fails.
    pub(crate) async fn send_all(&self, writer: &mut MessageWriter) -> WriteError {
        loop {
            if let Err(error) = self.send_rest(writer).await {
                return error;
            }
            self.filled.notified().await;
        }
    }

    /// Sends what was put in.
    pub(crate) async fn send_rest(&self, writer: &mut MessageWriter) -> Result<(), WriteError> {
        loop {
            let batch = self.take();
            if batch.is_empty() {
                return Ok(());
            }
            writer.send(batch.into()).await?;
        }
    }

    fn take(&self) -> Vec<u8> {
        let mut waiting = self.lock();
        if waiting.is_empty() {
            return Vec::new();
        }
        let room = waiting.len().clamp(READY_BYTES, FULL_BYTES);
        let batch = std::mem::replace(&mut *waiting, Vec::with_capacity(room));
        drop(waiting);
        self.emptied.notify_waiters();
        batch
    }

    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
