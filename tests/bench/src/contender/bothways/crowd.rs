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
    let params = Encoded::of(&Echo::of(load.requests.body_bytes))?;
    let request = request(params.clone())?.encode();
    load.run(sessions.iter().map(|session| Asker {
        connection: session.connection.clone(),
        request: request.clone(),
        params: params.clone(),
    }))
    .await
}

fn request(params: Encoded) -> Result<Request> {
    Ok(Request {
        method: Echo::NAME.parse()?,
        params,
        deadline: LONGEST,
        key: None,
        trace: Trace::new([1; 16], [1; 8]).context("no trace")?,
        attempt: 1,
        to: None,
        via: Vec::new(),
    })
}

#[derive(Debug, Clone)]
struct Asker {
    connection: Connection,
    request: Bytes,
    params: Encoded,
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
