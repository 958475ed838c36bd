//! What binds a cursor: to one caller, one service and one store.

use bothways_protocol::{Code, Cursor, Failure, NodeName};
use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::store::{Revision, Store};

/// How cursors of this form begin.
const VERSION: u8 = 1;
/// Bytes of the check.
const CHECK_BYTES: usize = 8;
/// The version, the check and the revision.
pub(super) const CURSOR_BYTES: usize = 1 + CHECK_BYTES + 8;

/// Makes and reads the cursors of one caller at one service over one store.
///
/// The check keeps mistakes out, not attacks: a caller that makes up a place of its own sees no
/// more there than what it may see anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp([u8; CHECK_BYTES]);

impl Stamp {
    pub(super) fn of(store: &dyn Store, service: &str, caller: &NodeName) -> Self {
        let mut hash = Sha256::new();
        hash.update(store.id().0);
        for word in [service, caller.as_str()] {
            hash.update(word);
            // No name has it, so no two pairs of names look the same.
            hash.update([0]);
        }
        let mut check = [0; CHECK_BYTES];
        check.copy_from_slice(&hash.finalize()[..CHECK_BYTES]);
        Self(check)
    }

    pub(super) fn cursor(self, revision: Revision) -> Cursor {
        let bytes = Bytes::copy_from_slice(&self.bytes(revision));
        Cursor::of_bytes(bytes).expect("it has 17 bytes")
    }

    /// The cursor as an event carries it.
    pub(super) fn bytes(self, revision: Revision) -> [u8; CURSOR_BYTES] {
        let mut bytes = [VERSION; CURSOR_BYTES];
        bytes[1..=CHECK_BYTES].copy_from_slice(&self.0);
        bytes[CHECK_BYTES + 1..].copy_from_slice(&revision.0.to_be_bytes());
        bytes
    }

    /// The place that a cursor stands for.
    pub(super) fn read(self, cursor: &Cursor) -> Result<Revision, Failure> {
        let bytes = <[u8; CURSOR_BYTES]>::try_from(&cursor.bytes()[..]).map_err(|_| foreign())?;
        let (head, revision) = bytes.split_at(CHECK_BYTES + 1);
        if head[0] != VERSION || head[1..] != self.0 {
            return Err(foreign());
        }
        Ok(Revision(u64::from_be_bytes(revision.try_into().expect("8 bytes are left"))))
    }
}

fn foreign() -> Failure {
    let sentence = "the cursor is of another caller, another service or another store";
    Failure::new(Code::InvalidArgument, sentence).reason("cursor")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Embedded, StoreBounds};

    #[test]
    fn a_cursor_is_read_by_whom_it_was_made_for_alone() {
        let store = Embedded::in_memory(&StoreBounds::default()).unwrap();
        let (desk, till) = ("desk".parse().unwrap(), "till".parse().unwrap());
        let stamp = Stamp::of(&store, "people", &desk);
        let cursor = stamp.cursor(Revision(7));
        assert_eq!(stamp.read(&cursor), Ok(Revision(7)));
        assert!(cursor.bytes().len() <= 64);
        let elsewhere = Embedded::in_memory(&StoreBounds::default()).unwrap();
        for other in [
            Stamp::of(&store, "people", &till),
            Stamp::of(&store, "orders", &desk),
            Stamp::of(&elsewhere, "people", &desk),
        ] {
            assert_eq!(other.read(&cursor).unwrap_err().text("reason"), Some("cursor"));
        }
        for bad in [&cursor.bytes()[1..], &[&cursor.bytes()[..], b"x"].concat(), b""] {
            let bad = Cursor::of_bytes(Bytes::copy_from_slice(bad)).unwrap();
            assert_eq!(stamp.read(&bad).unwrap_err().code, Code::InvalidArgument);
        }
    }
}
