//! Subscriptions of many sessions without a node, all of them read from one thread.

use anyhow::{Context, Result, ensure};
use bothways::protocol::{Encoded, Frames, Method, Outgoing, Reply, Watch};
use bytes::Bytes;
use quinn::{Connection, RecvStream, SendStream};

use super::by_hand::{self, Session};
use super::crowd::request;
use super::{feed, others};
use crate::case::{FanOut, Measure};
use crate::end::DriverJob;
use crate::fan_out::{self, Publish, Subscriber};
use crate::load::Reading;
use crate::usage::resident_kib;

/// The longest message that is read.
const MESSAGE_MAX_BYTES: usize = 64 * 1024;
/// How many pieces of a stream one read takes.
const CHUNKS: usize = 32;

/// Opens the sessions, subscribes on each, and has changes made on one more.
pub(super) async fn measure(job: &DriverJob, fan_out: FanOut) -> Result<Reading> {
    let mut sessions = by_hand::open(job, fan_out.subscribers + 1).await?;
    let publisher = Publisher { session: sessions.pop().context("no session")? };
    let before_kib = resident_kib(job.listener)?;
    let idle = match fan_out.others {
        true => {
            Some(others::p99_us("before", job.clone(), (fan_out.warm_up, fan_out.window)).await?)
        }
        false => None,
    };
    let mut subscriptions = Vec::new();
    for session in sessions {
        subscriptions.push(Subscription::begin(session).await?);
    }
    let during = (fan_out.warm_up, fan_out.window);
    let busy = idle.map(|_| tokio::spawn(others::p99_us("meanwhile", job.clone(), during)));
    let mut reading =
        fan_out::run(fan_out, (job.listener, before_kib), publisher, subscriptions).await?;
    if let (Some(idle), Some(busy)) = (idle, busy) {
        let busy = busy.await??;
        reading.0.extend([
            (Measure::OthersIdleP99Us, idle),
            (Measure::OthersP99Us, busy),
            (Measure::OthersP99Times, busy / idle),
        ]);
    }
    Ok(reading)
}

struct Publisher {
    session: Session,
}

impl Publish for Publisher {
    async fn publish(&mut self, count: usize) -> Result<()> {
        let params = Encoded::of(&feed::Publish { count })?;
        let (mut send, mut recv) = self.session.connection.open_bi().await?;
        send.write_chunk(request(feed::Publish::NAME, params)?.encode()).await?;
        send.finish()?;
        // What was changed is told, so nothing waits for the answer; it is read all the same.
        tokio::spawn(async move { recv.read_to_end(MESSAGE_MAX_BYTES).await });
        Ok(())
    }
}

/// Takes one subscription's stream apart into events.
struct Subscription {
    recv: RecvStream,
    chunks: [Bytes; CHUNKS],
    frames: Frames,
    _kept: (Session, SendStream, Connection),
}

impl Subscription {
    async fn begin(session: Session) -> Result<Self> {
        let (mut send, recv) = session.connection.open_bi().await?;
        let params = Encoded::of(&Watch::default())?;
        send.write_chunk(request("bench.watch", params)?.encode()).await?;
        send.finish()?;
        let connection = session.connection.clone();
        let mut begun = Self {
            recv,
            chunks: [const { Bytes::new() }; CHUNKS],
            frames: Frames::new(MESSAGE_MAX_BYTES),
            _kept: (session, send, connection),
        };
        let mut response = None;
        while response.is_none() {
            let take = |message: &Bytes| {
                response = Some(message.clone());
                Ok(())
            };
            begun.read_messages(take).await?;
        }
        let response = Reply::decode(&response.context("no response")?)?;
        ensure!(matches!(response, Reply::Result(_)), "refused: {response:?}");
        Ok(begun)
    }

    async fn read_messages(&mut self, mut take: impl FnMut(&Bytes) -> Result<()>) -> Result<()> {
        let count = self.recv.read_chunks(&mut self.chunks).await?.context("no more events")?;
        for nth in 0..count {
            self.frames.push(std::mem::take(&mut self.chunks[nth]));
            while let Some(message) = self.frames.next_message()? {
                take(&message)?;
            }
        }
        Ok(())
    }
}

impl Subscriber for Subscription {
    async fn read(&mut self, mut take: impl FnMut(&[u8]) -> Result<()> + Send) -> Result<()> {
        self.read_messages(|message| take(message)).await
    }
}
