//! One direction of a stream each: messages out, messages in.

use std::time::Duration;

use bothways_protocol::{FrameError, Frames, ResetCode};
use bytes::Bytes;
use futures_util::FutureExt;
use quinn::{ReadError as QuicReadError, RecvStream, SendStream, VarInt, WriteError};
use thiserror::Error;
use tokio::time::timeout;

use super::assembly::{Assembly, Crowded, Share};
use crate::visible::visible;

/// Writes messages. Dropped before it was finished it *resets* the stream, so that half a message
/// never looks whole (quinn's own drop would finish it).
#[derive(Debug)]
pub(crate) struct MessageWriter {
    stream: SendStream,
    sent_bytes: u64,
    ended: bool,
}

impl MessageWriter {
    pub(crate) fn new(stream: SendStream) -> Self {
        Self { stream, sent_bytes: 0, ended: false }
    }

    /// Writes one message, its length in front.
    pub(crate) async fn send(&mut self, message: Bytes) -> Result<(), WriteError> {
        self.sent_bytes += message.len() as u64;
        self.stream.write_chunk(message).await
    }

    /// Writes what of a message can be written without waiting, and leaves the rest of it.
    pub(crate) fn send_now(&mut self, message: &mut Bytes) -> Result<Sent, WriteError> {
        let bytes = message.len();
        let written = self.stream.write_chunks(std::slice::from_mut(message)).now_or_never();
        self.sent_bytes += (bytes - message.len()) as u64;
        written.transpose()?;
        Ok(if message.is_empty() { Sent::Whole } else { Sent::Part })
    }

    /// Says that no message follows.
    pub(crate) fn finish(&mut self) {
        self.ended = true;
        // A stream that the peer has stopped already needs no end.
        let _ = self.stream.finish();
    }

    /// Tells the reader to throw away what it has.
    pub(crate) fn reset(&mut self, code: ResetCode) {
        self.ended = true;
        let _ = self.stream.reset(VarInt::from_u32(code.number()));
    }

    /// Tells the reader why no more comes, unless the message is finished.
    pub(crate) fn give_up(&mut self, code: ResetCode) {
        if !self.ended {
            self.reset(code);
        }
    }

    /// Waits until the reader wants no more: because it stopped the stream, or has all of it.
    pub(crate) fn stopped(&self) -> impl Future<Output = ()> + Send + use<> {
        let stopped = self.stream.stopped();
        async move { drop(stopped.await) }
    }

    /// How many bytes were written, lengths included.
    pub(crate) fn sent_bytes(&self) -> u64 {
        self.sent_bytes
    }

    /// The stream's index among those of its initiator and kind (RFC 9000 §2.1).
    pub(crate) fn index(&self) -> u64 {
        self.stream.id().index()
    }
}

impl Drop for MessageWriter {
    fn drop(&mut self) {
        self.give_up(ResetCode::Cancelled);
    }
}

/// How much of a message was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    /// All of it.
    Whole,
    /// Not all of it: the peer takes no more at the moment.
    Part,
}

/// A stream from which no further message can be read.
#[derive(Debug, Error)]
pub(crate) enum ReadError {
    /// What came is no message within the bounds.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The peers' unfinished messages hold too much memory already.
    #[error("too many unfinished messages at once")]
    Crowded,
    /// The message did not come whole in time.
    #[error("the message did not arrive whole within {within_ms} ms")]
    Slow {
        /// The time given, in milliseconds.
        within_ms: u128,
    },
    /// The peer threw the stream away.
    #[error("the peer reset the stream ({})", .0.map_or("unknown", ResetCode::as_str))]
    Reset(Option<ResetCode>),
    /// The connection is gone.
    #[error("the connection is lost: {}", visible(&.0.to_string()))]
    Lost(quinn::ConnectionError),
}

/// What a read has led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Came {
    /// Bytes, of some message.
    Bytes,
    /// The end of the stream.
    End,
}

/// Reads messages, and holds no more of an unfinished one than the bounds allow.
#[derive(Debug)]
pub(crate) struct MessageReader {
    stream: RecvStream,
    frames: Frames,
    share: Share,
    received_bytes: u64,
    ended: bool,
}

