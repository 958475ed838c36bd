//! How far a subscription has come: by its events, and without one.

use bothways_protocol::Cursor;
use bytes::Bytes;

/// Where a subscription stands.
#[derive(Debug)]
pub(super) struct Standing {
    /// The cursor of the last event that was handed on.
    handed: Option<Bytes>,
    /// Where it has come to behind that, without an event.
    passed: Option<Cursor>,
    /// Whether all that was handed on is acknowledged.
    acknowledged: bool,
}

impl Standing {
    /// Of a subscription that begins: it owes no word of what is before.
    pub(super) fn new() -> Self {
        Self { handed: None, passed: None, acknowledged: true }
    }

    /// It has begun, or resumed, at this place.
    pub(super) fn note_begun(&mut self, cursor: &Cursor) {
        if self.handed.is_none() {
            self.passed = Some(cursor.clone());
        }
    }

    /// An event is being handed on.
    pub(super) fn note_handed(&mut self, cursor: &Bytes) {
        *self = Self { handed: Some(cursor.clone()), passed: None, acknowledged: false };
    }

    /// It has come to this place without an event. Says whether that may be acknowledged.
    pub(super) fn note_passed(&mut self, cursor: &Cursor) -> bool {
        self.passed = Some(cursor.clone());
        self.acknowledged
    }

    /// An event is acknowledged.
    pub(super) fn note_acknowledged(&mut self, cursor: &Bytes) {
        self.acknowledged |= self.handed.as_ref() == Some(cursor);
    }

    /// The place up to which nothing is missing where this event was the last that was dealt with;
    /// `None` where that is the event's own.
    pub(super) fn behind(&self, event: Option<&Bytes>) -> Option<&Cursor> {
        self.passed.as_ref().filter(|_| self.handed.as_ref() == event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor(byte: u8) -> Cursor {
        Cursor::of_bytes(Bytes::copy_from_slice(&[byte])).unwrap()
    }

    #[test]
    fn what_has_passed_is_acknowledged_only_where_everything_before_it_is() {
        let (one, two) = (cursor(1).bytes().clone(), cursor(2).bytes().clone());
        let mut standing = Standing::new();
        assert!(standing.note_passed(&cursor(0)), "a durable one goes on where it stands");
        standing.note_handed(&one);
        standing.note_handed(&two);
        standing.note_acknowledged(&one);
        assert!(!standing.note_passed(&cursor(3)), "an event is missing");
        standing.note_acknowledged(&two);
        assert!(standing.note_passed(&cursor(4)));
    }

    #[test]
    fn it_stands_behind_what_has_passed_since_its_last_event() {
        let (one, two) = (cursor(1).bytes().clone(), cursor(2).bytes().clone());
        let mut standing = Standing::new();
        standing.note_begun(&cursor(0));
        assert_eq!(standing.behind(None), Some(&cursor(0)));
        standing.note_handed(&one);
        assert_eq!(standing.behind(Some(&one)), None);
        standing.note_handed(&two);
        standing.note_begun(&cursor(2));
        standing.note_passed(&cursor(3));
        assert_eq!(standing.behind(Some(&two)), Some(&cursor(3)));
        assert_eq!(standing.behind(Some(&one)), None, "an event is not dealt with yet");
    }
}
