//! What a node of a measurement answers, and how it is asked.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use bothways::Peer;
use bothways::domain::people::{CreatePerson, GetPerson};
use bothways::protocol::{Code, Effect, Failure, Method};
use bothways::service::{BytesInJson, Context, Ping, Pong, Router};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::Question;
use crate::case::Requests;
use crate::end::LISTENER;
use crate::load::{Ask, Load, Reading};

/// What stands around a text of 24 to 255 bytes: the map, the key, the text's head.
const AROUND_TEXT_BYTES: usize = 8;
/// What stands around 256 to 65,535 bytes.
const AROUND_BYTES: usize = 9;

/// Asks for the same text back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(super) struct Echo {
    body: String,
}

impl Echo {
    /// Params that take so many bytes when they are encoded.
    pub(super) fn of(encoded_bytes: usize) -> Self {
        Self { body: "x".repeat(encoded_bytes - AROUND_TEXT_BYTES) }
    }
}

impl Method for Echo {
    const NAME: &'static str = "bench.echo";
    const EFFECT: Effect = Effect::Reads;
    const ABOUT: &'static str = "Answers what it is asked with";
    type Result = Self;

    fn example() -> Self {
        Self::of(16)
    }
}

/// Asks for the same bytes back, which may be many.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
struct EchoBytes {
    #[schemars(with = "BytesInJson")]
    body: ByteBuf,
}

impl EchoBytes {
    /// Params that take so many bytes when they are encoded.
    fn of(encoded_bytes: usize) -> Self {
        Self { body: vec![b'x'; encoded_bytes - AROUND_BYTES].into() }
    }
}

impl Method for EchoBytes {
    const NAME: &'static str = "bench.echo_bytes";
    const EFFECT: Effect = Effect::Reads;
    const ABOUT: &'static str = "Answers what it is asked with";
    const MESSAGE_BYTES: usize = 1024 * 1024;
    type Result = Self;

    fn example() -> Self {
        Self::of(16)
    }
}

/// Asks a node to ask another, from inside a handler.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(super) struct Drive {
    pub(super) whom: Whom,
    pub(super) question: Question,
    pub(super) load: Load,
}

/// Whom a handler asks.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
pub(super) enum Whom {
    Listener,
    /// Whoever asked it, over the session that this came on.
    Caller,
}

impl Method for Drive {
    const NAME: &'static str = "bench.drive";
    const EFFECT: Effect = Effect::Reads;
    const ABOUT: &'static str = "Asks another node, and says how fast it answered";
    type Result = Reading;

    fn example() -> Self {
        let (warm_up, window) = (Duration::from_secs(1), Duration::from_secs(1));
        let requests = Requests { sessions: 1, in_flight: 1, body_bytes: 64, warm_up, window };
        let load = Load { requests, answering: 1 };
        Self { whom: Whom::Caller, question: Question::Ping, load }
    }
}

#[derive(Debug)]
struct Bench;

/// What both nodes answer.
pub(super) fn routes() -> Router {
    let bench = Arc::new(Bench);
    Router::default()
        .on(&bench, Bench::echo) // bench.echo
        .on(&bench, Bench::echo_bytes) // bench.echo_bytes
        .on(&bench, Bench::drive) // bench.drive
}

impl Bench {
    #[allow(clippy::unused_async, reason = "a handler is an async method")]
    async fn echo(&self, _: Context, echo: Echo) -> Result<Echo, Failure> {
        Ok(echo)
    }

    #[allow(clippy::unused_async, reason = "a handler is an async method")]
    async fn echo_bytes(&self, _: Context, echo: EchoBytes) -> Result<EchoBytes, Failure> {
        Ok(echo)
    }

    async fn drive(&self, context: Context, drive: Drive) -> Result<Reading, Failure> {
        let failed = |problem: String| Failure::new(Code::Internal, problem);
        let peer = match drive.whom {
            Whom::Listener => LISTENER.parse().ok().and_then(|listener| context.ask(&listener)),
            Whom::Caller => context.caller(),
        };
        let peer = peer.ok_or_else(|| failed("nobody to ask".to_owned()))?;
        let driving = async {
            let body_bytes = drive.load.requests.body_bytes;
            drive.load.run([Asker::of(peer, drive.question, body_bytes).await?]).await
        };
        driving.await.map_err(|error| failed(format!("{error:#}")))
    }
}

/// A peer, and what it is asked.
#[derive(Debug, Clone)]
pub(super) struct Asker {
    peer: Peer,
    params: Params,
}

#[derive(Debug, Clone)]
enum Params {
    Text(Echo),
    Bytes(EchoBytes),
    Ping,
    Person(GetPerson),
    NewPerson(CreatePerson),
}

impl Asker {
    pub(super) async fn of(peer: Peer, question: Question, body_bytes: usize) -> Result<Self> {
        let params = match (question, body_bytes) {
            (Question::Echo, ..=0xff) => Params::Text(Echo::of(body_bytes)),
            (Question::Echo, _) => Params::Bytes(EchoBytes::of(body_bytes)),
            (Question::Ping, _) => Params::Ping,
            (Question::NewPerson, _) => Params::NewPerson(ann()?),
            (Question::Events, _) => bail!("those who are told ask for nothing"),
            (Question::Person, _) => {
                let ann = ann()?;
                Params::Person(GetPerson { id: peer.request(ann).await?.id })
            }
        };
        Ok(Self { peer, params })
    }
}

impl Ask for Asker {
    async fn ask(&self) -> Result<()> {
        let same = match &self.params {
            Params::Text(echo) => self.peer.request(echo.clone()).await? == *echo,
            Params::Bytes(echo) => self.peer.request(echo.clone()).await? == *echo,
            Params::Ping => self.peer.request(Ping {}).await? == Pong {},
            Params::NewPerson(new) => self.peer.request(new.clone()).await?.name == new.name,
            Params::Person(get) => self.peer.request(get.clone()).await?.id == get.id,
        };
        ensure!(same, "another answer than the question");
        Ok(())
    }
}

fn ann() -> Result<CreatePerson> {
    Ok(CreatePerson { name: "Ann".parse()?, title: None })
}

#[cfg(test)]
mod tests {
    use bothways::protocol::Encoded;

    use super::*;

    #[test]
    fn params_take_the_bytes_that_were_asked_for() {
        assert_eq!(Encoded::of(&Echo::of(64)).unwrap().bytes().len(), 64);
        assert_eq!(Encoded::of(&EchoBytes::of(65_536)).unwrap().bytes().len(), 65_536);
    }
}
