//! Greetings that are none, or not true: each ends its own connection, with a code that says why.

use std::time::Duration;

use bothways::protocol::{
    Bye, CloseCode, Control, Farewell, GoingAway, Greeting, Outgoing, Reply, ResetCode,
};
use bothways_tests::{Echo, RawStream, close_of, greeting, request, soon, until_session};

use crate::support::Beset;

/// How the hub closes a connection on whose first stream these bytes come, and perhaps no more.
async fn closed_after(beset: &Beset, bytes: &[u8], end: End) -> (CloseCode, String) {
    let connection = beset.network.raw("ann").connect(beset.address()).await.unwrap();
    let mut control = RawStream::open(&connection).await;
    control.send(bytes).await;
    match end {
        End::Open => {}
        End::Finished => control.finish(),
        End::Reset => control.send.reset(ResetCode::Cancelled.number().into()).unwrap(),
    }
    let (code, reason) = close_of(&soon("a close", connection.closed()).await);
    (code.unwrap_or_else(|| panic!("no close code: {reason}")), reason)
}

#[derive(Debug, Clone, Copy)]
enum End {
    Open,
    Finished,
    Reset,
}

fn hello(change: impl FnOnce(&mut Greeting)) -> Vec<u8> {
    let mut hello = greeting("ann");
    change(&mut hello);
    Control::Hello(hello).encode().to_vec()
}

/// A message whose length stands in one byte before it.
fn framed(body: &[u8]) -> Vec<u8> {
    [&[0x58, u8::try_from(body.len()).unwrap()], body].concat()
}

#[tokio::test]
async fn a_hello_that_is_not_true_is_refused_with_the_reason() {
    let beset = Beset::new().await;
    let table: [(Vec<u8>, &str); 3] = [
        (hello(|hello| hello.version = 2), "version 2 is spoken, 1 is needed"),
        (
            hello(|hello| hello.name = "friend".parse().unwrap()),
            "the peer says that it is friend, its certificate says ann",
        ),
        (hello(|hello| hello.role = "server".parse().unwrap()), "a server never dials"),
    ];
    for (bytes, reason) in table {
        let closed = closed_after(&beset, &bytes, End::Open).await;
        assert_eq!(closed, (CloseCode::Refused, reason.to_owned()));
    }
    beset.stands().await;
}

#[tokio::test]
async fn a_node_does_not_take_a_session_with_another_of_its_own_name() {
    let beset = Beset::new().await;

    let twin = beset.network.raw("hub").greet(beset.address(), |_| {}).await.err().unwrap();

    let (code, reason) = close_of(&twin);
    assert_eq!(code, Some(CloseCode::Refused));
    assert_eq!(reason, "this node is hub itself: each node needs its own identity");
    beset.stands().await;
}

#[tokio::test]
async fn what_is_no_hello_breaks_the_protocol() {
    let beset = Beset::new().await;
    let bye = Control::Bye(Bye { why: Farewell::Done }).encode();
    let whole = hello(|_| {});
    let mut trailing = whole.clone();
    trailing.extend_from_slice(&[0xf6]);
    trailing[1] += 1;
    let table: [(&str, Vec<u8>, End); 12] = [
        ("nothing", vec![], End::Finished),
        ("half a hello", whole[..whole.len() / 2].to_vec(), End::Finished),
        ("half a hello, thrown away", whole[..whole.len() / 2].to_vec(), End::Reset),
        ("a bye", bye.to_vec(), End::Open),
        ("a welcome", Control::Welcome(greeting("ann")).encode().to_vec(), End::Open),
        ("a request", request("lab.echo", &()).encode().to_vec(), End::Open),
        ("no byte string", b"GET / HTTP/1.1\r\n\r\n".to_vec(), End::Open),
        ("an endless byte string", vec![0x5f], End::Open),
        ("a head of 2^40 bytes", vec![0x5b, 0, 0, 1, 0, 0, 0, 0, 0], End::Open),
        ("more than a control message has", vec![0x59, 0x10, 0x01], End::Open),
        ("an array of 2^40 items", framed(&[0x9b, 0, 0, 1, 0, 0, 0, 0, 0]), End::Open),
        ("something behind the hello", trailing, End::Open),
    ];
    for (what, bytes, end) in table {
        let (code, reason) = closed_after(&beset, &bytes, end).await;
        assert_eq!(code, CloseCode::ProtocolError, "{what}: {reason}");
    }
    beset.stands().await;
}

#[tokio::test]
async fn a_hello_that_does_not_come_in_time_is_not_waited_for() {
    let beset = Beset::with(|limits| limits.handshake = Duration::from_millis(200)).await;
    let whole = hello(|_| {});

    // A dialer that opens no stream, and one that stops halfway.
    let silent = beset.network.raw("ann").connect(beset.address()).await.unwrap();
    let (code, _) = close_of(&soon("a close", silent.closed()).await);
    assert_eq!(code, Some(CloseCode::HelloTimeout));
    let (code, _) = closed_after(&beset, &whole[..10], End::Open).await;
    assert_eq!(code, CloseCode::HelloTimeout);

    assert!(beset.hub.sessions().iter().all(|session| session.peer.as_str() == "friend"));
    beset.stands().await;
}

#[tokio::test]
async fn what_may_not_come_after_the_greeting_ends_the_session() {
    let beset = Beset::new().await;
    let table: [(&str, Vec<u8>, End); 8] = [
        ("a second hello", hello(|_| {}), End::Open),
        ("a welcome", Control::Welcome(greeting("ann")).encode().to_vec(), End::Open),
        ("a request", request("lab.echo", &()).encode().to_vec(), End::Open),
        ("garbage", vec![0xff; 100], End::Open),
        ("two pairs", framed(&[0xa2, 0x61, b'a', 0, 0x61, b'b', 0]), End::Open),
        ("too much at once", vec![0x5a, 0, 1, 0, 0], End::Open),
        ("an end without a bye", vec![], End::Finished),
        ("a reset", vec![], End::Reset),
    ];
    for (what, bytes, end) in table {
        let mut raw = beset.network.raw("ann").session(beset.address()).await;
        raw.control.send(&bytes).await;
        match end {
            End::Open => {}
            End::Finished => raw.control.finish(),
            End::Reset => raw.control.send.reset(0_u32.into()).unwrap(),
        }
        let (code, reason) = raw.closed().await;
        assert_eq!(code, Some(CloseCode::ProtocolError), "{what}: {reason}");
    }
    beset.stands().await;
}

#[tokio::test]
async fn control_messages_of_a_later_version_are_passed_over() {
    let beset = Beset::new().await;
    let mut raw = beset.network.raw("ann").session(beset.address()).await;

    raw.control.send(&framed(&[0xa1, 0x65, b'l', b'a', b't', b'e', b'r', 0x81, 0x07])).await;
    raw.control.send(&Control::MethodsChanged.encode()).await;

    let echoed = raw.ask(&request("lab.echo", &Echo { text: "still".to_owned() })).await;
    assert!(matches!(echoed, Reply::Result(_)), "{echoed:?}");
    beset.stands().await;
}

#[tokio::test]
async fn a_flood_of_control_messages_is_the_trouble_of_its_sender_alone() {
    let beset = Beset::new().await;
    let mut raw = beset.network.raw("ann").session(beset.address()).await;
    until_session(&beset.hub, "ann").await;
    let away =
        Control::GoingAway(GoingAway { last: None, retry_after: None, why: Farewell::Other })
            .encode();
    let flood = away.repeat(20_000);

    raw.control.send(&flood).await;

    beset.stands().await;
}
