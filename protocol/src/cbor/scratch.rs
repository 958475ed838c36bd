//! Room to encode in, kept by each thread: what is small is copied out of it, and so takes no more
//! room than it needs; what is large takes the room along.

use std::cell::Cell;

use bytes::{Buf, Bytes};

/// The most that is copied, in bytes.
const SMALL_MAX_BYTES: usize = 4096;

/// The largest room that is kept, in bytes.
const KEPT_MAX_BYTES: usize = 64 * 1024;

thread_local! {
    static ROOM: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Encodes in an empty buffer. Whoever encodes while encoding has a buffer of its own.
pub(super) fn in_scratch<T>(encode: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    let mut room = ROOM.take();
    let encoded = encode(&mut room);
    if room.capacity() <= KEPT_MAX_BYTES {
        room.clear();
        ROOM.set(room);
    }
    encoded
}

/// What was encoded, from `start` on.
pub(super) fn taken_out(room: &mut Vec<u8>, start: usize) -> Bytes {
    if room.len() <= SMALL_MAX_BYTES {
        return Bytes::copy_from_slice(&room[start..]);
    }
    let mut large = Bytes::from(std::mem::take(room));
    large.advance(start);
    large
}
