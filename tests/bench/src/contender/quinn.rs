//! Bare quinn: what bothways stands on, a stream per request, bytes in and the same bytes out.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail, ensure};
use bothways_certs::{Identity, Trust};
use bytes::Bytes;
use quinn::{Connection, Endpoint, Incoming, RecvStream, SendStream, VarInt};

use super::quic::{self, Connections};
use super::{BETWEEN_STARTS, Listening};
use crate::case::Work;
use crate::cases::BODY_BYTES;
use crate::end::{DRIVER, DriverJob, Setting, one_thread};
use crate::load::{Ask, Reading, Times};

/// The largest body that is read.
const BODY_MAX_BYTES: usize = 1024 * 1024;

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

/// Answers every stream of a connection, each in a task of its own.
async fn echo_all(incoming: Incoming) {
    let Ok(connection) = incoming.await else { return };
    while let Ok((send, recv)) = connection.accept_bi().await {
        tokio::spawn(echo(send, recv));
    }
}

async fn echo(mut send: SendStream, mut recv: RecvStream) -> Result<()> {
    let body = recv.read_to_end(BODY_MAX_BYTES).await?;
    send.write_all(&body).await?;
    Ok(send.finish()?)
}

pub(super) async fn drive(job: &DriverJob) -> Result<Reading> {
    match job.work {
        Work::Requests(requests) => {
            let (identity, trust) = (job.folder().identity(DRIVER)?, job.folder().trust()?);
            let (_endpoint, mut asker) = connect(&identity, &trust, job.address).await?;
            asker.body = body(requests.body_bytes);
            job.load(requests).run([asker]).await
        }
        Work::Starts { count } => starts(job, count),
        Work::IdleSessions { .. } => bail!("bare quinn has no sessions"),
        Work::FanOut(_) => bail!("it tells nobody: quinn with a stream each does"),
    }
}

/// Connects from nothing, as a node that starts does: a thread, a runtime, a socket.
fn starts(job: &DriverJob, count: usize) -> Result<Reading> {
    let (times, mut in_all) = (Times::new()?, Duration::ZERO);
    for nth in 0..count {
        let identity = job.folder().identity(&format!("{DRIVER}-{nth}"))?;
        let (trust, address) = (job.folder().trust()?, job.address);
        let began = Instant::now();
        let connecting = thread::spawn(move || -> Result<Duration> {
            one_thread()?.block_on(async {
                let (endpoint, asker) = connect(&identity, &trust, address).await?;
                asker.ask().await?;
                let took = began.elapsed();
                endpoint.close(VarInt::from_u32(0), b"");
                drop(asker);
                // Says the close; what would follow is silence.
                tokio::time::sleep(BETWEEN_STARTS).await;
                Ok(took)
            })
        });
        let took = connecting.join().map_err(|_| anyhow!("the connecting thread panicked"))??;
        times.take(took);
        in_all += took;
    }
    Ok(times.reading(in_all))
}

async fn connect(
    identity: &Identity,
    trust: &Trust,
    address: SocketAddr,
) -> Result<(Endpoint, Asker)> {
    let endpoint = quic::dialing()?;
    let connection = quic::dial(&endpoint, identity, trust, address).await?;
    Ok((endpoint, Asker { connection, body: body(BODY_BYTES) }))
}

fn body(bytes: usize) -> Bytes {
    vec![b'x'; bytes].into()
}

#[derive(Clone)]
struct Asker {
    connection: Connection,
    body: Bytes,
}

impl Ask for Asker {
    async fn ask(&self) -> Result<()> {
        let (mut send, mut recv) = self.connection.open_bi().await?;
        send.write_all(&self.body).await?;
        send.finish()?;
        let answer = recv.read_to_end(BODY_MAX_BYTES).await?;
        ensure!(answer == self.body, "another answer than the question");
        Ok(())
    }
}
