//! Messages in a stream: each one a CBOR byte string of definite length that holds one encoded
//! item, so that the string's head is the length prefix (RFC 8949 §3.4.5.1) and the stream is a
//! CBOR sequence (RFC 8742).

use bytes::{Buf, Bytes};
use thiserror::Error;

/// A stream that does not hold messages within the bounds.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FrameError {
    /// What begins here is no byte string of definite length.
    #[error(
        "no message begins here: its first byte is {first:#04x}, not that of a byte string of definite length"
    )]
    Head {
        /// The byte found.
        first: u8,
    },
    /// The message is longer than the reader takes.
    #[error("a message of {bytes} bytes, {max} are allowed")]
    Oversize {
        /// The length that its head announces, in bytes.
        bytes: u64,
        /// The limit, in bytes.
        max: usize,
    },
    /// The stream ended inside a message.
    #[error("the stream ended inside a message")]
    Truncated,
}

/// Takes a stream apart into messages, as its bytes arrive.
///
/// It holds what has arrived of one message, never what a head merely announces.
#[derive(Debug)]
pub struct Frames {
    max_bytes: usize,
    /// What arrived last, not looked at yet: messages that are whole in it are cut out of it
    /// without a copy.
    arrived: Bytes,
    /// What arrived before that, of a message whose end is missing: a copy, so that a few bytes
    /// keep no datagram in memory.
    begun: Vec<u8>,
}

impl Frames {
    /// A decoder for messages of so many bytes at the most, their heads not counted.
    #[must_use]
    pub fn new(max_bytes: usize) -> Self {
        Self { max_bytes, arrived: Bytes::new(), begun: Vec::new() }
    }

    /// Takes in what arrived next.
    pub fn push(&mut self, chunk: Bytes) {
        self.set_aside();
        self.arrived = chunk;
    }

    /// The next whole message, without its head; `None` while more bytes are needed.
    ///
    /// # Errors
    /// A head that is no byte string's, or one that announces more than the limit: the stream is
    /// of no use from there on.
    pub fn next_message(&mut self) -> Result<Option<Bytes>, FrameError> {
        if !self.begun.is_empty() {
            self.set_aside();
            if self.first_in(&self.begun)?.is_none() {
                return Ok(None);
            }
            self.arrived = std::mem::take(&mut self.begun).into();
        }
        let Some(Span { head_bytes, bytes }) = self.first_in(&self.arrived)? else {
            self.set_aside();
            return Ok(None);
        };
        self.arrived.advance(head_bytes);
        Ok(Some(self.arrived.split_to(bytes - head_bytes)))
    }

    /// How many bytes are held that are not given out yet.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.begun.len() + self.arrived.len()
    }

    /// Says whether the stream may end here, once there is no next message.
    ///
    /// # Errors
    /// The stream ends inside a message.
    pub fn finish(&self) -> Result<(), FrameError> {
        if self.held_bytes() == 0 { Ok(()) } else { Err(FrameError::Truncated) }
    }

    fn set_aside(&mut self) {
        self.begun.extend_from_slice(&std::mem::take(&mut self.arrived));
    }

    /// Where the first message of these bytes stands; `None` while it is not whole.
    fn first_in(&self, bytes: &[u8]) -> Result<Option<Span>, FrameError> {
        let Some((head_bytes, announced)) = head_of(bytes)? else { return Ok(None) };
        let oversize = FrameError::Oversize { bytes: announced, max: self.max_bytes };
        let body_bytes = usize::try_from(announced).ok().filter(|body| *body <= self.max_bytes);
        let span =
            Span { head_bytes, bytes: head_bytes.saturating_add(body_bytes.ok_or(oversize)?) };
        Ok((span.bytes <= bytes.len()).then_some(span))
    }
}

/// The length of an encoded message without the head in front of it, in bytes: what a peer's bound
/// on messages counts.
#[must_use]
pub fn body_bytes(message: &[u8]) -> usize {
    let head_bytes = head_of(message).ok().flatten().map_or(0, |(head_bytes, _)| head_bytes);
    message.len() - head_bytes
}

/// How much of the bytes is a message's head, and how much the whole message.
struct Span {
    head_bytes: usize,
    bytes: usize,
}

