//! The quick look at an item: where one of the usual kind ends. What is rare, or wrong, is left to
//! the close one ([`Reader`](super::reader::Reader)).

use super::{ARRAY_MAX_ITEMS, MAP_MAX_PAIRS};

/// Where an item of definite length ends that is nested no deeper than there is room, and within
/// the other bounds; `None` for every other item, and for what is none.
pub(super) fn end_of(bytes: &[u8], at: usize, room: usize) -> Option<usize> {
    let first = *bytes.get(at)?;
    let (argument, behind) = match first & 0x1f {
        small @ 0..24 => (usize::from(small), at + 1),
        24 if first >> 5 != 7 => (usize::from(*bytes.get(at + 1)?), at + 2),
        25 => {
            (usize::from(u16::from_be_bytes(bytes.get(at + 1..at + 3)?.try_into().ok()?)), at + 3)
        }
        // Numbers: their argument is no length.
        26 if !(2..7).contains(&(first >> 5)) => (0, at + 5),
        27 if !(2..7).contains(&(first >> 5)) => (0, at + 9),
        _ => return None,
    };
    match first >> 5 {
        0 | 1 | 7 => (behind <= bytes.len()).then_some(behind),
        2 => bytes.get(behind..behind + argument).map(|_| behind + argument),
        3 => {
            std::str::from_utf8(bytes.get(behind..behind + argument)?).ok()?;
            Some(behind + argument)
        }
        4 if argument <= ARRAY_MAX_ITEMS => end_of_all(bytes, behind, argument, room),
        5 if argument <= MAP_MAX_PAIRS => end_of_all(bytes, behind, 2 * argument, room),
        _ => None,
    }
}

/// Where so many items behind each other end, inside a container.
fn end_of_all(bytes: &[u8], mut at: usize, items: usize, room: usize) -> Option<usize> {
    let room = room.checked_sub(1)?;
    for _ in 0..items {
        at = end_of(bytes, at, room)?;
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cbor::DEPTH_MAX;
    use crate::cbor::reader::Reader;

    #[test]
    fn the_quick_look_and_the_close_one_agree() {
        // Mostly heads with small arguments, so that many of them make items.
        let byte = prop_oneof![3 => 0_u8..4, 3 => 0x60_u8..0x63, 2 => 0x80_u8..0x83,
            2 => 0xa0_u8..0xa2, 1 => 0x18_u8..0x1c, 1 => 0x38_u8..0x3c, 1 => 0xf4_u8..0xfc, 2 => any::<u8>()];
        proptest!(|(bytes in prop::collection::vec(byte, 0..40), room in 0_usize..4)| {
            if let Some(end) = end_of(&bytes, 0, room) {
                prop_assert_eq!(Reader::inside(DEPTH_MAX - room, &bytes).end(), Ok(end));
            }
        });
        let usual =
            [&[0xa2, 0x61, b'a', 0x18, 0x40, 0x61, b'b', 0x82][..], &[0x41, 7, 0xf6]].concat();
        assert_eq!(end_of(&usual, 0, 2), Some(usual.len()));
        assert_eq!(end_of(&usual, 0, 1), None);
    }
}
