//! Reads CBOR out of a slice without copying, and holds it to the bounds while it does.

use ciborium_ll::{Decoder, Error, Header};
use thiserror::Error;

use super::{ARRAY_MAX_ITEMS, DEPTH_MAX, MAP_MAX_PAIRS};

/// Bytes that are no CBOR item within the protocol's bounds.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MalformedError {
    /// The bytes end inside an item.
    #[error("the bytes end inside a CBOR item")]
    Truncated,
    /// The bytes break RFC 8949 at this offset.
    #[error("no well-formed CBOR (RFC 8949) at byte {at}")]
    Syntax {
        /// The offset, in bytes from the beginning of the message.
        at: usize,
    },
    /// Arrays, maps and tags are nested too deeply.
    #[error("nested more than {DEPTH_MAX} deep, the message's own maps counted")]
    TooDeep,
    /// An array or a map has too many entries.
    #[error(
        "an array of more than {ARRAY_MAX_ITEMS} items or a map of more than {MAP_MAX_PAIRS} pairs"
    )]
    TooMany,
    /// Something stands behind the item.
    #[error("{bytes} bytes behind the end of the CBOR item")]
    Trailing {
        /// How many bytes.
        bytes: usize,
    },
    /// Another type of item was needed here.
    #[error("expected {expected} at byte {at}")]
    Expected {
        /// What was needed.
        expected: &'static str,
        /// The offset, in bytes from the beginning of the message.
        at: usize,
    },
    /// A text is not UTF-8 (RFC 8949 §3.1).
    #[error("a text that is not UTF-8 at byte {at}")]
    Utf8 {
        /// The offset, in bytes from the beginning of the message.
        at: usize,
    },
}

