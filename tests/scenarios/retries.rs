//! What is lost on the way is sent again, and acts once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bothways::domain::people::{CreatePerson, ListPeople};
use bothways::protocol::{
    Bye, CloseCode, Code, Control, Encoded, Failure, Farewell, GoingAway, Outgoing, Reply, Request,
    ResetCode,
};
use bothways::{Node, Peer, RequestError};
use bothways_tests::{
    Echo, Network, Program, RawListener, RawSession, RawStream, soon, until_session,
};
use tokio::sync::watch;

/// How many callers ask at once while the hub goes and comes.
const CALLERS: usize = 8;
/// How often it does.
const RESTARTS: usize = 3;
/// How many of their writes are acknowledged between one time and the next.
const WRITES: usize = 10 * CALLERS;

/// A node that asks a hub, which answers what it likes.
struct Asking {
    node: Node,
    hub: RawListener,
    session: RawSession,
}

impl Asking {
    async fn new() -> Self {
        let network = Network::new();
        let hub = network.raw_listener("hub");
        let node = network.node("ann").dialing_at("hub", hub.address()).start().await;
        let session = hub.welcome(|_| {}).await;
        until_session(&node, "hub").await;
        Self { node, hub, session }
    }

    fn echo(&self) -> tokio::task::JoinHandle<Result<String, RequestError>> {
        self.echo_by(self.node.peer("hub"))
    }

    fn echo_by(&self, peer: Peer) -> tokio::task::JoinHandle<Result<String, RequestError>> {
        tokio::spawn(async move { peer.request(Echo { text: String::new() }).await })
    }

    async fn asked(&self) -> (RawStream, Request) {
        let mut stream = RawStream::accept(&self.session.connection).await;
        let request = Request::decode(&stream.message().await).unwrap();
        (stream, request)
    }
}

async fn answer(mut stream: RawStream, reply: &Reply) {
    stream.send(&reply.encode()).await;
    stream.finish();
}

fn echoed() -> Reply {
    Reply::Result(Encoded::of("echoed").unwrap())
}

#[tokio::test]
async fn a_request_that_is_lost_is_sent_again_in_the_same_trace() {
    let asking = Asking::new().await;
    let asked = asking.echo();
    let (mut stream, first) = asking.asked().await;
    stream.send.reset(ResetCode::Cancelled.number().into()).unwrap();

    let (stream, second) = asking.asked().await;
    answer(stream, &echoed()).await;

    assert_eq!(soon("an answer", asked).await.unwrap().unwrap(), "echoed");
    assert_eq!((first.attempt, second.attempt), (1, 2));
    assert_eq!(first.trace.trace_id(), second.trace.trace_id());
    assert_ne!(first.trace.span_id(), second.trace.span_id());
    assert_eq!(first.key, second.key);
    assert!(second.deadline <= first.deadline);
}

#[tokio::test]
async fn a_request_that_is_refused_for_now_is_sent_again() {
    let asking = Asking::new().await;
    let asked = asking.echo();
    let busy = Failure::new(Code::ResourceExhausted, "busy").after(Duration::from_millis(20));
    for _ in 0..3 {
        let (stream, _) = asking.asked().await;
        answer(stream, &Reply::Error(busy.clone())).await;
    }

    let (stream, fourth) = asking.asked().await;
    answer(stream, &echoed()).await;

    assert_eq!(fourth.attempt, 4);
    assert_eq!(soon("an answer", asked).await.unwrap().unwrap(), "echoed");
}

#[tokio::test]
async fn a_wait_that_the_deadline_does_not_allow_is_not_begun() {
    let asking = Asking::new().await;
    let asked = asking.echo();
    let busy = Failure::new(Code::ResourceExhausted, "busy").after(Duration::from_secs(3600));
    let (stream, _) = asking.asked().await;

    answer(stream, &Reply::Error(busy.clone())).await;

    let refused = soon("an answer", asked).await.unwrap().unwrap_err();
    assert_eq!(refused.failure(), Some(&busy));
}

#[tokio::test]
async fn what_a_caller_wants_sent_once_is_not_sent_again() {
    let asking = Asking::new().await;
    let asked = asking.echo_by(asking.node.peer("hub").at_most_once());
    let (mut stream, _) = asking.asked().await;

    stream.send.reset(ResetCode::Cancelled.number().into()).unwrap();

    let lost = soon("an answer", asked).await.unwrap().unwrap_err();
    assert!(matches!(lost, RequestError::Lost { .. }), "{lost:?}");
}

#[tokio::test]
async fn a_request_that_was_lost_with_its_peer_is_told_as_lost_and_not_as_unsent() {
    let Asking { node, hub, session } = Asking::new().await;
    let peer = node.peer("hub").within(Duration::from_millis(500));
    let asked = tokio::spawn(async move { peer.request(Echo { text: String::new() }).await });
    let mut stream = RawStream::accept(&session.connection).await;
    stream.message().await;

    drop(hub);
    session.connection.close(CloseCode::Internal.number().into(), b"gone");

    let lost = soon("an answer", asked).await.unwrap().unwrap_err();
    assert!(matches!(lost, RequestError::Lost { .. }), "{lost:?}");
}

