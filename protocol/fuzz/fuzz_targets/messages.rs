//! What decodes as a message encodes to bytes that decode to the same message; nothing panics.
//!
//! The input is a stream. Its messages are read as each kind; what its first head announces does
//! not matter: the bytes behind it are read as a message too.

#![no_main]

use std::fmt::Debug;

use bothways_protocol::{
    Control, Encoded, Frames, LaneAnswer, LaneAsk, LaneError, Opening, Outgoing, Reply,
};
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let mut frames = Frames::new(input.len());
    frames.push(Bytes::copy_from_slice(input));
    while let Ok(Some(message)) = frames.next_message() {
        read(&message);
    }
    read(&Bytes::copy_from_slice(input));
});

fn read(message: &Bytes) {
    round_trip(Control::decode(message), |again| Control::decode(again));
    round_trip(Opening::decode(message), Opening::decode);
    round_trip(Reply::decode(message), Reply::decode);
    lane_round_trip(message, LaneAsk::decode, LaneAsk::append_to);
    lane_round_trip(message, LaneAnswer::decode, LaneAnswer::append_to);
    if let Ok(item) = Encoded::check(message.clone()) {
        let _ = item.value();
        let _ = item.decode::<Vec<u32>>();
    }
}

/// What is sent again may differ from what came (unknown keys are gone), its meaning may not.
fn round_trip<T: Outgoing + Debug, E: Debug>(
    decoded: Result<T, E>,
    decode: impl Fn(&Bytes) -> Result<T, E>,
) {
    let Ok(decoded) = decoded else { return };
    let sent = decoded.encode();
    let again = decode(&body(sent.clone())).expect("what we send, we read");
    // Compared as bytes: a NaN among the details is not equal to itself.
    assert_eq!(again.encode(), sent);
}

/// The same for a message on a lane.
fn lane_round_trip<T>(
    message: &Bytes,
    decode: impl Fn(&Bytes) -> Result<Option<T>, LaneError>,
    append: impl Fn(&T, &mut Vec<u8>),
) {
    let Ok(Some(decoded)) = decode(message) else { return };
    let (mut sent, mut resent) = (Vec::new(), Vec::new());
    append(&decoded, &mut sent);
    let again = decode(&body(sent.clone().into())).expect("what we send, we read");
    append(&again.expect("of a kind that we know"), &mut resent);
    assert_eq!(resent, sent);
}

/// The one message in what is sent.
fn body(sent: Bytes) -> Bytes {
    let mut frames = Frames::new(sent.len());
    frames.push(sent);
    frames.next_message().expect("ours").expect("whole")
}
