//! Requests that are none, or wrong: each is answered with a code that says what is wrong with it,
//! and the session goes on.

use std::time::Duration;

use bothways::protocol::{Encoded, NodeName, Outgoing, Reply, Request, ResetCode};
use bothways_tests::{Echo, RawSession, Slow, request, soon, until_session};
use ciborium::{Value, cbor};

use crate::support::{Beset, failure, told};

/// A failure's code and its reason.
type Told = (&'static str, Option<&'static str>);

const MALFORMED: Told = ("invalid_argument", Some("malformed_message"));
const TOO_LARGE: Told = ("resource_exhausted", Some("message_too_large"));

/// A message of these bytes, its length before it.
fn framed(body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    [&[0x59][..], &length, body].concat()
}

/// A request made by hand, so that any part of it can be wrong.
fn by_hand(change: impl FnOnce(&mut Vec<(Value, Value)>)) -> Vec<u8> {
    let mut trace = vec![1; 24];
    trace.push(1);
    let mut fields = vec![
        (Value::from("method"), Value::from("lab.echo")),
        (Value::from("params"), cbor!({"text" => "by hand"}).unwrap()),
        (Value::from("deadline_ms"), Value::from(10_000)),
        (Value::from("trace"), Value::Bytes(trace)),
    ];
    change(&mut fields);
    let message = Value::Map(vec![(Value::from("request"), Value::Map(fields))]);
    let mut body = Vec::new();
    ciborium::into_writer(&message, &mut body).unwrap();
    framed(&body)
}

fn with(field: &'static str, value: Value) -> Vec<u8> {
    by_hand(|fields| {
        fields.retain(|(name, _)| name.as_text() != Some(field));
        fields.push((field.into(), value));
    })
}

fn without(field: &'static str) -> Vec<u8> {
    by_hand(|fields| fields.retain(|(name, _)| name.as_text() != Some(field)))
}

fn nested(depth: usize) -> Value {
    (0..depth).fold(Value::Null, |inner, _| Value::Array(vec![inner]))
}

async fn bad_session(beset: &Beset) -> RawSession {
    let raw = beset.network.raw("ann").session(beset.address()).await;
    until_session(&beset.hub, "ann").await;
    raw
}

#[tokio::test]
async fn a_request_made_by_hand_is_answered_so_that_its_faults_are_what_is_refused() {
    let beset = Beset::new().await;
    let raw = bad_session(&beset).await;
    let by_hand_text = Reply::Result(Encoded::of("by hand").unwrap());
    assert_eq!(raw.ask_bytes(&by_hand(|_| {})).await, by_hand_text);
    let later = by_hand(|fields| fields.push(("later".into(), nested(10))));
    assert_eq!(raw.ask_bytes(&later).await, by_hand_text, "an unknown field is passed over");
    beset.stands().await;
}

#[tokio::test]
async fn bytes_that_are_no_request_are_answered_on_their_own_stream() {
    let beset = Beset::new().await;
    let raw = bad_session(&beset).await;
    let whole = by_hand(|_| {});
    let array_of_2_40 = [0x9b, 0, 0, 1, 0, 0, 0, 0, 0];
    let mut trailing = by_hand(|_| {});
    trailing.push(0xf6);
    trailing[2] += 1;
    let table: [(&str, Vec<u8>, Told); 15] = [
        ("nothing", vec![], MALFORMED),
        ("half a message", whole[..whole.len() / 2].to_vec(), MALFORMED),
        ("half a head", vec![0x59, 0x01], MALFORMED),
        ("no byte string", vec![0xa1, 0x00, 0x00], MALFORMED),
        ("an endless byte string", vec![0x5f, 0x41, 0x00, 0xff], MALFORMED),
        ("an empty message", vec![0x40], MALFORMED),
        ("a head of 2^31 bytes", vec![0x5a, 0x7f, 0xff, 0xff, 0xff], TOO_LARGE),
        ("a head of 2^40 bytes", vec![0x5b, 0, 0, 1, 0, 0, 0, 0, 0], TOO_LARGE),
        ("a head of 2^64 bytes", vec![0x5b, 255, 255, 255, 255, 255, 255, 255, 255], TOO_LARGE),
        ("an array of 2^40 items", framed(&array_of_2_40), MALFORMED),
        ("a map of 2^40 pairs", framed(&[0xbb, 0, 0, 1, 0, 0, 0, 0, 0]), MALFORMED),
        ("tags without end", framed(&[0xc1; 60_000]), MALFORMED),
        ("arrays without end", framed(&[0x81; 60_000]), MALFORMED),
        ("something behind the request", trailing, MALFORMED),
        ("a control message", framed(&[0xa1, 0x63, b'b', b'y', b'e', 0xa0]), MALFORMED),
    ];
    for (what, bytes, expected) in table {
        let failure = failure(raw.ask_bytes(&bytes).await);
        assert_eq!(told(&failure), expected, "{what}: {failure}");
    }
    assert!(raw.connection.close_reason().is_none());
    beset.stands().await;
}