impl MessageReader {
    pub(crate) fn new(stream: RecvStream, max_bytes: usize, assembly: &Assembly) -> Self {
        let (frames, share) = (Frames::new(max_bytes), assembly.share());
        Self { stream, frames, share, received_bytes: 0, ended: false }
    }

    /// The next message without its length; `None` when the stream has ended behind a message.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, ReadError> {
        loop {
            if let Some(message) = self.buffered()? {
                self.hold()?;
                return Ok(Some(message));
            }
            if self.more().await? == Came::End {
                return Ok(None);
            }
        }
    }

    /// The next message, if all of it has arrived.
    pub(crate) fn buffered(&mut self) -> Result<Option<Bytes>, ReadError> {
        Ok(self.frames.next_message()?)
    }

    /// Whether a message has begun to arrive.
    pub(crate) fn is_amid(&self) -> bool {
        self.frames.held_bytes() > 0
    }

    /// Waits for more of the stream, or for its end behind a message.
    pub(crate) async fn more(&mut self) -> Result<Came, ReadError> {
        self.hold()?;
        // Of two chunks the second one is most often the end, which so is seen at once.
        let mut chunks = [Bytes::new(), Bytes::new()];
        match self.stream.read_chunks(&mut chunks).await {
            Ok(Some(_)) => {
                for chunk in chunks.into_iter().filter(|chunk| !chunk.is_empty()) {
                    self.received_bytes += chunk.len() as u64;
                    self.frames.push(chunk);
                }
                Ok(Came::Bytes)
            }
            Ok(None) => {
                self.ended = true;
                self.frames.finish().map(|()| Came::End).map_err(ReadError::from)
            }
            Err(error) => Err(read_error(error)),
        }
    }

    /// Takes the bytes that are held from what the peer's unfinished messages may hold.
    fn hold(&mut self) -> Result<(), ReadError> {
        self.share.hold(self.frames.held_bytes()).map_err(|Crowded| ReadError::Crowded)
    }

    /// The next message, if it arrives whole within the time given.
    pub(crate) async fn next_within(
        &mut self,
        limit: Duration,
    ) -> Result<Option<Bytes>, ReadError> {
        let slow = |_| ReadError::Slow { within_ms: limit.as_millis() };
        timeout(limit, self.next()).await.map_err(slow)?
    }

    /// As [`more`](Self::more), if it comes in the time given.
    pub(crate) async fn more_within(&mut self, limit: Duration) -> Result<Came, ReadError> {
        let slow = |_| ReadError::Slow { within_ms: limit.as_millis() };
        timeout(limit, self.more()).await.map_err(slow)?
    }

    /// Tells the writer that nothing more is read (STOP_SENDING, RFC 9000 §19.5).
    pub(crate) fn stop(&mut self, code: ResetCode) {
        self.ended = true;
        // A stream that is here whole, its end included, needs no word: it would cost a frame for
        // each request.
        if let Some(Ok(None)) = self.stream.read_chunk(1, true).now_or_never() {
            return;
        }
        let _ = self.stream.stop(VarInt::from_u32(code.number()));
    }

    /// How many bytes were read, lengths included.
    pub(crate) fn received_bytes(&self) -> u64 {
        self.received_bytes
    }
}

impl Drop for MessageReader {
    fn drop(&mut self) {
        if !self.ended {
            self.stop(ResetCode::Cancelled);
        }
    }
}

fn read_error(error: QuicReadError) -> ReadError {
    match error {
        QuicReadError::Reset(code) => ReadError::Reset(ResetCode::of(code.into_inner())),
        QuicReadError::ConnectionLost(error) => ReadError::Lost(error),
        // What follows are misuses of quinn that this type rules out: it reads in order, and no
        // longer after the end; 0-RTT is never offered.
        QuicReadError::ClosedStream
        | QuicReadError::IllegalOrderedRead
        | QuicReadError::ZeroRttRejected => ReadError::Reset(None),
    }
}
