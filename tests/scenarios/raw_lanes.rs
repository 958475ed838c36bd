//! What a node makes of a lane whose asker speaks byte by byte: of what is right, and of what is
//! not.

use std::time::Duration;

use bothways::protocol::{
    CloseCode, Control, Encoded, Failure, Greeting, IdempotencyKey, LANES, LaneAnswer, LaneAsk,
    LaneEnd, LaneId, Opening, Outgoing, Request, ResetCode,
};
use bothways_tests::{Echo, Lab, Network, RawSession, RawStream, Slow, SlowWrite, request, soon};

use crate::support::{Beset, failure, told};

/// A raw asker's lane.
struct RawLane(RawStream);

impl RawLane {
    async fn open(session: &RawSession) -> Self {
        Self(session.begin(&Opening::Lane.encode()).await)
    }

    async fn ask(&mut self, id: LaneId, request: &Request) {
        self.say(&LaneAsk::Request(id, request.clone())).await;
    }

    async fn say(&mut self, ask: &LaneAsk) {
        let mut buffer = Vec::new();
        ask.append_to(&mut buffer);
        self.0.send(&buffer).await;
    }

    async fn answer(&mut self) -> (LaneId, LaneEnd) {
        let LaneAnswer { id, end } =
            LaneAnswer::decode(&self.0.message().await).unwrap().expect("a kind that is known");
        (id, end)
    }

    async fn failure(&mut self) -> (LaneId, Failure) {
        match self.answer().await {
            (id, LaneEnd::Error(failure)) => (id, failure),
            other => panic!("an error was due: {other:?}"),
        }
    }
}

pub(crate) fn with_lanes(greeting: &mut Greeting) {
    greeting.features = vec![LANES.to_owned()];
}

/// A raw peer of a hub, which takes lanes.
async fn laned(beset: &Beset) -> RawSession {
    beset.network.raw("ann").greet(beset.address(), with_lanes).await.unwrap()
}

fn echo_of(text: &str) -> Request {
    request("lab.echo", &Echo { text: text.to_owned() })
}

#[tokio::test]
async fn a_node_that_stops_answers_what_it_has_begun_on_a_lane_and_refuses_the_rest() {
    let (network, lab) = (Network::new(), Lab::new());
    let hub = network.node("hub").listening().answering(lab.routes()).start().await;
    let address = hub.listening().next().unwrap();
    let mut raw = network.raw("ann").greet(address, with_lanes).await.unwrap();
    let mut lane = RawLane::open(&raw).await;
    lane.ask(0, &request("lab.slow", &Slow {})).await;
    lab.until("it has begun", |seen| seen.started == 1).await;
    let stopping = tokio::spawn(async move { hub.stop().await });
    let away = raw.control.control().await;
    assert!(matches!(away, Control::GoingAway(_)), "{away:?}");

    lane.ask(1, &echo_of("late")).await;

    let (id, refused) = lane.failure().await;
    assert_eq!((id, told(&refused)), (1, ("unavailable", Some("going_away"))));
    lab.release(1);
    assert_eq!(lane.answer().await, (0, LaneEnd::Result(Encoded::of("at last").unwrap())));
    raw.connection.close(CloseCode::Bye.number().into(), b"bye");
    assert_eq!(soon("a stop", stopping).await.unwrap(), bothways::Stopped::Drained);
}

#[tokio::test]
async fn answers_on_a_lane_come_as_they_are_ready() {
    let beset = Beset::new().await;
    let raw = laned(&beset).await;
    let mut lane = RawLane::open(&raw).await;

    lane.ask(7, &request("lab.slow", &Slow {})).await;
    beset.lab.until("the slow one", |seen| seen.started == 2).await;
    lane.ask(8, &echo_of("quick")).await;

    let quick = Encoded::of("quick").unwrap();
    assert_eq!(lane.answer().await, (8, LaneEnd::Result(quick)));
    lane.say(&LaneAsk::GiveUp(7, ResetCode::Cancelled)).await;
    assert_eq!(lane.answer().await, (7, LaneEnd::Reset(ResetCode::Cancelled)));
    beset.lab.until("dropped", |seen| seen.dropped == 1).await;
    beset.stands().await;
}

#[tokio::test]
async fn a_request_given_up_in_the_breath_that_asked_it_is_cancelled_too() {
    let beset = Beset::new().await;
    let raw = laned(&beset).await;
    let mut lane = RawLane::open(&raw).await;
    let mut both = Vec::new();
    LaneAsk::Request(1, request("lab.slow", &Slow {})).append_to(&mut both);
    LaneAsk::GiveUp(1, ResetCode::Cancelled).append_to(&mut both);
    lane.0.send(&both).await;
    assert_eq!(lane.answer().await, (1, LaneEnd::Reset(ResetCode::Cancelled)));
    beset.stands().await;
}

#[tokio::test]
async fn a_write_repeated_on_a_stream_after_a_lane_has_the_same_key_rules() {
    let beset = Beset::new().await;
    let raw = laned(&beset).await;
    let mut lane = RawLane::open(&raw).await;
    let mut write = request("lab.slow_write", &SlowWrite {});
    lane.ask(0, &write).await;
    let (id, keyless) = lane.failure().await;
    assert_eq!((id, told(&keyless)), (0, ("invalid_argument", Some("key_missing"))));
    write.key = Some(IdempotencyKey([7; 16]));
    lane.ask(1, &write).await;
    beset.lab.until("the write", |seen| seen.started == 2).await;
    beset.lab.release(1);
    beset.lab.until("an end", |seen| seen.ended == 1).await;
}