/// The length of a head and of the body that it announces; `None` while the head is not whole.
fn head_of(bytes: &[u8]) -> Result<Option<(usize, u64)>, FrameError> {
    let Some((&first, rest)) = bytes.split_first() else { return Ok(None) };
    let width = match first {
        0x40..=0x57 => return Ok(Some((1, u64::from(first - 0x40)))),
        0x58 => 1,
        0x59 => 2,
        0x5a => 4,
        0x5b => 8,
        _ => return Err(FrameError::Head { first }),
    };
    let Some(digits) = rest.get(..width) else { return Ok(None) };
    let length = digits.iter().fold(0, |length, digit| length << 8 | u64::from(*digit));
    Ok(Some((1 + width, length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(max_bytes: usize, chunks: &[&[u8]]) -> Result<Vec<Bytes>, FrameError> {
        let mut frames = Frames::new(max_bytes);
        let mut messages = Vec::new();
        for chunk in chunks {
            frames.push(Bytes::copy_from_slice(chunk));
            while let Some(message) = frames.next_message()? {
                messages.push(message);
            }
        }
        frames.finish().map(|()| messages)
    }

    #[test]
    fn messages_come_out_however_the_stream_is_cut() {
        let stream = [&[0x42, 1, 2, 0x40, 0x58, 3][..], &[7; 3], &[0x59, 0, 1, 9]].concat();
        let whole = frames(10, &[&stream]).unwrap();
        assert_eq!(whole, [&[1, 2][..], &[], &[7, 7, 7], &[9]]);
        for cut in 0..stream.len() {
            assert_eq!(frames(10, &[&stream[..cut], &stream[cut..]]), Ok(whole.clone()));
        }
        let bytewise: Vec<_> = stream.chunks(1).collect();
        assert_eq!(frames(10, &bytewise), Ok(whole));
    }

    #[test]
    fn the_limit_is_the_longest_message_that_is_taken() {
        let of = |body_bytes: u8| [vec![0x58, body_bytes], vec![7; body_bytes.into()]].concat();
        assert_eq!(frames(30, &[&of(30)]).unwrap()[0].len(), 30);
        let refused = FrameError::Oversize { bytes: 31, max: 30 };
        assert_eq!(frames(30, &[&of(31)]), Err(refused.clone()));
        assert_eq!(frames(30, &[&of(31)[..2]]), Err(refused));
    }

    #[test]
    fn the_head_of_a_message_does_not_count() {
        let of = |body_bytes: u8| [vec![0x58, body_bytes], vec![7; body_bytes.into()]].concat();
        assert_eq!((body_bytes(&of(30)), body_bytes(&[0x40]), body_bytes(&[])), (30, 0, 0));
    }

    #[test]
    fn what_is_announced_costs_nothing_before_it_arrives() {
        let huge = [0x5b, 0x00, 0x00, 0x01, 0, 0, 0, 0, 0];
        let refused = FrameError::Oversize { bytes: 1 << 40, max: 65536 };
        assert_eq!(frames(65536, &[&huge]), Err(refused));
        let mut patient = Frames::new(1 << 20);
        patient.push(Bytes::from_static(&[0x5a, 0x00, 0x0f, 0xff, 0xff]));
        assert_eq!(patient.next_message(), Ok(None));
        assert!(patient.begun.capacity() < 64);
    }

    #[test]
    fn a_message_that_arrived_whole_is_not_copied_and_a_part_of_one_keeps_no_datagram() {
        let datagram = Bytes::from(vec![0x42, 1, 2, 0x43, 3]);
        let body = datagram.slice(1..3);
        let mut frames = Frames::new(10);
        frames.push(datagram.clone());
        let message = frames.next_message().unwrap().unwrap();
        assert_eq!((message.as_ptr(), message.len()), (body.as_ptr(), 2));
        assert_eq!(frames.next_message(), Ok(None));
        assert_eq!(frames.held_bytes(), 2);
        drop((message, body));
        assert!(datagram.is_unique());
    }

    #[test]
    fn chunks_that_nobody_asked_about_in_between_are_kept_in_order() {
        let mut frames = Frames::new(10);
        for chunk in [&[0x42][..], &[1], &[2, 0x41], &[3]] {
            frames.push(Bytes::copy_from_slice(chunk));
        }
        assert_eq!(frames.next_message(), Ok(Some(Bytes::from_static(&[1, 2]))));
        assert_eq!(frames.next_message(), Ok(Some(Bytes::from_static(&[3]))));
        assert_eq!((frames.next_message(), frames.finish()), (Ok(None), Ok(())));
    }

    #[test]
    fn a_stream_that_ends_early_or_holds_something_else_is_refused() {
        assert_eq!(frames(10, &[&[0x42, 1]]), Err(FrameError::Truncated));
        assert_eq!(frames(10, &[&[0x59, 0]]), Err(FrameError::Truncated));
        for first in [0x00, 0x5f, 0x61, 0xa1, 0xff] {
            assert_eq!(frames(10, &[&[first]]), Err(FrameError::Head { first }));
        }
    }
}
