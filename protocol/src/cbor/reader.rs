//! Reads CBOR out of a slice without copying, and holds it to the bounds while it does.

use super::glance::end_of;
use super::{ARRAY_MAX_ITEMS, DEPTH_MAX, MAP_MAX_PAIRS, MalformedError};

/// A key of a message's own maps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key<'a> {
    pub(crate) bytes: &'a [u8],
    /// Where its text begins.
    at: usize,
}

impl<'a> Key<'a> {
    /// The key as text.
    pub(crate) fn text(self) -> Result<&'a str, MalformedError> {
        std::str::from_utf8(self.bytes).map_err(|_| MalformedError::Utf8 { at: self.at })
    }
}

/// What ends an item of indefinite length (RFC 8949 §3.2.1).
const BREAK: u8 = 0xff;

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
        self.key()?.text()
    }

    /// Reads a text without a look at whether it is one (UTF-8): a key that is one of those that are
    /// known surely is.
    pub(crate) fn key(&mut self) -> Result<Key<'a>, MalformedError> {
        let head = self.at;
        match self.header()? {
            Header::Text(Some(length)) => {
                let at = self.at;
                Ok(Key { bytes: self.take(length)?, at })
            }
            _ => Err(MalformedError::Expected { expected: "a text of definite length", at: head }),
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
            Header::Unsigned(value) => Ok(value),
            _ => Err(MalformedError::Expected { expected: "an unsigned integer", at }),
        }
    }

    /// Passes over one item of any type and gives its bytes.
    pub(crate) fn item(&mut self) -> Result<&'a [u8], MalformedError> {
        let start = self.at;
        match end_of(self.bytes, start, DEPTH_MAX - self.depth) {
            Some(end) => self.at = end,
            // Something rare, or wrong: what it is takes a closer look.
            None => self.skip()?,
        }
        Ok(&self.bytes[start..self.at])
    }

    /// Passes over these bytes, if they are what comes next.
    pub(crate) fn skip_over(&mut self, expected: &[u8]) -> Option<()> {
        let found = self.bytes[self.at..].starts_with(expected);
        self.at += if found { expected.len() } else { 0 };
        found.then_some(())
    }

    /// Refuses what stands behind the item that was read.
    pub(crate) fn finish(self) -> Result<(), MalformedError> {
        match self.bytes.len() - self.at {
            0 => Ok(()),
            bytes => Err(MalformedError::Trailing { bytes }),
        }
    }

    /// Walks over one item and says where it ends.
    #[cfg(test)]
    pub(super) fn end(mut self) -> Result<usize, MalformedError> {
        self.skip().map(|()| self.at)
    }

    /// Walks over one item. It calls itself for what stands inside, and no deeper than items may be
    /// nested.
    fn skip(&mut self) -> Result<(), MalformedError> {
        let at = self.at;
        let inside = match self.header()? {
            Header::Unsigned(_) | Header::Other => return Ok(()),
            Header::Bytes(Some(length)) => return self.take(length).map(drop),
            Header::Text(Some(length)) => return self.utf8(length).map(drop),
            Header::Break => return Err(MalformedError::Syntax { at }),
            header @ (Header::Bytes(None) | Header::Text(None)) => return self.chunks(header),
            inside => inside,
        };
        self.enter()?;
        match inside {
            Header::Array(Some(items)) if items <= ARRAY_MAX_ITEMS => self.skip_all(items)?,
            Header::Map(Some(pairs)) if pairs <= MAP_MAX_PAIRS => self.skip_all(2 * pairs)?,
            Header::Tag => self.skip()?,
            Header::Array(None) => _ = self.skip_to_break(ARRAY_MAX_ITEMS)?,
            Header::Map(None) => {
                let items = self.skip_to_break(2 * MAP_MAX_PAIRS)?;
                if items % 2 == 1 {
                    return Err(MalformedError::Syntax { at: self.at - 1 });
                }
            }
            _ => return Err(MalformedError::TooMany),
        }
        self.leave();
        Ok(())
    }

    fn skip_all(&mut self, items: usize) -> Result<(), MalformedError> {
        (0..items).try_for_each(|_| self.skip())
    }

    /// Walks to the end of an array or map of indefinite length, and gives the number of its items.
    fn skip_to_break(&mut self, max: usize) -> Result<usize, MalformedError> {
        let mut items = 0;
        while self.bytes.get(self.at) != Some(&BREAK) {
            if items == max {
                return Err(MalformedError::TooMany);
            }
            self.skip()?;
            items += 1;
        }
        self.at += 1;
        Ok(items)
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

    /// Reads the head of an item (RFC 8949 §3): its major type, and the argument behind it.
    #[inline]
    fn header(&mut self) -> Result<Header, MalformedError> {
        let at = self.at;
        let syntax = || MalformedError::Syntax { at };
        let &first = self.bytes.get(at).ok_or(MalformedError::Truncated)?;
        let argument = match first & 0x1f {
            small @ 0..=23 => {
                self.at += 1;
                Some(u64::from(small))
            }
            size @ 24..=27 => Some(self.argument(1 << (size - 24))?),
            31 => {
                self.at += 1;
                None
            }
            _ => return Err(syntax()),
        };
        // A length that memory could not hold is longer than what is there.
        let length = argument.map(|argument| usize::try_from(argument).unwrap_or(usize::MAX));
        Ok(match (first >> 5, argument) {
            (0, Some(value)) => Header::Unsigned(value),
            (1, Some(_)) => Header::Other,
            (2, _) => Header::Bytes(length),
            (3, _) => Header::Text(length),
            (4, _) => Header::Array(length),
            (5, _) => Header::Map(length),
            (6, Some(_)) => Header::Tag,
            // A simple value below 32 has one byte only (RFC 8949 §3.3).
            (7, Some(0..32)) if first == 0xf8 => return Err(syntax()),
            (7, Some(_)) => Header::Other,
            (7, None) => Header::Break,
            _ => return Err(syntax()),
        })
    }

    /// The argument behind a head's first byte, in so many bytes.
    fn argument(&mut self, width: usize) -> Result<u64, MalformedError> {
        let digits = self.bytes.get(self.at + 1..self.at + 1 + width);
        let digits = digits.ok_or(MalformedError::Truncated)?;
        self.at += 1 + width;
        Ok(digits.iter().fold(0, |argument, digit| argument << 8 | u64::from(*digit)))
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

/// The head of an item: lengths in bytes, items or pairs; `None` where they are indefinite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Header {
    Unsigned(u64),
    Bytes(Option<usize>),
    Text(Option<usize>),
    Array(Option<usize>),
    Map(Option<usize>),
    Tag,
    Break,
    /// A negative integer, a simple value or a float: its head is all of it.
    Other,
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
