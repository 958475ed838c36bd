//! Whatever can be said is read as it was said, and nothing that arrives breaks the reader.

use std::cell::RefCell;

use bothways_protocol::{
    Control, Encoded, FrameError, Frames, LaneAnswer, LaneAsk, Opening, Outgoing, Reply, Request,
};
use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::grammar::Grammar;
use crate::said::{control, lane_answer, lane_ask, reply, request};
use crate::{MAX_BYTES, messages, vector_files};

thread_local! {
    static GRAMMAR: RefCell<Grammar> = RefCell::default();
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_control_message_is_read_as_it_was_said(control in control()) {
        let message = only_message(&control.encode(), "control-message")?;
        prop_assert_eq!(Control::decode(&message), Ok(control));
    }

    #[test]
    fn every_request_is_read_as_it_was_said(request in request()) {
        let message = only_message(&request.encode(), "request-message")?;
        prop_assert_eq!(Request::decode(&message), Ok(request));
    }

    #[test]
    fn every_reply_is_read_as_it_was_said(reply in reply()) {
        let message = only_message(&reply.encode(), "reply-message")?;
        prop_assert_eq!(Reply::decode(&message), Ok(reply));
    }

    #[test]
    fn every_ask_on_a_lane_is_read_as_it_was_said(ask in lane_ask()) {
        let mut sent = Vec::new();
        ask.append_to(&mut sent);
        let message = only_message(&sent, "lane-ask")?;
        prop_assert_eq!(LaneAsk::decode(&message), Ok(Some(ask)));
    }

    #[test]
    fn every_answer_on_a_lane_is_read_as_it_was_said(answer in lane_answer()) {
        let mut sent = Vec::new();
        answer.append_to(&mut sent);
        let message = only_message(&sent, "lane-answer")?;
        prop_assert_eq!(LaneAnswer::decode(&message), Ok(Some(answer)));
    }

    #[test]
    fn no_bytes_break_the_reader(bytes in vec(any::<u8>(), 0..300)) {
        read_as_everything(&bytes);
    }

    #[test]
    fn no_change_to_a_message_breaks_the_reader(
        stream in select(vector_files::valid().into_iter().map(|v| v.stream).collect::<Vec<_>>()),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut stream = stream;
        for (at, byte) in changes {
            let at = at.index(stream.len());
            stream[at] = byte;
        }
        read_as_everything(&stream);
        if let Ok(messages) = messages(&stream) {
            messages.iter().for_each(|message| read_as_everything(message));
        }
    }

    #[test]
    fn a_stream_gives_the_same_messages_however_it_is_cut(
        stream in stream_of_frames(),
        cuts in vec(1_usize..40, 1..20),
    ) {
        let pieces = cut(&stream, &cuts);
        let bytewise = stream.chunks(1).collect();
        let whole = arriving(&[&stream]);
        prop_assert_eq!(arriving(&pieces), whole.clone());
        let bytewise: Vec<&[u8]> = bytewise;
        prop_assert_eq!(arriving(&bytewise), whole);
    }
}

/// The body of the one message in what is sent, once the grammar has accepted it.
fn only_message(sent: &[u8], rule: &'static str) -> Result<Bytes, TestCaseError> {
    let messages = messages(sent).map_err(|error| TestCaseError::fail(error.to_string()))?;
    prop_assert_eq!(messages.len(), 1);
    let accepted = GRAMMAR.with_borrow_mut(|grammar| {
        grammar.check("frame", sent)?;
        grammar.check(rule, &messages[0])
    });
    prop_assert_eq!(accepted, Ok(()));
    Ok(messages[0].clone())
}

fn read_as_everything(bytes: &[u8]) {
    let message = Bytes::copy_from_slice(bytes);
    let _ = Control::decode(&message);
    let _ = Opening::decode(&message);
    let _ = Reply::decode(&message);
    let _ = LaneAsk::decode(&message);
    let _ = LaneAnswer::decode(&message);
    let _ = Encoded::check(message).map(|item| item.value());
    let _ = messages(bytes);
}

/// What comes out of a stream that arrives in pieces, up to what breaks it.
fn arriving(pieces: &[&[u8]]) -> (Vec<Bytes>, Result<(), FrameError>) {
    let mut frames = Frames::new(MAX_BYTES);
    let mut messages = Vec::new();
    for piece in pieces {
        frames.push(Bytes::copy_from_slice(piece));
        loop {
            match frames.next_message() {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(error) => return (messages, Err(error)),
            }
        }
    }
    (messages, frames.finish())
}

fn cut<'a>(mut stream: &'a [u8], lengths: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for length in lengths.iter().cycle() {
        if stream.is_empty() {
            break;
        }
        let (piece, rest) = stream.split_at((*length).min(stream.len()));
        pieces.push(piece);
        stream = rest;
    }
    pieces
}

/// Frames of all head widths, then perhaps something that is none.
fn stream_of_frames() -> impl Strategy<Value = Vec<u8>> {
    let frame = (vec(any::<u8>(), 0..400), 0_u8..5).prop_map(|(body, width)| {
        let length = body.len().to_be_bytes();
        let head = match (width, body.len()) {
            (0, 0..24) => vec![0x40 + length[7]],
            (1, 0..256) => vec![0x58, length[7]],
            (2, _) => [&[0x59], &length[6..]].concat(),
            (3, _) => [&[0x5a], &length[4..]].concat(),
            _ => [&[0x5b], &length[..]].concat(),
        };
        [head, body].concat()
    });
    (vec(frame, 0..6), vec(any::<u8>(), 0..12))
        .prop_map(|(frames, rest)| [frames.concat(), rest].concat())
}
