//! The code, `bothways.cddl`, `vectors/` and `SPEC.md`, held against each other.

#![allow(clippy::unwrap_used, reason = "a test says what failed by failing")]

mod diagnostic;
mod grammar;
mod properties;
mod reader;
mod said;
mod shape;
mod spec;
mod vector_files;
mod vectors;

use bothways_protocol::{FrameError, Frames};
use bytes::Bytes;

/// The limit that the vectors are made for, in bytes.
const MAX_BYTES: usize = 64 * 1024;

/// All messages of a stream that ends.
fn messages(stream: &[u8]) -> Result<Vec<Bytes>, FrameError> {
    let mut frames = Frames::new(MAX_BYTES);
    frames.push(Bytes::copy_from_slice(stream));
    let mut messages = Vec::new();
    while let Some(message) = frames.next_message()? {
        messages.push(message);
    }
    frames.finish().map(|()| messages)
}