#[tokio::test]
async fn a_field_of_a_request_that_is_wrong_is_named() {
    let beset = Beset::new().await;
    let raw = bad_session(&beset).await;
    let table: [(&str, Vec<u8>); 11] = [
        ("method", with("method", Value::from(5))),
        ("method", with("method", Value::from("no method\n"))),
        ("method", without("method")),
        ("params", without("params")),
        ("deadline_ms", with("deadline_ms", Value::from(-1))),
        ("deadline_ms", without("deadline_ms")),
        ("trace", with("trace", Value::Bytes(vec![0; 25]))),
        ("trace", with("trace", Value::Bytes(vec![1; 24]))),
        ("key", with("key", Value::Bytes(vec![1; 15]))),
        ("attempt", with("attempt", Value::from(1_u64 << 40))),
        ("via", with("via", Value::Array(vec!["a".into(); 9]))),
    ];
    for (field, bytes) in table {
        let failure = failure(raw.ask_bytes(&bytes).await);
        assert_eq!(told(&failure), MALFORMED, "{field}: {failure}");
        assert_eq!(failure.text("field"), Some(field), "{failure}");
    }
    beset.stands().await;
}

#[tokio::test]
async fn params_that_are_nested_too_deeply_are_refused_before_they_are_read() {
    let beset = Beset::new().await;
    let raw = bad_session(&beset).await;
    for (depth, expected) in [(14, ("invalid_argument", Some("params"))), (15, MALFORMED)] {
        let failure = failure(raw.ask_bytes(&with("params", nested(depth))).await);
        assert_eq!(told(&failure), expected, "{depth} deep: {failure}");
    }
    let many = Value::Array(vec![Value::Null; 5_000]);
    assert_eq!(told(&failure(raw.ask_bytes(&with("params", many)).await)), MALFORMED);
    beset.stands().await;
}

#[tokio::test]
async fn params_of_the_wrong_type_are_refused_with_the_field_at_fault() {
    let beset = Beset::new().await;
    let raw = bad_session(&beset).await;
    let table = [
        (cbor!({"text" => 5}).unwrap(), Some("text"), "text: "),
        (cbor!({"txet" => "a"}).unwrap(), Some("txet"), "unknown field"),
        (cbor!({}).unwrap(), None, "missing field `text`"),
        (cbor!([1]).unwrap(), None, ""),
        (Value::Null, None, ""),
    ];
    for (params, field, part) in table {
        let failure = failure(raw.ask_bytes(&with("params", params.clone())).await);
        assert_eq!(told(&failure), ("invalid_argument", Some("params")), "{params:?}: {failure}");
        assert!(failure.message.contains(part), "{params:?}: {failure}");
        if field.is_some() {
            assert_eq!(failure.text("field"), field, "{params:?}: {failure}");
        }
    }
    beset.stands().await;
}

#[tokio::test]
async fn an_unknown_method_is_answered_with_the_one_that_was_meant() {
    let beset = Beset::new().await;
    let raw = bad_session(&beset).await;

    let near = failure(raw.ask(&request("lab.ehco", &())).await);
    let far = failure(raw.ask(&request("weather.today", &())).await);

    assert_eq!(told(&near), ("unimplemented", Some("method")));
    assert_eq!(near.message, "hub does not enable lab.ehco; did you mean lab.echo?");
    assert_eq!(far.message, "hub does not enable weather.today");
    beset.stands().await;
}

