//! Sessions without a node at the asking end: what it takes to hold thousands of them, or to keep
//! many busy from one thread. They say hello, and ask with a stream for each request.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use bothways::protocol::{
    Control, Encoded, Frames, Greeting, Method, Outgoing, PeerLimits, Request, Role, Trace, VERSION,
};
use bothways_certs::{DEFAULT_IDENTITY_LIFE, Identity, Trust};
use bytes::Bytes;
use quinn::{Connection, Endpoint, RecvStream, SendStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::methods::Echo;
use crate::cases::BODY_BYTES;
use crate::contender::quic;
use crate::end::{DRIVER, DriverJob};
use crate::load::{Ask, Load, Reading};

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
    connection: Connection,
    _control: (SendStream, RecvStream),
}

/// Asks over many sessions at once.
pub(super) async fn ask(job: &DriverJob, load: Load) -> Result<Reading> {
    let sessions = open(job, load.requests.sessions).await?;
    let params = Encoded::of(&Echo::of(BODY_BYTES))?;
    let asker = |session: &Session| Asker::of(session.connection.clone(), &params);
    load.run(sessions.iter().map(asker).collect::<Result<Vec<_>>>()?).await
}

/// Opens so many sessions, each under a name of its own.
pub(super) async fn open(job: &DriverJob, count: usize) -> Result<Vec<Session>> {
    let (endpoint, authority) = (quic::dialing()?, job.folder().authority()?);
    let (mut opening, mut sessions) = (JoinSet::new(), Vec::with_capacity(count));
    for nth in 0..count {
        let name = format!("{DRIVER}-{nth}").parse()?;
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

#[derive(Debug, Clone)]
struct Asker {
    connection: Connection,
    request: Bytes,
    params: Encoded,
}

impl Asker {
    fn of(connection: Connection, params: &Encoded) -> Result<Self> {
        let trace = Trace::new([1; 16], [1; 8]).context("no trace")?;
        let request = Request {
            method: Echo::NAME.parse()?,
            params: params.clone(),
            deadline: super::LONGEST,
            key: None,
            trace,
            attempt: 1,
            to: None,
            via: Vec::new(),
        };
        Ok(Self { connection, request: request.encode(), params: params.clone() })
    }
}

impl Ask for Asker {
    async fn ask(&self) -> Result<()> {
        let (mut send, mut recv) = self.connection.open_bi().await?;
        send.write_chunk(self.request.clone()).await?;
        send.finish()?;
        let answer = recv.read_to_end(MESSAGE_MAX_BYTES).await?;
        ensure!(answer.ends_with(self.params.bytes()), "another answer than the question");
        Ok(())
    }
}
