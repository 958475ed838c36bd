//! The fields of a message's map, read in any order.

use std::str::FromStr;

use super::MessageError;
use crate::cbor::Reader;
use crate::{MalformedError, is_visible};

/// Opens a message and gives its kind, with the reader at its body.
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
    field: &'static str,
    reader: &mut Reader<'a>,
    mut take: impl FnMut(&'a [u8], &mut Reader<'a>) -> Result<Take, MessageError>,
) -> Result<(), MessageError> {
    for _ in 0..typed(field, reader.map())? {
        let key = reader.key()?;
        if let Take::Unknown = take(key.bytes, reader)? {
            key.text()?;
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

/// A text, still in the message.
pub(super) fn text<'a>(
    field: &'static str,
    reader: &mut Reader<'a>,
) -> Result<&'a str, MessageError> {
    typed(field, reader.text())
}

/// A text that must parse.
pub(super) fn parsed<T: FromStr<Err: ToString>>(
    field: &'static str,
    reader: &mut Reader<'_>,
) -> Result<T, MessageError> {
    let parsed = text(field, reader)?.parse();
    parsed.map_err(|error: T::Err| wrong(field, error.to_string()))
}

/// A text for people and logs: at most so many bytes, all of it visible.
pub(super) fn word(
    field: &'static str,
    max_bytes: usize,
    reader: &mut Reader<'_>,
) -> Result<String, MessageError> {
    let word = text(field, reader)?;
    if word.len() > max_bytes {
        return Err(wrong(field, format!("{} bytes, {max_bytes} are allowed", word.len())));
    }
    if !word.chars().all(is_visible) {
        return Err(wrong(field, "control and format characters are not allowed".to_owned()));
    }
    Ok(word.to_owned())
}

/// A byte string, still in the message.
pub(super) fn byte_string<'a>(
    field: &'static str,
    reader: &mut Reader<'a>,
) -> Result<&'a [u8], MessageError> {
    typed(field, reader.byte_string())
}

/// A byte string of a fixed length.
pub(super) fn sized<const N: usize>(
    field: &'static str,
    reader: &mut Reader<'_>,
) -> Result<[u8; N], MessageError> {
    let bytes = byte_string(field, reader)?;
    let problem = || format!("{N} bytes are needed, {} are there", bytes.len());
    bytes.try_into().map_err(|_| wrong(field, problem()))
}

/// An unsigned integer of 64 bits.
pub(super) fn uint(field: &'static str, reader: &mut Reader<'_>) -> Result<u64, MessageError> {
    typed(field, reader.uint())
}

/// An unsigned integer of 32 bits.
pub(super) fn uint32(field: &'static str, reader: &mut Reader<'_>) -> Result<u32, MessageError> {
    let value = uint(field, reader)?;
    u32::try_from(value).map_err(|_| wrong(field, format!("{value} needs more than 32 bits")))
}

/// An array of so many items at the most.
pub(super) fn list<T>(
    field: &'static str,
    max: usize,
    reader: &mut Reader<'_>,
    mut item: impl FnMut(&mut Reader<'_>) -> Result<T, MessageError>,
) -> Result<Vec<T>, MessageError> {
    let count = typed(field, reader.array())?;
    if count > max {
        return Err(wrong(field, format!("{count} items, {max} are allowed")));
    }
    let items = (0..count).map(|_| item(reader)).collect::<Result<_, _>>()?;
    reader.leave();
    Ok(items)
}

/// The field holds what it may not.
pub(super) fn wrong(field: &'static str, problem: String) -> MessageError {
    MessageError::Field { field, problem }
}

/// An item of another type than the field's is the field's fault, not the whole message's.
fn typed<T>(field: &'static str, read: Result<T, MalformedError>) -> Result<T, MessageError> {
    read.map_err(|error| match error {
        MalformedError::Expected { expected, .. } => wrong(field, format!("expected {expected}")),
        malformed => malformed.into(),
    })
}
