//! Sessions without a node at the asking end, which say hello and nothing more by themselves: what it
//! takes to hold thousands of them, or to keep many busy from one thread.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use bothways::protocol::{Control, Frames, Greeting, Outgoing, PeerLimits, Role, VERSION};
use bothways_certs::{DEFAULT_IDENTITY_LIFE, Identity, Trust};
use quinn::{Connection, Endpoint, RecvStream, SendStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::contender::quic;
use crate::end::{DRIVER, DriverJob};

/// How many sessions are opened at once: fewer than a node lets one address have half open.
const OPENING: usize = 32;
/// How long a welcome may take.
const WELCOME: Duration = Duration::from_secs(5);
/// How often one session is dialed at the most.
const TRIES: usize = 3;
/// The longest message that is read.
const MESSAGE_MAX_BYTES: usize = 4096;

/// A session, as long as this is kept.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) connection: Connection,
    _control: (SendStream, RecvStream),
}

/// Opens so many sessions, each under a name of its own.
pub(super) async fn open(job: &DriverJob, count: usize) -> Result<Vec<Session>> {
    open_as(DRIVER, job, count).await
}

/// Opens so many sessions, under names that begin so.
pub(super) async fn open_as(who: &str, job: &DriverJob, count: usize) -> Result<Vec<Session>> {
    let (endpoint, authority) = (quic::dialing()?, job.folder().authority()?);
    let (mut opening, mut sessions) = (JoinSet::new(), Vec::with_capacity(count));
    for nth in 0..count {
        let name = format!("{who}-{nth}").parse()?;
        let identity = authority.issue(&name, DEFAULT_IDENTITY_LIFE)?;
        let (endpoint, trust, job) = (endpoint.clone(), authority.trust(), job.clone());
        opening.spawn(async move { dial(&endpoint, &identity, &trust, &job).await });
        if opening.len() == OPENING {
            sessions.extend(opening.join_next().await.transpose()?.transpose()?);
        }
    }
    while let Some(session) = opening.join_next().await {
        sessions.push(session??);
    }
    Ok(sessions)
}

/// Dials again where there is no welcome in time, as a node does: quinn takes some Initials that
/// follow a Retry for packets of another connection, more of them the more connections there are.
async fn dial(
    endpoint: &Endpoint,
    identity: &Identity,
    trust: &Trust,
    job: &DriverJob,
) -> Result<Session> {
    for _ in 1..TRIES {
        let greeting = timeout(WELCOME, greet(endpoint, identity, trust, job));
        if let Ok(Ok(session)) = greeting.await {
            return Ok(session);
        }
    }
    greet(endpoint, identity, trust, job).await
}

async fn greet(
    endpoint: &Endpoint,
    identity: &Identity,
    trust: &Trust,
    job: &DriverJob,
) -> Result<Session> {
    let connection = quic::dial(endpoint, identity, trust, job.address).await?;
    let (mut send, mut recv) = connection.open_bi().await?;
    let hello = Control::Hello(Greeting {
        version: VERSION,
        name: identity.name().clone(),
        role: Role::Peer,
        boot_ms: 1,
        agent: "bench".to_owned(),
        features: Vec::new(),
        limits: PeerLimits { in_flight: 64, message_bytes: 65_536 },
    });
    send.write_chunk(hello.encode()).await?;
    let mut frames = Frames::new(MESSAGE_MAX_BYTES);
    let welcome = loop {
        match frames.next_message()? {
            Some(message) => break Control::decode(&message)?,
            None => {
                let chunk = recv.read_chunk(MESSAGE_MAX_BYTES, true).await?;
                frames.push(chunk.context("no welcome")?.bytes);
            }
        }
    };
    let Control::Welcome(_) = welcome else { bail!("{welcome:?} where a welcome was due") };
    Ok(Session { connection, _control: (send, recv) })
}
