//! Quinn with one long-lived stream for all requests: what a hand-written protocol can do at best,
//! and what bothways' lanes are measured by.
//!
//! A message is its length and its id, four bytes each, and its body. The listener answers in the
//! task that reads. The asker puts messages into one buffer, which a task of its own sends once
//! per turn of the runtime; another task reads answers and wakes who waits for them.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use anyhow::{Context as _, Result, bail, ensure};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use quinn::{Incoming, RecvStream, SendStream};

use super::Listening;
use super::quic::{self, Connections};
use crate::case::Work;
use crate::end::{DRIVER, DriverJob, Setting};
use crate::load::{Ask, Reading};

/// The bytes of a length and an id.
const HEAD_BYTES: usize = 8;
/// The longest body that is read.
const BODY_MAX_BYTES: usize = 1024 * 1024;
/// How many pieces of the stream one read takes.
const CHUNKS: usize = 32;

pub(super) fn listen(setting: &Setting) -> Result<Listening> {
    let endpoint = quic::listening(setting, Connections::Few)?;
    let address = endpoint.local_addr()?;
    let accepting = endpoint.clone();
    tokio::spawn(async move {
        while let Some(incoming) = accepting.accept().await {
            tokio::spawn(echo_all(incoming));
        }
    });
    Ok(Listening::new(address, endpoint))
}

/// Answers every message of a connection's one stream.
async fn echo_all(incoming: Incoming) -> Result<()> {
    let connection = incoming.await?;
    let (mut send, recv) = connection.accept_bi().await?;
    let (mut messages, mut out) = (Messages::of(recv), BytesMut::new());
    while messages.read(|id, body| put(&mut out, id, &body)).await? {
        if !out.is_empty() {
            send.write_chunk(out.split().freeze()).await?;
        }
    }
    Ok(())
}

pub(super) async fn drive(job: &DriverJob) -> Result<Reading> {
    let Work::Requests(requests) = job.work else { bail!("it asks requests and nothing else") };
    let endpoint = quic::dialing()?;
    let identity = job.folder().identity(DRIVER)?;
    let connection = quic::dial(&endpoint, &identity, &job.folder().trust()?, job.address).await?;
    let (send, recv) = connection.open_bi().await?;
    let waiting = Arc::<Mutex<Waiting>>::default();
    tokio::spawn(send_all(send, waiting.clone()));
    tokio::spawn(read_all(recv, waiting.clone()));
    let body = vec![b'x'; requests.body_bytes].into();
    job.load(requests).run([Asker { waiting, body }]).await
}

/// Sends what is in the buffer, whenever there is something.
async fn send_all(mut send: SendStream, waiting: Arc<Mutex<Waiting>>) -> Result<()> {
    loop {
        let out = poll_fn(|cx| lock(&waiting).poll_out(cx)).await;
        send.write_chunk(out).await?;
    }
}

/// Hands the answers to those who wait for them.
async fn read_all(recv: RecvStream, waiting: Arc<Mutex<Waiting>>) -> Result<()> {
    let mut messages = Messages::of(recv);
    while messages.read(|id, body| lock(&waiting).answered(id, body)).await? {}
    Ok(())
}

#[derive(Clone)]
struct Asker {
    waiting: Arc<Mutex<Waiting>>,
    body: Bytes,
}

impl Ask for Asker {
    async fn ask(&self) -> Result<()> {
        let id = lock(&self.waiting).ask(&self.body);
        let answer = poll_fn(|cx| lock(&self.waiting).poll_answer(id, cx)).await;
        ensure!(answer == self.body, "another answer than the question");
        Ok(())
    }
}

/// What is to be sent, and who waits for what.
#[derive(Default)]
struct Waiting {
    out: BytesMut,
    /// The task that sends, while there is nothing to send.
    sender: Option<Waker>,
    /// By id: the ids of answered requests are used again.
    slots: Vec<Slot>,
    free: Vec<u32>,
}

enum Slot {
    Asked,
    Awaited(Waker),
    Answered(Bytes),
}

impl Waiting {
    /// Puts a question into the buffer, and says under which id.
    fn ask(&mut self, body: &[u8]) -> u32 {
        let id = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::Asked);
            self.slots.len() as u32 - 1
        });
        self.slots[id as usize] = Slot::Asked;
        put(&mut self.out, id, body);
        if let Some(sender) = self.sender.take() {
            sender.wake();
        }
        id
    }

    fn answered(&mut self, id: u32, body: Bytes) {
        let Some(slot) = self.slots.get_mut(id as usize) else { return };
        if let Slot::Awaited(waker) = std::mem::replace(slot, Slot::Answered(body)) {
            waker.wake();
        }
    }

    fn poll_answer(&mut self, id: u32, cx: &Context<'_>) -> Poll<Bytes> {
        let slot = &mut self.slots[id as usize];
        match std::mem::replace(slot, Slot::Awaited(cx.waker().clone())) {
            Slot::Answered(body) => {
                self.free.push(id);
                Poll::Ready(body)
            }
            Slot::Asked | Slot::Awaited(_) => Poll::Pending,
        }
    }

    fn poll_out(&mut self, cx: &Context<'_>) -> Poll<Bytes> {
        if self.out.is_empty() {
            self.sender = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(self.out.split().freeze())
    }
}

fn put(out: &mut BytesMut, id: u32, body: &[u8]) {
    out.reserve(HEAD_BYTES + body.len());
    out.put_u32(body.len() as u32);
    out.put_u32(id);
    out.put_slice(body);
}

/// Takes a stream apart into messages.
struct Messages {
    recv: RecvStream,
    chunks: [Bytes; CHUNKS],
    /// What came of a message that is not whole yet.
    begun: BytesMut,
}

impl Messages {
    fn of(recv: RecvStream) -> Self {
        Self { recv, chunks: [const { Bytes::new() }; CHUNKS], begun: BytesMut::new() }
    }

    /// Waits for bytes, and hands out each message that they complete; `false` at the end.
    async fn read(&mut self, mut take: impl FnMut(u32, Bytes)) -> Result<bool> {
        let Some(count) = self.recv.read_chunks(&mut self.chunks).await? else { return Ok(false) };
        for nth in 0..count {
            let mut arrived = std::mem::take(&mut self.chunks[nth]);
            if !self.begun.is_empty() {
                self.begun.put(arrived);
                arrived = self.begun.split().freeze();
            }
            while let Some((id, body)) = first_of(&mut arrived)? {
                take(id, body);
            }
            self.begun.put(arrived);
        }
        Ok(true)
    }
}

/// Cuts the first message off, where it is whole.
fn first_of(arrived: &mut Bytes) -> Result<Option<(u32, Bytes)>> {
    let Some(mut head) = arrived.get(..HEAD_BYTES) else { return Ok(None) };
    let bytes = usize::try_from(head.get_u32()).context("no length")?;
    let id = head.get_u32();
    ensure!(bytes <= BODY_MAX_BYTES, "a message of {bytes} bytes");
    if arrived.len() < HEAD_BYTES + bytes {
        return Ok(None);
    }
    arrived.advance(HEAD_BYTES);
    Ok(Some((id, arrived.split_to(bytes))))
}

fn lock(waiting: &Mutex<Waiting>) -> MutexGuard<'_, Waiting> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}
