//! Many sessions without a node at the asking end, all of them asking from one thread: with a stream
//! for each request.

use anyhow::{Context, Result, ensure};
use bothways::protocol::{Encoded, Method, Outgoing, Request, Trace};
use bytes::Bytes;
use quinn::Connection;

use super::methods::Echo;
use super::{LONGEST, by_hand};
use crate::end::DriverJob;
use crate::load::{Ask, Load, Reading};

/// The longest answer that is read.
const ANSWER_MAX_BYTES: usize = 4096;

/// Opens the sessions, and asks on all of them at once.
pub(super) async fn ask(job: &DriverJob, load: Load) -> Result<Reading> {
    let sessions = by_hand::open(job, load.requests.sessions).await?;
    let asker = |session| Asker::of(session, load.requests.body_bytes);
    load.run(sessions.iter().map(asker).collect::<Result<Vec<_>>>()?).await
}

/// A request as a node would send it.
pub(super) fn request(method: &str, params: Encoded) -> Result<Request> {
    Ok(Request {
        method: method.parse()?,
        params,
        deadline: LONGEST,
        key: None,
        trace: Trace::new([1; 16], [1; 8]).context("no trace")?,
        attempt: 1,
        to: None,
        via: Vec::new(),
    })
}

/// Asks one session for what it says.
#[derive(Debug, Clone)]
pub(super) struct Asker {
    connection: Connection,
    request: Bytes,
    params: Encoded,
}

impl Asker {
    /// Asks for so many bytes back.
    pub(super) fn of(session: &by_hand::Session, body_bytes: usize) -> Result<Self> {
        let params = Encoded::of(&Echo::of(body_bytes))?;
        let request = request(Echo::NAME, params.clone())?.encode();
        Ok(Self { connection: session.connection.clone(), request, params })
    }
}

impl Ask for Asker {
    async fn ask(&self) -> Result<()> {
        let (mut send, mut recv) = self.connection.open_bi().await?;
        send.write_chunk(self.request.clone()).await?;
        send.finish()?;
        let answer = recv.read_to_end(ANSWER_MAX_BYTES).await?;
        ensure!(answer.ends_with(self.params.bytes()), "another answer than the question");
        Ok(())
    }
}