#[tokio::test]
async fn a_request_for_another_node_is_not_passed_on() {
    let beset = Beset::new().await;
    let raw = bad_session(&beset).await;
    let echo = |to: &str| {
        let to: NodeName = to.parse().unwrap();
        Request { to: Some(to), ..request("lab.echo", &Echo { text: "to".to_owned() }) }
    };

    let other = failure(raw.ask(&echo("friend")).await);
    assert_eq!(told(&other), ("unimplemented", Some("to")));
    assert!(matches!(raw.ask(&echo("hub")).await, Reply::Result(_)));
    beset.stands().await;
}

#[tokio::test]
async fn a_message_that_arrives_byte_by_byte_is_not_waited_for_longer_than_allowed() {
    let beset = Beset::with(|limits| limits.message_send = Duration::from_millis(200)).await;
    let raw = bad_session(&beset).await;
    let mut stream = raw.stream().await;
    let trickle = async {
        for byte in by_hand(|_| {}) {
            stream.send.write_all(&[byte]).await?;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok::<(), quinn::WriteError>(())
    };

    let stopped = soon("a stop", trickle).await.unwrap_err();

    let answered = ResetCode::Answered.number();
    assert_eq!(stopped, quinn::WriteError::Stopped(answered.into()));
    let failure = failure(stream.reply().await);
    assert_eq!(told(&failure), ("deadline_exceeded", Some("slow_message")));
    beset.stands().await;
}

#[tokio::test]
async fn half_a_request_that_is_thrown_away_is_forgotten() {
    let beset = Beset::new().await;
    let raw = bad_session(&beset).await;
    let whole = request("lab.slow", &Slow {}).encode();
    let mut stream = raw.begin(&whole[..whole.len() - 1]).await;

    stream.send.reset(ResetCode::Cancelled.number().into()).unwrap();

    let reset = quinn::ReadError::Reset(ResetCode::Cancelled.number().into());
    assert_eq!(stream.end().await, Err(reset));
    assert_eq!(beset.lab.seen().started, 1, "the friend's, and no other");
    beset.stands().await;
}

#[tokio::test]
async fn streams_that_are_opened_and_left_hold_up_nobody_else() {
    let beset = Beset::new().await;
    let raw = bad_session(&beset).await;
    let mut left = Vec::new();
    for _ in 0..64 {
        left.push(raw.begin(&[0x59, 0xff]).await);
    }

    let refused = failure(raw.ask(&request("lab.echo", &())).await);

    assert_eq!(told(&refused), ("resource_exhausted", Some("in_flight")));
    beset.stands().await;
}

#[tokio::test]
async fn unidirectional_streams_and_datagrams_are_not_taken() {
    let beset = Beset::new().await;
    let raw = bad_session(&beset).await;
    let sent = raw.connection.send_datagram(vec![1].into());
    assert_eq!(sent, Err(quinn::SendDatagramError::UnsupportedByPeer));
    let echo = request("lab.echo", &Echo { text: "two".to_owned() });
    tokio::select! {
        biased;
        opened = raw.connection.open_uni() => panic!("{opened:?}"),
        echoed = raw.ask(&echo) => {
            assert_eq!(echoed, Reply::Result(Encoded::of("two").unwrap()));
        }
    }
    beset.stands().await;
}

#[tokio::test]
async fn an_answer_that_nobody_reads_holds_up_nobody_else() {
    let beset = Beset::new().await;
    let raw = bad_session(&beset).await;
    let text = "x".repeat(60_000);
    let mut unread = Vec::new();
    for _ in 0..60 {
        let mut stream =
            raw.begin(&request("lab.echo", &Echo { text: text.clone() }).encode()).await;
        stream.finish();
        unread.push(stream);
    }
    beset.stands().await;
    soon("the close", async { raw.connection.close(0_u32.into(), b"") }).await;
}
