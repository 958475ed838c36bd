//! Answers that are none: the caller is told so, and the session goes on.

use std::time::Duration;

use bothways::protocol::{
    Bye, CloseCode, Code, Control, Encoded, Event, Failure, Farewell, GoingAway, Outgoing, Reply,
    Request, ResetCode, Retry,
};
use bothways::{Node, RequestError};
use bothways_tests::{Network, RawListener, RawSession, RawStream, Slow, soon, until_session};

use crate::support::{begin_slow, echo};

/// A node that has dialed a hub which answers as it is told.
struct Asked {
    ann: Node,
    hub: RawListener,
    session: RawSession,
}

impl Asked {
    async fn new() -> Self {
        let network = Network::new();
        let hub = network.raw_listener("hub");
        let ann = network.node("ann").dialing_at("hub", hub.address()).start().await;
        let session = hub.welcome(|_| {}).await;
        until_session(&ann, "hub").await;
        Self { ann, hub, session }
    }

    /// What a request comes to that is answered with these bytes.
    async fn answered_with(&self, bytes: &[u8]) -> RequestError {
        let asked = begin_slow(&self.ann, "hub");
        let mut stream = self.request().await;
        stream.send(bytes).await;
        stream.finish();
        soon("an answer", asked).await.unwrap().unwrap_err()
    }

    /// The next request that arrives.
    async fn request(&self) -> RawStream {
        let mut stream = RawStream::accept(&self.session.connection).await;
        stream.message().await;
        stream
    }

    /// The session takes requests as before.
    async fn goes_on(&self) {
        let echo = tokio::spawn({
            let ann = self.ann.clone();
            async move { echo(&ann, "hub").await }
        });
        let mut stream = self.request().await;
        stream.send(&Reply::Result(Encoded::of("echoed").unwrap()).encode()).await;
        stream.finish();
        assert_eq!(soon("an echo", echo).await.unwrap().unwrap(), "echoed");
    }
}

#[tokio::test]
async fn bytes_that_are_no_answer_are_told_as_such() {
    let asked = Asked::new().await;
    let event = Event {
        cursor: vec![1].into(),
        topic: "people.created".to_owned(),
        body: Encoded::empty_map(),
    };
    let wrong_type = Encoded::of(&7).unwrap();
    let table: [(&str, Vec<u8>); 8] = [
        ("nothing", vec![]),
        ("half a message", vec![0x59, 0x01]),
        ("no byte string", b"HTTP/1.1 200 OK".to_vec()),
        ("a head of 2^40 bytes", vec![0x5b, 0, 0, 1, 0, 0, 0, 0, 0]),
        ("an array of 2^40 items", vec![0x49, 0x9b, 0, 0, 1, 0, 0, 0, 0, 0]),
        ("an event", Reply::Event(event).encode().to_vec()),
        ("another type", Reply::Result(wrong_type).encode().to_vec()),
        ("both result and error", {
            let body = b"\xa1\x68response\xa2\x66result\x00\x65error\xa3\
                \x64code\x67unknown\x67message\x60\x65retry\x65never";
            [&[0x58, u8::try_from(body.len()).unwrap()], &body[..]].concat()
        }),
    ];
    for (what, bytes) in table {
        let error = asked.answered_with(&bytes).await;
        assert!(matches!(error, RequestError::Answer { .. }), "{what}: {error:?}");
        assert_eq!((error.code(), error.retry()), (Code::Internal, Retry::Never), "{what}");
    }
    asked.goes_on().await;
}

#[tokio::test]
async fn what_a_peer_says_in_an_error_cannot_break_a_line() {
    let asked = Asked::new().await;
    let evil = Failure::new(Code::NotFound, "gone\n\u{1b}[2J\u{202e}").reason("evil");

    let error = asked.answered_with(&Reply::Error(evil).encode()).await;

    let told = error.to_string();
    assert!(told.chars().all(bothways::protocol::is_visible), "{told:?}");
    assert_eq!(error.failure().unwrap().text("reason"), Some("evil"));
    asked.goes_on().await;
}

#[tokio::test]
async fn an_answer_that_is_thrown_away_leaves_open_whether_the_request_acted() {
    let asked = Asked::new().await;
    let slow = begin_slow(&asked.ann, "hub");
    let mut stream = asked.request().await;

    stream.send.reset(ResetCode::Cancelled.number().into()).unwrap();

    let lost = soon("an answer", slow).await.unwrap().unwrap_err();
    assert!(matches!(lost, RequestError::Lost { .. }), "{lost:?}");
    assert_eq!(lost.retry(), Retry::Same);
    asked.goes_on().await;
}