#[tokio::test]
async fn more_in_flight_on_a_lane_than_allowed_is_refused_one_by_one() {
    let beset = Beset::new().await;
    let raw = laned(&beset).await;
    let mut lane = RawLane::open(&raw).await;
    for id in 0..64 {
        lane.ask(id, &request("lab.slow", &Slow {})).await;
    }
    beset.lab.until("all places taken", |seen| seen.started == 65).await;

    for id in 64..70 {
        lane.ask(id, &request("lab.slow", &Slow {})).await;
        let (answered, refused) = lane.failure().await;
        assert_eq!((answered, told(&refused)), (id, ("resource_exhausted", Some("in_flight"))));
    }
    // A stream of its own finds no place either: the bound is the session's.
    let on_stream = failure(raw.ask(&request("lab.slow", &Slow {})).await);
    assert_eq!(told(&on_stream), ("resource_exhausted", Some("in_flight")));
    // What is given up makes room for what comes behind it, in the same breath.
    lane.say(&LaneAsk::GiveUp(0, ResetCode::Cancelled)).await;
    lane.ask(70, &echo_of("room")).await;
    let answers = [lane.answer().await, lane.answer().await];
    assert!(answers.contains(&(70, LaneEnd::Result(Encoded::of("room").unwrap()))), "{answers:?}");
}

#[tokio::test]
async fn a_wrong_request_on_a_lane_is_answered_where_it_says_which_it_is() {
    let beset = Beset::new().await;
    let raw = laned(&beset).await;
    let mut lane = RawLane::open(&raw).await;
    // [0, 5, "people"]
    lane.0.send(&[&[0x4a, 0x83, 0x00, 0x05, 0x66][..], b"people"].concat()).await;

    let (id, wrong) = lane.failure().await;

    assert_eq!((id, told(&wrong)), (5, ("invalid_argument", Some("malformed_message"))));
    lane.ask(6, &echo_of("right")).await;
    assert_eq!(lane.answer().await.0, 6);
    // A kind of a later version is passed over.
    lane.0.send(&[0x43, 0x82, 0x03, 0x00]).await;
    lane.ask(9, &echo_of("right")).await;
    assert_eq!(lane.answer().await.0, 9);
    beset.stands().await;
}

#[tokio::test]
async fn a_lane_that_makes_no_sense_ends_the_connection() {
    let nonsense: [&[u8]; 3] = [&[0x41, 0x00], &[0xa0], &[0x42, 0x81, 0x60]];
    for bytes in nonsense {
        let beset = Beset::new().await;
        let raw = laned(&beset).await;
        let mut lane = RawLane::open(&raw).await;
        lane.0.send(bytes).await;
        assert_eq!(raw.closed().await.0, Some(CloseCode::ProtocolError), "{bytes:02x?}");
        beset.stands().await;
    }
}

#[tokio::test]
async fn a_second_lane_at_a_time_ends_the_connection() {
    let beset = Beset::new().await;
    let raw = laned(&beset).await;
    let mut first = RawLane::open(&raw).await;
    first.ask(0, &echo_of("first")).await;
    assert_eq!(first.answer().await.0, 0);
    let _second = RawLane::open(&raw).await;
    assert_eq!(raw.closed().await.0, Some(CloseCode::ProtocolError));
    beset.stands().await;
}

#[tokio::test]
async fn a_lane_that_was_not_agreed_on_ends_the_connection() {
    let beset = Beset::new().await;
    let raw = beset.network.raw("ann").session(beset.address()).await;
    let _lane = RawLane::open(&raw).await;
    assert_eq!(raw.closed().await.0, Some(CloseCode::ProtocolError));
    beset.stands().await;
}

#[tokio::test]
async fn a_message_on_a_lane_that_trickles_in_ends_the_connection() {
    let beset = Beset::with(|limits| limits.message_send = Duration::from_millis(300)).await;
    let raw = laned(&beset).await;
    let mut lane = RawLane::open(&raw).await;
    lane.ask(0, &echo_of("whole")).await;
    assert_eq!(lane.answer().await.0, 0);
    let trickle = async {
        lane.0.send(&[0x59, 0x10, 0x00]).await;
        for _ in 0..200 {
            lane.0.send(&[0x00]).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        closed = raw.closed() => assert_eq!(closed.0, Some(CloseCode::ProtocolError)),
        () = trickle => panic!("a byte every 50 ms was taken for a message"),
    }
    beset.stands().await;
}

#[tokio::test]
async fn a_lane_that_is_finished_gets_its_last_answers() {
    let beset = Beset::new().await;
    let raw = laned(&beset).await;
    let mut lane = RawLane::open(&raw).await;
    lane.ask(0, &request("lab.slow", &Slow {})).await;
    beset.lab.until("begun", |seen| seen.started == 2).await;
    lane.0.finish();
    beset.lab.release(2);
    assert_eq!(lane.answer().await.0, 0);
    assert_eq!(lane.0.end().await, Ok(()));
}

#[tokio::test]
async fn an_asker_that_never_reads_its_lane_does_not_fill_memory() {
    let beset = Beset::new().await;
    let raw = laned(&beset).await;
    let mut lane = RawLane::open(&raw).await;
    let large = echo_of(&"x".repeat(60_000));
    let mut buffer = Vec::new();
    LaneAsk::Request(0, large).append_to(&mut buffer);
    // The window of the answers fills, then those that wait at the hub, then that of the requests.
    let flood = async {
        for _ in 0..1_000 {
            lane.0.send.write_all(&buffer).await.unwrap();
        }
    };
    let stuck = tokio::time::timeout(Duration::from_secs(2), flood).await;
    assert!(stuck.is_err(), "60 MB were taken in, and not one answer was read");
    beset.stands().await;
}