#[tokio::test]
async fn a_request_that_was_lost_is_not_told_as_refused_by_a_peer_that_looked_at_nothing() {
    let asking = Asking::new().await;
    let asked = asking.echo();
    let (mut stream, _) = asking.asked().await;
    stream.send.reset(ResetCode::Cancelled.number().into()).unwrap();

    let (stream, _) = asking.asked().await;
    let full = Failure::new(Code::Unavailable, "no writes").reason("read_only");
    answer(stream, &Reply::Error(full)).await;

    let lost = soon("an answer", asked).await.unwrap().unwrap_err();
    assert!(matches!(lost, RequestError::Lost { .. }), "{lost:?}");
}

/// Takes a dial in, and stops at once.
async fn stop_at_once(listener: &RawListener, retry_after: Option<Duration>) {
    let mut session = listener.welcome(|_| {}).await;
    let away = GoingAway { last: None, retry_after, why: Farewell::Stopping };
    session.control.send(&Control::GoingAway(away).encode()).await;
    session.control.send(&Control::Bye(Bye { why: Farewell::Stopping }).encode()).await;
    assert_eq!(session.closed().await.0, Some(CloseCode::Bye));
}

#[tokio::test]
async fn a_peer_that_stops_is_left_alone_for_as_long_as_it_asks_for() {
    let network = Network::new();
    let (hub, till) = (network.raw_listener("hub"), network.raw_listener("till"));
    let node = network.node("ann").dialing_at("hub", hub.address());
    let node = node.dialing_at("till", till.address()).start().await;
    stop_at_once(&hub, Some(Duration::from_secs(3600))).await;

    // Who asks for nothing is dialed again, and again, and the other is not.
    for _ in 0..5 {
        stop_at_once(&till, None).await;
    }
    assert!(!hub.is_dialed().await, "it was dialed all the same");

    // But a request is not kept waiting for long.
    let peer = node.peer("hub");
    let asked = tokio::spawn(async move { peer.request(Echo { text: String::new() }).await });
    let second = hub.welcome(|_| {}).await;
    let mut stream = RawStream::accept(&second.connection).await;
    stream.message().await;
    answer(stream, &echoed()).await;
    assert_eq!(soon("an answer", asked).await.unwrap().unwrap(), "echoed");
}

#[tokio::test]
async fn a_hub_that_restarts_under_load_costs_its_callers_time_alone() {
    hub_comes_and_goes(End::Stopped).await;
}

#[tokio::test]
async fn a_hub_that_is_killed_under_load_costs_its_callers_time_alone() {
    hub_comes_and_goes(End::Killed).await;
}

#[derive(Clone, Copy)]
enum End {
    Stopped,
    Killed,
}

/// What the callers of a hub have done, and whether they shall go on.
#[derive(Default)]
struct Load {
    acknowledged: watch::Sender<usize>,
    enough: AtomicBool,
}

impl Load {
    /// Waits until so many more writes were acknowledged.
    async fn until_more(&self, writes: usize) {
        let mut acknowledged = self.acknowledged.subscribe();
        let enough = *acknowledged.borrow() + writes;
        soon("writes", acknowledged.wait_for(|writes| *writes >= enough)).await.unwrap();
    }
}

/// Callers write without a pause while the hub ends and comes back; no write fails, and each is
/// there once.
async fn hub_comes_and_goes(end: End) {
    let network = Network::new();
    let program = Program::of(&network);
    program.keep(&network.identity("hub"));
    let options = ["--data", "store", "--log-level", "info,exchange=off"];
    let mut hub = program.start("hub", &options).await;
    let address = hub.address;
    let ann = network.node("ann").dialing_at("hub", address).start().await;
    until_session(&ann, "hub").await;
    let load = Arc::new(Load::default());
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| tokio::spawn(write(ann.peer("hub"), caller, load.clone())))
        .collect();

    for _ in 0..RESTARTS {
        load.until_more(WRITES).await;
        match end {
            End::Stopped => hub.stop().await,
            End::Killed => hub.kill().await,
        }
        hub = program.start_at(&address.to_string(), "hub", &options).await;
    }
    load.enough.store(true, Ordering::Relaxed);

    let mut written = Vec::new();
    for caller in callers {
        written.extend(soon("the caller's end", caller).await.unwrap().unwrap());
    }
    written.sort();
    assert!(written.len() >= RESTARTS * WRITES, "{}", written.len());
    assert_eq!(names(&ann).await, written);
    ann.stop().await;
    hub.stop().await;
}

/// Creates people until it is enough, and tells their names.
async fn write(hub: Peer, caller: usize, load: Arc<Load>) -> Result<Vec<String>, RequestError> {
    let mut written = Vec::new();
    while !load.enough.load(Ordering::Relaxed) {
        let name = format!("person {caller}-{}", written.len());
        hub.request(CreatePerson { name: name.parse().unwrap(), title: None }).await?;
        written.push(name);
        load.acknowledged.send_modify(|writes| *writes += 1);
    }
    Ok(written)
}

/// The names of all people at the hub, sorted.
async fn names(ann: &Node) -> Vec<String> {
    let (mut names, mut after) = (Vec::new(), None);
    loop {
        let page = ListPeople { after, limit: Some(100) };
        let page = ann.peer("hub").request(page).await.unwrap();
        names.extend(page.people.iter().map(|person| person.name.as_str().to_owned()));
        after = page.next;
        if after.is_none() {
            names.sort();
            return names;
        }
    }
}