#[tokio::test]
async fn an_answer_on_a_stream_that_was_not_read_is_taken() {
    let asked = Asked::new().await;
    let slow = begin_slow(&asked.ann, "hub");
    let mut stream = RawStream::accept(&asked.session.connection).await;
    stream.recv.stop(ResetCode::Answered.number().into()).unwrap();
    let busy = Failure::new(Code::ResourceExhausted, "busy").after(Duration::from_secs(1));

    stream.send(&Reply::Error(busy.clone()).encode()).await;
    stream.finish();

    let refused = soon("an answer", slow).await.unwrap().unwrap_err();
    assert_eq!(refused.failure(), Some(&busy));
    asked.goes_on().await;
}

#[tokio::test]
async fn a_connection_that_is_lost_leaves_open_whether_what_was_in_flight_acted() {
    let asked = Asked::new().await;
    let slow = begin_slow(&asked.ann, "hub");
    let _stream = asked.request().await;

    asked.session.connection.close(CloseCode::Internal.number().into(), b"a\nb");

    let lost = soon("an answer", slow).await.unwrap().unwrap_err();
    assert!(matches!(lost, RequestError::Lost { .. }), "{lost:?}");
    assert!(lost.to_string().chars().all(bothways::protocol::is_visible), "{lost}");
}

#[tokio::test]
async fn a_request_that_was_surely_not_processed_goes_to_the_next_session() {
    let mut asked = Asked::new().await;
    let slow = begin_slow(&asked.ann, "hub");
    let mut stream = asked.request().await;
    stream.send.reset(ResetCode::NotProcessed.number().into()).unwrap();
    let why = Farewell::Stopping;
    let away = Control::GoingAway(GoingAway { last: None, retry_after: None, why });
    asked.session.control.send(&away.encode()).await;
    asked.session.control.send(&Control::Bye(Bye { why }).encode()).await;
    assert_eq!(asked.session.closed().await.0, Some(CloseCode::Bye));

    let next = asked.hub.welcome(|_| {}).await;
    let mut stream = RawStream::accept(&next.connection).await;
    let request = Request::decode(&stream.message().await).unwrap();
    assert_eq!((request.method.as_str(), request.attempt), ("lab.slow", 2));
    stream.send(&Reply::Result(Encoded::of("at last").unwrap()).encode()).await;
    stream.finish();

    assert_eq!(soon("an answer", slow).await.unwrap().unwrap(), "at last");
}

#[tokio::test]
async fn a_peer_that_answers_twice_is_believed_once() {
    let asked = Asked::new().await;
    let peer = asked.ann.peer("hub");
    let slow = tokio::spawn(async move { peer.request(Slow {}).await });
    let mut stream = asked.request().await;
    let first = Reply::Result(Encoded::of("first").unwrap()).encode();
    let second = Reply::Result(Encoded::of("second").unwrap()).encode();

    stream.send(&[first, second].concat()).await;

    assert_eq!(soon("an answer", slow).await.unwrap().unwrap(), "first");
    asked.goes_on().await;
}

#[tokio::test]
async fn an_answer_that_there_is_no_room_for_is_told_as_such() {
    let network = Network::new();
    let hub = network.raw_listener("hub");
    let ann = network.node("ann").dialing_at("hub", hub.address());
    let ann = ann.limits(|limits| limits.assembling_bytes_per_peer = 1_048_576).start().await;
    let session = hub.welcome(|_| {}).await;
    until_session(&ann, "hub").await;
    let long = Reply::Result(Encoded::of(&"x".repeat(60_000)).unwrap()).encode();
    let (told, mut came) = tokio::sync::mpsc::channel(20);
    let mut streams = Vec::new();
    for _ in 0..20 {
        let (asked, told) = (begin_slow(&ann, "hub"), told.clone());
        tokio::spawn(async move { told.send(asked.await.unwrap()).await });
        let mut stream = RawStream::accept(&session.connection).await;
        stream.message().await;
        stream.send(&long[..59_000]).await;
        streams.push(stream);
    }

    let crowded = soon("a refusal", came.recv()).await.unwrap().unwrap_err();
    assert!(matches!(crowded, RequestError::Crowded { .. }), "{crowded:?}");
    assert_eq!((crowded.code(), crowded.retry()), (Code::ResourceExhausted, Retry::Same));
}
