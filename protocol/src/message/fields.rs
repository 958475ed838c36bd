//! The fields of a message's map, read in any order.

use std::str::FromStr;

use super::MessageError;
use crate::cbor::Reader;

/// Opens a message, whose kind must be among `kinds`, and gives the kind and the reader at its
/// body.
pub(super) fn open<'a>(
    message: &'a [u8],
    expected: &'static str,
) -> Result<(&'a str, Reader<'a>), MessageError> {
    let mut reader = Reader::new(message);
    match reader.map()? {
        1 => Ok((reader.text()?, reader)),
        pairs => Err(MessageError::Kind { found: format!("a map of {pairs} pairs"), expected }),
    }
}

/// The message is of a kind that may not stand here.
pub(super) fn unexpected(found: &str, expected: &'static str) -> MessageError {
    let found = found.chars().take(32).collect();
    MessageError::Kind { found, expected }
}

/// Reads a map: hands each key to `take`, which reads the value or gives `Take::Unknown`.
pub(super) fn each<'a>(
    reader: &mut Reader<'a>,
    mut take: impl FnMut(&'a str, &mut Reader<'a>) -> Result<Take, MessageError>,
) -> Result<(), MessageError> {
    for _ in 0..reader.map()? {
        let key = reader.text()?;
        if let Take::Unknown = take(key, reader)? {
            reader.item()?;
        }
    }
    reader.leave();
    Ok(())
}

/// What became of a key.
pub(super) enum Take {
    Read,
    Unknown,
}

/// A field that stands once.
pub(super) trait Slot<T> {
    /// Puts the value in.
    fn fill(&mut self, field: &'static str, value: T) -> Result<Take, MessageError>;
    /// The value that must have come.
    fn need(self, field: &'static str) -> Result<T, MessageError>;
}

impl<T> Slot<T> for Option<T> {
    fn fill(&mut self, field: &'static str, value: T) -> Result<Take, MessageError> {
        match self.replace(value) {
            None => Ok(Take::Read),
            Some(_) => Err(MessageError::Twice { field }),
        }
    }

    fn need(self, field: &'static str) -> Result<T, MessageError> {
        self.ok_or(MessageError::Missing { field })
    }
}

/// A text that must parse.
pub(super) fn parsed<T: FromStr<Err: ToString>>(
    field: &'static str,
    text: &str,
) -> Result<T, MessageError> {
    text.parse().map_err(|error: T::Err| MessageError::Field { field, problem: error.to_string() })
}

/// A byte string of a fixed length.
pub(super) fn sized<const N: usize>(
    field: &'static str,
    bytes: &[u8],
) -> Result<[u8; N], MessageError> {
    let problem = || format!("{N} bytes are needed, {} are there", bytes.len());
    bytes.try_into().map_err(|_| MessageError::Field { field, problem: problem() })
}

/// An unsigned integer that must fit into a smaller type.
pub(super) fn fitting<T: TryFrom<u64>>(field: &'static str, value: u64) -> Result<T, MessageError> {
    let problem = || format!("{value} is too large");
    T::try_from(value).map_err(|_| MessageError::Field { field, problem: problem() })
}
