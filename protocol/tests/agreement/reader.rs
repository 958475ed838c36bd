//! The reader of this crate and ciborium's own, on the same bytes.

use bothways_protocol::{Encoded, MalformedError};
use bytes::Bytes;
use ciborium::Value;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 20_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn both_readers_take_the_same_items(bytes in cborish()) {
        let ours = Encoded::check(Bytes::from(bytes.clone()));
        let theirs = theirs(&bytes);
        match (&ours, &theirs) {
            (Ok(item), Ok(value)) => {
                let read: Result<Value, _> = item.value();
                prop_assert!(same(&read.unwrap(), value));
            }
            (Ok(_), Err(error)) => {
                prop_assert!(only_ciborium_refuses(&bytes, error), "{error:?}: {bytes:02x?}");
            }
            (Err(error), Ok(_)) => {
                prop_assert!(only_we_refuse(&bytes, error), "{error:?}: {bytes:02x?}");
            }
            (Err(_), Err(_)) => {}
        }
    }
}

/// Bytes most of which are heads of CBOR items.
fn cborish() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => (0_u8..8, 0_u8..6).prop_map(|(major, minor)| vec![major << 5 | minor]),
        2 => select(vec![0x9f_u8, 0xbf, 0x5f, 0x7f, 0xff, 0xff, 0xff]).prop_map(|head| vec![head]),
        1 => (0_u8..8, vec(any::<u8>(), 1)).prop_map(|(m, more)| [vec![m << 5 | 24], more].concat()),
        1 => (0_u8..8, 0_u8..9).prop_map(|(m, low)| vec![m << 5 | 25, 0, low]),
        1 => (0_u8..8, 0_u8..9).prop_map(|(m, low)| vec![m << 5 | 27, 0, 0, 0, 0, 0, 0, 0, low]),
        1 => vec(any::<u8>(), 1..3),
        1 => (0_usize..12).prop_map(|length| vec![0x81; length]),
    ];
    vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// Reads one item and nothing behind it.
fn theirs(bytes: &[u8]) -> Result<Value, String> {
    let mut rest = bytes;
    let value = ciborium::from_reader(&mut rest).map_err(|error| format!("{error:?}"))?;
    if rest.is_empty() { Ok(value) } else { Err("trailing bytes".to_owned()) }
}

/// Values with a NaN in them are not equal to themselves: they are compared as people see them.
fn same(one: &Value, other: &Value) -> bool {
    format!("{one:?}") == format!("{other:?}")
}

/// Well-formed, but ciborium holds no such value: simple values without a name.
fn only_ciborium_refuses(bytes: &[u8], error: &str) -> bool {
    error.contains("simple") && crate::diagnostic::item(bytes).contains("simple(")
}

/// Our bounds; and two-byte simple values below 32, which are not well-formed (RFC 8949 §3.3) and
/// which ciborium takes.
fn only_we_refuse(bytes: &[u8], error: &MalformedError) -> bool {
    match error {
        MalformedError::TooDeep | MalformedError::TooMany => true,
        MalformedError::Syntax { at } => bytes[*at] == 0xf8 && bytes[at + 1] < 32,
        _ => false,
    }
}
