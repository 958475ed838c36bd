//! What goes on when nobody waits for it any more, and how much of it.

use std::sync::Arc;
use std::time::Duration;

use bothways::protocol::{Effect, Failure, IdempotencyKey, Method, Outgoing, Reply, ResetCode};
use bothways::service::{Context, Router};
use bothways_tests::{
    Lab, Network, RawSession, RawStream, SlowWrite, gone, request, soon, until_session,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::support::{failure, told};

async fn begin_write(raw: &RawSession, number: u8) -> RawStream {
    let mut write = request("lab.slow_write", &SlowWrite {});
    write.key = Some(IdempotencyKey([number; 16]));
    let mut stream = raw.begin(&write.encode()).await;
    stream.finish();
    stream
}

#[tokio::test]
async fn a_write_that_is_given_up_keeps_its_place_until_it_has_ended() {
    let (network, lab) = (Network::new(), Lab::new());
    let hub = network.node("hub").listening().answering(lab.routes());
    let hub = hub.limits(|limits| limits.requests_in_flight = 3).start().await;
    let raw = network.raw("ann").session(hub.listening().next().unwrap()).await;
    for number in 1..=3 {
        let mut given_up = begin_write(&raw, number).await;
        lab.until("the write", |seen| seen.started == u32::from(number)).await;
        given_up.recv.stop(ResetCode::Cancelled.number().into()).unwrap();
    }

    let mut one_more = begin_write(&raw, 4).await;

    let refused = failure(one_more.reply().await);
    assert_eq!(told(&refused), ("resource_exhausted", Some("in_flight")));
    lab.release(3);
    lab.until("the writes' end", |seen| seen.ended == 3).await;
    let mut again = begin_write(&raw, 4).await;
    lab.release(1);
    assert!(matches!(again.reply().await, Reply::Result(_)));
}

#[tokio::test]
async fn who_connects_anew_for_each_write_has_no_more_of_them_at_work_than_who_stays() {
    let (network, lab) = (Network::new(), Lab::new());
    let hub = network.node("hub").listening().answering(lab.routes()).limits(|limits| {
        limits.requests_in_flight = 1;
        limits.connections_per_peer = 2;
    });
    let hub = hub.start().await;
    let address = hub.listening().next().unwrap();
    for number in 1..=2 {
        let raw = network.raw("ann").session(address).await;
        let _abandoned = begin_write(&raw, number).await;
        lab.until("the write", |seen| seen.started == u32::from(number)).await;
        raw.connection.close(0_u32.into(), b"gone");
        gone(&hub).await;
    }
    let raw = network.raw("ann").session(address).await;

    let refused = failure(begin_write(&raw, 3).await.reply().await);

    assert_eq!(told(&refused), ("resource_exhausted", Some("in_flight")));
    lab.release(2);
    lab.until("the writes' end", |seen| seen.ended == 2).await;
    lab.release(1);
    assert!(matches!(begin_write(&raw, 3).await.reply().await, Reply::Result(_)));
}

/// Writes until nobody waits for it any more.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct WriteWhileWanted {}

impl Method for WriteWhileWanted {
    const NAME: &'static str = "wanted.write";
    const EFFECT: Effect = Effect::Writes;
    const ABOUT: &'static str = "Writes until nobody waits for it any more";
    type Result = String;

    fn example() -> Self {
        Self {}
    }
}

#[derive(Default)]
struct Wanted {
    stopped: watch::Sender<u32>,
}

impl Wanted {
    fn routes(self: &Arc<Self>) -> Router {
        Router::default().on(self, Self::write)
    }

    async fn write(&self, context: Context, _: WriteWhileWanted) -> Result<String, Failure> {
        context.cancelled().await;
        self.stopped.send_modify(|writes| *writes += 1);
        Ok("stopped early".to_owned())
    }

    async fn until_stopped(&self, writes: u32) {
        let mut stopped = self.stopped.subscribe();
        soon("a write that stops early", stopped.wait_for(|stopped| *stopped == writes))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_write_learns_that_its_deadline_is_over() {
    let (network, wanted) = (Network::new(), Arc::new(Wanted::default()));
    let hub = network.node("hub").listening().answering(wanted.routes()).start().await;
    let raw = network.raw("ann").session(hub.listening().next().unwrap()).await;
    let mut write = request("wanted.write", &WriteWhileWanted {});
    (write.key, write.deadline) = (Some(IdempotencyKey([1; 16])), Duration::from_millis(50));

    let late = failure(raw.ask(&write).await);

    assert_eq!(told(&late), ("deadline_exceeded", None));
    wanted.until_stopped(1).await;
}

#[tokio::test]
async fn a_write_that_a_node_asks_of_itself_learns_that_nobody_waits() {
    let (network, wanted) = (Network::new(), Arc::new(Wanted::default()));
    let hub = network.node("hub").answering(wanted.routes()).start().await;
    let itself = hub.peer("hub").within(Duration::from_millis(50));

    let late = soon("an answer", itself.request(WriteWhileWanted {})).await.unwrap_err();

    assert_eq!(late.code().as_str(), "deadline_exceeded");

    wanted.until_stopped(1).await;
}

#[tokio::test]
async fn who_gives_up_at_its_deadline_says_that_this_is_why() {
    let network = Network::new();
    let hub = network.raw_listener("hub");
    let ann = network.node("ann").dialing_at("hub", hub.address()).start().await;
    let session = hub.welcome(|_| {}).await;
    until_session(&ann, "hub").await;
    let peer = ann.peer("hub").within(Duration::from_millis(100));
    let asked = tokio::spawn(async move { peer.request(SlowWrite {}).await });
    let stream = RawStream::accept(&session.connection).await;

    let stopped = soon("a stop", stream.send.stopped()).await.unwrap();

    assert_eq!(stopped, Some(ResetCode::DeadlineExceeded.number().into()));
    assert_eq!(
        soon("an answer", asked).await.unwrap().unwrap_err().code().as_str(),
        "deadline_exceeded"
    );
}
