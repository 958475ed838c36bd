//! Streams give the same messages however they are cut, hold no more than arrived, never panic.
//!
//! The first two bytes of the input say where the stream is cut; the rest is the stream.

#![no_main]

use bothways_protocol::{FrameError, Frames};
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;

const MAX_BYTES: usize = 1024;

fuzz_target!(|input: &[u8]| {
    let Some((cuts, stream)) = input.split_first_chunk::<2>() else { return };
    let whole = messages([stream].into_iter());
    let first = usize::from(cuts[0]).min(stream.len());
    let (head, tail) = stream.split_at(first);
    let pieces = tail.chunks(usize::from(cuts[1]) + 1);
    assert_eq!(messages(std::iter::once(head).chain(pieces)), whole);
    assert_eq!(messages(stream.chunks(1)), whole);
});

fn messages<'a>(chunks: impl Iterator<Item = &'a [u8]>) -> (Vec<Bytes>, Result<(), FrameError>) {
    let mut frames = Frames::new(MAX_BYTES);
    let mut messages = Vec::new();
    for chunk in chunks {
        frames.push(Bytes::copy_from_slice(chunk));
        loop {
            match frames.next_message() {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(error) => return (messages, Err(error)),
            }
        }
        assert!(frames.held_bytes() <= MAX_BYTES + 9, "more is held than one message");
    }
    (messages, frames.finish())
}
