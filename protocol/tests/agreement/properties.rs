//! Whatever can be said is read as it was said, and nothing that arrives breaks the reader.

use std::cell::RefCell;
use std::time::Duration;

use bothways_protocol::{
    Bye, Code, Control, Encoded, Event, Failure, Farewell, FrameError, Frames, GoingAway, Greeting,
    IdempotencyKey, MethodName, NodeName, Outgoing, PeerLimits, Reply, Request, Retry, Role, Trace,
};
use bytes::Bytes;
use ciborium::Value;
use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

use crate::grammar::Grammar;
use crate::{MAX_BYTES, messages, vector_files};

thread_local! {
    static GRAMMAR: RefCell<Grammar> = RefCell::default();
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_control_message_is_read_as_it_was_said(control in control()) {
        let message = only_message(&control, "control-message")?;
        prop_assert_eq!(Control::decode(&message), Ok(control));
    }

    #[test]
    fn every_request_is_read_as_it_was_said(request in request()) {
        let message = only_message(&request, "request-message")?;
        prop_assert_eq!(Request::decode(&message), Ok(request));
    }

    #[test]
    fn every_reply_is_read_as_it_was_said(reply in reply()) {
        let message = only_message(&reply, "reply-message")?;
        prop_assert_eq!(Reply::decode(&message), Ok(reply));
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
fn only_message(said: &impl Outgoing, rule: &'static str) -> Result<Bytes, TestCaseError> {
    let sent = said.encode();
    let messages = messages(&sent).map_err(|error| TestCaseError::fail(error.to_string()))?;
    prop_assert_eq!(messages.len(), 1);
    let accepted = GRAMMAR.with_borrow_mut(|grammar| {
        grammar.check("frame", &sent)?;
        grammar.check(rule, &messages[0])
    });
    prop_assert_eq!(accepted, Ok(()));
    Ok(messages[0].clone())
}

fn read_as_everything(bytes: &[u8]) {
    let message = Bytes::copy_from_slice(bytes);
    let _ = Control::decode(&message);
    let _ = Request::decode(&message);
    let _ = Reply::decode(&message);
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

fn control() -> impl Strategy<Value = Control> {
    prop_oneof![
        greeting().prop_map(Control::Hello),
        greeting().prop_map(Control::Welcome),
        Just(Control::MethodsChanged),
        (of(any::<u64>()), farewell())
            .prop_map(|(last, why)| Control::GoingAway(GoingAway { last, why })),
        farewell().prop_map(|why| Control::Bye(Bye { why })),
    ]
}

fn greeting() -> impl Strategy<Value = Greeting> {
    let said = (any::<u32>(), node_name(), select(&Role::ALL), any::<u64>());
    (said, "[ -~ä]{0,32}", vec("[a-z.]{0,64}", 0..=32), any::<(u32, u32)>()).prop_map(
        |((version, name, role, boot_ms), agent, features, (in_flight, message_bytes))| {
            let limits = PeerLimits { in_flight, message_bytes };
            Greeting { version, name, role, boot_ms, agent, features, limits }
        },
    )
}

fn farewell() -> impl Strategy<Value = Farewell> {
    select(&[Farewell::Done, Farewell::Stopping, Farewell::Replaced, Farewell::Other])
}

fn request() -> impl Strategy<Value = Request> {
    let what = (method_name(), item(), any::<u64>(), of(any::<[u8; 16]>()));
    let route = (trace(), any::<u32>(), of(node_name()), vec(node_name(), 0..=8));
    (what, route).prop_map(|((method, params, deadline_ms, key), (trace, attempt, to, via))| {
        let (deadline, key) = (Duration::from_millis(deadline_ms), key.map(IdempotencyKey));
        Request { method, params, deadline, key, trace, attempt, to, via }
    })
}

fn trace() -> impl Strategy<Value = Trace> {
    any::<[u8; Trace::BYTES]>()
        .prop_filter_map("ids are not zero", |bytes| Trace::from_bytes(&bytes))
}

fn node_name() -> impl Strategy<Value = NodeName> {
    "[a-z]([a-z0-9-]{0,61}[a-z0-9])?".prop_map(|name| name.parse().unwrap())
}

fn method_name() -> impl Strategy<Value = MethodName> {
    "[a-z][a-z0-9_]{0,30}\\.[a-z][a-z0-9_]{0,30}".prop_map(|name| name.parse().unwrap())
}

fn reply() -> impl Strategy<Value = Reply> {
    prop_oneof![
        item().prop_map(Reply::Result),
        failure().prop_map(Reply::Error),
        (vec(any::<u8>(), 0..=64), "[ -~ä]{0,128}", item()).prop_map(|(cursor, topic, body)| {
            Reply::Event(Event { cursor: cursor.into(), topic, body })
        }),
    ]
}

fn failure() -> impl Strategy<Value = Failure> {
    let said = (select(&Code::ALL), "[ -~ä]{0,512}", select(&Retry::ALL), of(any::<u64>()));
    let details = btree_map("[a-z_]{1,12}".prop_map(Into::into), value(), 0..4);
    (said, details).prop_map(|((code, message, retry, wait_ms), details)| {
        let retry_after = wait_ms.map(Duration::from_millis);
        Failure { code, message: message.into(), details, retry, retry_after }
    })
}

fn item() -> impl Strategy<Value = Encoded> {
    value().prop_map(|value| Encoded::of(&value).unwrap())
}

/// Values that are equal to themselves when they come back: no NaN, no bignum.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        (-1e9..1e9).prop_map(Value::Float),
        ".{0,20}".prop_map(Value::Text),
        vec(any::<u8>(), 0..20).prop_map(Value::Bytes),
        Just(Value::Null),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::Array),
            vec((inner.clone(), inner.clone()), 0..5).prop_map(Value::Map),
            (100_u64..1000, inner).prop_map(|(tag, value)| Value::Tag(tag, Box::new(value))),
        ]
    })
}
