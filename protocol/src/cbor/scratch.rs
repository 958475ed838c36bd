//! Room to encode in, kept by each thread: what is encoded in it is copied out, and so takes no more
//! room than it needs.

use std::cell::Cell;

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