/// A position in a slice of CBOR.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    /// A reader at the beginning of a message.
    pub(crate) fn new(message: &'a [u8]) -> Self {
        Self::inside(0, message)
    }

    /// A reader of an item that stands, or will stand, inside so many maps of a message.
    pub(crate) fn inside(depth: usize, item: &'a [u8]) -> Self {
        Self { bytes: item, at: 0, depth }
    }

    /// Enters a map of definite length and gives the number of its pairs.
    pub(crate) fn map(&mut self) -> Result<usize, MalformedError> {
        let at = self.at;
        match self.header()? {
            Header::Map(Some(pairs)) if pairs > MAP_MAX_PAIRS => Err(MalformedError::TooMany),
            Header::Map(Some(pairs)) => self.enter().map(|()| pairs),
            _ => Err(MalformedError::Expected { expected: "a map of definite length", at }),
        }
    }

    /// Enters an array of definite length and gives the number of its items.
    pub(crate) fn array(&mut self) -> Result<usize, MalformedError> {
        let at = self.at;
        match self.header()? {
            Header::Array(Some(items)) if items > ARRAY_MAX_ITEMS => Err(MalformedError::TooMany),
            Header::Array(Some(items)) => self.enter().map(|()| items),
            _ => Err(MalformedError::Expected { expected: "an array of definite length", at }),
        }
    }

    /// Leaves the map or array that was entered last.
    pub(crate) fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, MalformedError> {
        let at = self.at;
        match self.header()? {
            Header::Text(Some(length)) => self.utf8(length),
            _ => Err(MalformedError::Expected { expected: "a text of definite length", at }),
        }
    }

    pub(crate) fn byte_string(&mut self) -> Result<&'a [u8], MalformedError> {
        let at = self.at;
        match self.header()? {
            Header::Bytes(Some(length)) => self.take(length),
            _ => Err(MalformedError::Expected { expected: "a byte string of definite length", at }),
        }
    }

    pub(crate) fn uint(&mut self) -> Result<u64, MalformedError> {
        let at = self.at;
        match self.header()? {
            Header::Positive(value) => Ok(value),
            _ => Err(MalformedError::Expected { expected: "an unsigned integer", at }),
        }
    }

    /// Passes over one item of any type and gives its bytes.
    pub(crate) fn item(&mut self) -> Result<&'a [u8], MalformedError> {
        let start = self.at;
        self.skip()?;
        Ok(&self.bytes[start..self.at])
    }

    /// Refuses what stands behind the item that was read.
    pub(crate) fn finish(self) -> Result<(), MalformedError> {
        match self.bytes.len() - self.at {
            0 => Ok(()),
            bytes => Err(MalformedError::Trailing { bytes }),
        }
    }

    /// Walks over one item without recursion: `open` holds, for each container around the
    /// position, what it still needs.
    fn skip(&mut self) -> Result<(), MalformedError> {
        let room = DEPTH_MAX - self.depth;
        let mut open = [Need::Items(0); DEPTH_MAX];
        let mut depth = 0;
        loop {
            let at = self.at;
            match self.header()? {
                Header::Break if depth > 0 && open[depth - 1].ends_at_break() => depth -= 1,
                Header::Break => return Err(MalformedError::Syntax { at }),
                header => match self.need(header)? {
                    Some(_) if depth == room => return Err(MalformedError::TooDeep),
                    Some(Need::Items(0)) | None => {}
                    Some(need) => {
                        open[depth] = need;
                        depth += 1;
                        continue;
                    }
                },
            }
            // An item is complete, and with it each container of which it was the last.
            while depth > 0 && open[depth - 1].count_one()? {
                depth -= 1;
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }

    /// What a container needs behind its head; `None` for what is none. Strings are passed over.
    fn need(&mut self, header: Header) -> Result<Option<Need>, MalformedError> {
        let need = match header {
            Header::Bytes(Some(length)) => return self.take(length).map(|_| None),
            Header::Text(Some(length)) => return self.utf8(length).map(|_| None),
            Header::Bytes(None) | Header::Text(None) => return self.chunks(header).map(|()| None),
            Header::Array(Some(items)) if items > ARRAY_MAX_ITEMS => {
                return Err(MalformedError::TooMany);
            }
            Header::Map(Some(pairs)) if pairs > MAP_MAX_PAIRS => {
                return Err(MalformedError::TooMany);
            }
            Header::Array(Some(items)) => Need::Items(items),
            Header::Map(Some(pairs)) => Need::Items(2 * pairs),
            Header::Array(None) => {
                Need::UntilBreak { items: 0, max: ARRAY_MAX_ITEMS, pairs: false }
            }
            Header::Map(None) => Need::UntilBreak { items: 0, max: 2 * MAP_MAX_PAIRS, pairs: true },
            Header::Tag(_) => Need::Items(1),
            _ => return Ok(None),
        };
        Ok(Some(need))
    }

    /// The chunks of a string of indefinite length: strings of definite length and the same type
    /// (RFC 8949 §3.2.3).
    fn chunks(&mut self, of: Header) -> Result<(), MalformedError> {
        loop {
            let at = self.at;
            match (of, self.header()?) {
                (_, Header::Break) => return Ok(()),
                (Header::Bytes(_), Header::Bytes(Some(length))) => _ = self.take(length)?,
                (Header::Text(_), Header::Text(Some(length))) => _ = self.utf8(length)?,
                _ => return Err(MalformedError::Syntax { at }),
            }
        }
    }

    fn enter(&mut self) -> Result<(), MalformedError> {
        if self.depth == DEPTH_MAX {
            return Err(MalformedError::TooDeep);
        }
        self.depth += 1;
        Ok(())
    }

    fn header(&mut self) -> Result<Header, MalformedError> {
        let mut decoder = Decoder::from(&self.bytes[self.at..]);
        let header = decoder.pull().map_err(|error| match error {
            Error::Io(_) => MalformedError::Truncated,
            Error::Syntax(offset) => MalformedError::Syntax { at: self.at + offset },
        })?;
        let length = decoder.offset();
        if matches!(header, Header::Simple(0..32)) && length > 1 {
            return Err(MalformedError::Syntax { at: self.at }); // RFC 8949 §3.3
        }
        self.at += length;
        Ok(header)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], MalformedError> {
        let rest = &self.bytes[self.at..];
        let taken = rest.get(..length).ok_or(MalformedError::Truncated)?;
        self.at += length;
        Ok(taken)
    }

    fn utf8(&mut self, length: usize) -> Result<&'a str, MalformedError> {
        let at = self.at;
        std::str::from_utf8(self.take(length)?).map_err(|_| MalformedError::Utf8 { at })
    }
}

/// What a container still needs before it is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    Items(usize),
    UntilBreak { items: usize, max: usize, pairs: bool },
}

