//! What other commands ask of a supervisor: a socket in the network's folder, on which one line is
//! asked and one is answered.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, anyhow};
use bothways_protocol::NodeName;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::timeout;

use crate::cli::{Exit, Result, Trouble};

/// The longest line that is read, in bytes.
const LINE_MAX_BYTES: u64 = 4 * 1024;
/// How long an asker may take to say what it wants.
const ASK_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a restart may take: the old node's stop and the new one's start.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(45);
const DONE: &str = "done";

/// Where other commands ask.
#[derive(Debug)]
pub(super) struct Requests(UnixListener);

/// The wish to restart a node.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) node: String,
    stream: UnixStream,
}

impl Requests {
    pub(super) fn at(path: &Path) -> Result<Self> {
        let bound = UnixListener::bind(path);
        Ok(Self(bound.with_context(|| format!("cannot make {}", path.display()))?))
    }

    /// Waits for the next wish; cancelling the wait turns away an asker who is still speaking.
    pub(super) async fn next(&self) -> Asked {
        loop {
            // An asker that cannot be accepted, or says nothing, sees its connection end.
            let Ok((mut stream, _)) = self.0.accept().await else {
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let mut node = String::new();
            let mut reader = BufReader::new((&mut stream).take(LINE_MAX_BYTES));
            if let Ok(Ok(1..)) = timeout(ASK_TIMEOUT, reader.read_line(&mut node)).await {
                return Asked { node: node.trim_end().to_owned(), stream };
            }
        }
    }
}

impl Asked {
    /// Says how it went.
    pub(super) async fn answer(mut self, done: &Result) {
        let line = match done {
            Ok(()) => format!("{DONE}\n"),
            Err(trouble) => format!("{}\n", trouble.in_a_line()),
        };
        // An asker that has gone does not need it.
        let _ = timeout(ASK_TIMEOUT, self.stream.write_all(line.as_bytes())).await;
    }
}

/// Asks the supervisor behind this socket to restart a node, and waits until it has.
pub(in crate::cli::dev) async fn ask_to_restart(path: &Path, node: &NodeName) -> Result {
    let asking = async {
        let mut stream = UnixStream::connect(path).await?;
        stream.write_all(format!("{node}\n").as_bytes()).await?;
        let mut answer = String::new();
        stream.take(LINE_MAX_BYTES).read_to_string(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    let answer = timeout(ANSWER_TIMEOUT, asking).await;
    let answer = answer.map_err(|_| anyhow!("the supervisor takes too long"))?;
    match answer.context("the supervisor does not answer")?.trim_end() {
        DONE => Ok(()),
        "" => Err(Trouble::new(Exit::Failed, "the supervisor was busy: try again")),
        trouble => Err(Trouble::new(Exit::Failed, trouble)),
    }
}
