//! Quinn with one long-lived stream for each subscriber, on a connection of its own: what telling
//! many costs at the least.
//!
//! A stream's first byte says what it is for. On that of whoever has something changed, each
//! further byte is one change; on the others, an event is its length, four bytes, and its body.

use std::ops::Range;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use quinn::{Connection, Incoming, RecvStream, SendStream};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use super::Listening;
use super::quic::{self, Connections};
use crate::case::Work;
use crate::cases::BODY_BYTES;
use crate::end::{DRIVER, DriverJob, Setting};
use crate::fan_out::{self, Publish, Subscriber, body};
use crate::load::Reading;
use crate::usage::resident_kib;

/// Begins the stream of somebody who wants to be told.
const SUBSCRIBES: u8 = b's';
/// Begins the stream of whoever has something changed, and is a change on it.
const PUBLISHES: u8 = b'p';
/// The bytes of an event's length.
const HEAD_BYTES: usize = 4;
/// How many pieces of a stream one read takes.
const CHUNKS: usize = 32;
/// The most events that one write takes, for about 16 KiB.
const EVENTS_AT_A_TIME: u64 = 240;
/// How many connections are opened at a time.
const OPENING: usize = 32;

/// The streams of all who are told.
type Streams = Arc<Mutex<Vec<SendStream>>>;

pub(super) fn listen(setting: &Setting) -> Result<Listening> {
    let endpoint = quic::listening(setting, Connections::Many)?;
    let address = endpoint.local_addr()?;
    let (accepting, streams) = (endpoint.clone(), Streams::default());
    tokio::spawn(async move {
        while let Some(incoming) = accepting.accept().await {
            tokio::spawn(serve(incoming, streams.clone()));
        }
    });
    Ok(Listening::new(address, endpoint))
}

async fn serve(incoming: Incoming, streams: Streams) -> Result<()> {
    let connection = incoming.await?;
    let (mut send, mut recv) = connection.accept_bi().await?;
    let mut kind = [0];
    recv.read_exact(&mut kind).await?;
    if kind == [SUBSCRIBES] {
        // Says that it is known.
        send.write_all(&kind).await?;
        streams.lock().await.push(send);
        connection.closed().await;
        return Ok(());
    }
    let mut number = 0;
    while let Some(changes) = recv.read_chunk(usize::MAX, true).await? {
        let asked = number + changes.bytes.len() as u64;
        while number < asked {
            let next = asked.min(number + EVENTS_AT_A_TIME);
            tell(&mut streams.lock().await, number..next).await?;
            number = next;
        }
    }
    Ok(())
}

/// Tells all of the changes that were asked for together, in one write each.
async fn tell(streams: &mut [SendStream], numbers: Range<u64>) -> Result<()> {
    let mut events = BytesMut::new();
    for number in numbers {
        events.put_u32(BODY_BYTES as u32);
        events.put_slice(&body(number, BODY_BYTES));
    }
    let events = events.freeze();
    for stream in streams {
        stream.write_chunk(events.clone()).await?;
    }
    Ok(())
}

pub(super) async fn drive(job: &DriverJob) -> Result<Reading> {
    let Work::FanOut(fan_out) = job.work else { bail!("it tells of changes and nothing else") };
    let (endpoint, authority) = (quic::dialing()?, job.folder().authority()?);
    let (mut opening, mut connections) = (JoinSet::new(), Vec::new());
    for nth in 0..=fan_out.subscribers {
        let identity = job.folder().identity(&format!("{DRIVER}-{nth}"))?;
        let (endpoint, trust, address) = (endpoint.clone(), authority.trust(), job.address);
        opening.spawn(async move { quic::dial(&endpoint, &identity, &trust, address).await });
        if opening.len() == OPENING {
            connections.extend(opening.join_next().await.transpose()?.transpose()?);
        }
    }
    while let Some(connection) = opening.join_next().await {
        connections.push(connection??);
    }
    let publisher = connections.pop().context("no connection")?;
    let before_kib = resident_kib(job.listener)?;
    let mut subscribers = Vec::new();
    for connection in connections {
        subscribers.push(Stream::subscribe(connection).await?);
    }
    let (mut send, _recv) = publisher.open_bi().await?;
    send.write_all(&[PUBLISHES]).await?;
    fan_out::run(fan_out, (job.listener, before_kib), Publisher(send), subscribers).await
}

struct Publisher(SendStream);

impl Publish for Publisher {
    async fn publish(&mut self, count: usize) -> Result<()> {
        Ok(self.0.write_all(&vec![PUBLISHES; count]).await?)
    }
}

/// Takes one subscriber's stream apart into events.
struct Stream {
    recv: RecvStream,
    chunks: [Bytes; CHUNKS],
    /// What came of an event that is not whole yet.
    begun: BytesMut,
    _connection: (Connection, SendStream),
}

impl Stream {
    async fn subscribe(connection: Connection) -> Result<Self> {
        let (mut send, mut recv) = connection.open_bi().await?;
        send.write_all(&[SUBSCRIBES]).await?;
        recv.read_exact(&mut [0]).await?;
        let (chunks, begun) = ([const { Bytes::new() }; CHUNKS], BytesMut::new());
        Ok(Self { recv, chunks, begun, _connection: (connection, send) })
    }
}

impl Subscriber for Stream {
    async fn read(&mut self, mut take: impl FnMut(&[u8]) -> Result<()> + Send) -> Result<()> {
        let count = self.recv.read_chunks(&mut self.chunks).await?.context("no more events")?;
        for nth in 0..count {
            let mut arrived = std::mem::take(&mut self.chunks[nth]);
            if !self.begun.is_empty() {
                self.begun.put(arrived);
                arrived = self.begun.split().freeze();
            }
            while let Some(mut head) = arrived.get(..HEAD_BYTES) {
                let whole = HEAD_BYTES + head.get_u32() as usize;
                let Some(event) = arrived.get(HEAD_BYTES..whole) else { break };
                take(event)?;
                arrived.advance(whole);
            }
            self.begun.put(arrived);
        }
        Ok(())
    }
}