impl Need {
    /// Counts one item in; true when the container is complete with it.
    fn count_one(&mut self) -> Result<bool, MalformedError> {
        match self {
            Self::Items(left) => {
                *left -= 1;
                Ok(*left == 0)
            }
            Self::UntilBreak { items, max, .. } if *items == *max => Err(MalformedError::TooMany),
            Self::UntilBreak { items, .. } => {
                *items += 1;
                Ok(false)
            }
        }
    }

    fn ends_at_break(self) -> bool {
        matches!(self, Self::UntilBreak { items, pairs, .. } if !pairs || items % 2 == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(bytes: &[u8]) -> Result<(), MalformedError> {
        let mut reader = Reader::new(bytes);
        reader.item()?;
        reader.finish()
    }

    #[test]
    fn well_formed_items_of_every_type_are_passed_over() {
        let items: &[&[u8]] = &[
            &[0x00],                         // 0
            &[0x39, 0x01, 0x00],             // -257
            &[0x43, 1, 2, 3],                // h'010203'
            &[0x63, b'a', b'b', b'c'],       // "abc"
            &[0x80],                         // []
            &[0x82, 0x80, 0x01],             // [[], 1]
            &[0xa1, 0x61, b'a', 0xa0],       // {"a": {}}
            &[0x9f, 0x01, 0x9f, 0xff, 0xff], // [_ 1, [_ ]]
            &[0xbf, 0x61, b'a', 0x01, 0xff], // {_ "a": 1}
            &[0x5f, 0x41, 1, 0x41, 2, 0xff], // (_ h'01', h'02')
            &[0x7f, 0x61, b'a', 0x60, 0xff], // (_ "a", "")
            &[0xc1, 0x1a, 0, 0, 0, 0],       // 1(0)
            &[0xf9, 0x3c, 0x00],             // 1.0
            &[0xf6],                         // null
            &[0xf8, 0x20],                   // simple(32)
        ];
        for item in items {
            assert_eq!(whole(item), Ok(()), "{item:02x?}");
        }
    }

    #[test]
    fn what_is_not_well_formed_is_refused() {
        use MalformedError::{Syntax, TooDeep, TooMany, Trailing, Truncated, Utf8};
        let nested = |depth: usize| [vec![0x81; depth], vec![0x00]].concat();
        let items: &[(&[u8], MalformedError)] = &[
            (&[], Truncated),
            (&[0x18], Truncated),
            (&[0x43, 1, 2], Truncated),
            (&[0x82, 0x01], Truncated),
            (&[0x9f, 0x01], Truncated),
            (&[0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], Truncated),
            (&[0x1c], Syntax { at: 0 }),
            (&[0xff], Syntax { at: 0 }),
            (&[0x81, 0xff], Syntax { at: 1 }),
            (&[0xbf, 0x61, b'a', 0xff], Syntax { at: 3 }),
            (&[0x5f, 0x61, b'a', 0xff], Syntax { at: 1 }),
            (&[0xf8, 0x1f], Syntax { at: 0 }),
            (&[0x62, 0xc3, 0x28], Utf8 { at: 1 }),
            (&[0x00, 0x00], Trailing { bytes: 1 }),
            (&[0x9b, 0, 0, 1, 0, 0, 0, 0, 0], TooMany),
            (&[0x99, 0x10, 0x01], TooMany),
            (&[0xb8, 0x41], TooMany),
            (&nested(17), TooDeep),
            (&[vec![0x81; 16], vec![0x80]].concat(), TooDeep),
            (&[vec![0xc1; 17], vec![0]].concat(), TooDeep),
        ];
        for (item, error) in items {
            assert_eq!(whole(item).as_ref(), Err(error), "{item:02x?}");
        }
        assert_eq!(whole(&nested(16)), Ok(()));
        let endless = [vec![0x9f], vec![0x00; ARRAY_MAX_ITEMS + 1], vec![0xff]].concat();
        assert_eq!(whole(&endless), Err(TooMany));
    }

    #[test]
    fn the_depth_counts_from_the_outermost_map() {
        for (depth, nested, fits) in [(0, 16, true), (2, 14, true), (2, 15, false), (16, 1, false)]
        {
            let params = [vec![0x81; nested], vec![0x00]].concat();
            let read = Reader::inside(depth, &params).item().map(drop);
            assert_eq!(read.is_ok(), fits, "{nested} arrays inside {depth} maps: {read:?}");
        }
        let mut full = Reader::inside(16, &[0x00]);
        assert_eq!(full.item(), Ok(&[0x00][..]));
    }
}
