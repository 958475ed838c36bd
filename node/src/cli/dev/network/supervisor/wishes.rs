//! What the teller of a story wishes of the network that it is told in.

use std::time::Duration;

use anyhow::{Context, anyhow};
use bothways_protocol::NodeName;
use tokio::sync::{mpsc, oneshot};

use super::{Network, STOP_TIMEOUT};
use crate::cli::dev::script::Answer;
use crate::cli::dev::topology::Call;
use crate::cli::{Exit, Result, Trouble};

/// What a node may take for a request: 10 s until it has a session, 10 s until the deadline, and
/// some more.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(25);
/// How a node has ended that is away.
const AWAY: &str = "away";

/// One wish, and where to say how it went.
#[derive(Debug)]
pub(in crate::cli::dev) enum Wish {
    Ask(NodeName, Call, oneshot::Sender<Result<Answer>>),
    Leave(NodeName, oneshot::Sender<Result>),
    ComeBack(NodeName, oneshot::Sender<Result>),
    Warn(NodeName, String, oneshot::Sender<Result>),
}

/// Takes wishes to the network, one at a time.
#[derive(Debug)]
pub(in crate::cli::dev) struct Wishes(mpsc::Sender<Wish>);

impl Wishes {
    /// Wishes, and where they arrive.
    pub(in crate::cli::dev) fn new() -> (Self, mpsc::Receiver<Wish>) {
        let (wishes, arrive) = mpsc::channel(1);
        (Self(wishes), arrive)
    }

    /// Has a node ask another one.
    pub(in crate::cli::dev) async fn ask(&self, node: &NodeName, call: Call) -> Result<Answer> {
        self.wish(|done| Wish::Ask(node.clone(), call, done)).await
    }

    /// Stops a node.
    pub(in crate::cli::dev) async fn leave(&self, node: &NodeName) -> Result {
        self.wish(|done| Wish::Leave(node.clone(), done)).await
    }

    /// Starts a node again that has been stopped.
    pub(in crate::cli::dev) async fn come_back(&self, node: &NodeName) -> Result {
        self.wish(|done| Wish::ComeBack(node.clone(), done)).await
    }

    /// Leaves a warning about a node in the log.
    pub(in crate::cli::dev) async fn warn(&self, node: &NodeName, what: &str) {
        // Where the log takes no more, nothing can be said there.
        let _ = self.wish(|done| Wish::Warn(node.clone(), what.to_owned(), done)).await;
    }

    async fn wish<T>(&self, wish: impl FnOnce(oneshot::Sender<Result<T>>) -> Wish) -> Result<T> {
        let (done, told) = oneshot::channel();
        let gone = || anyhow!("the network has ended");
        self.0.send(wish(done)).await.map_err(|_| gone())?;
        told.await.map_err(|_| gone())?
    }
}

impl Network {
    /// Does what is wished. Whoever wished it and has gone does not need to know how it went.
    pub(super) async fn fulfil(&mut self, wish: Wish) {
        match wish {
            Wish::Ask(node, call, done) => _ = done.send(self.ask(&node, &call).await),
            Wish::Leave(node, done) => _ = done.send(self.leave(&node).await),
            Wish::ComeBack(node, done) => _ = done.send(self.come_back(&node).await),
            Wish::Warn(node, what, done) => _ = done.send(self.tell(&node, "WARN", &what)),
        }
    }

    async fn ask(&mut self, node: &NodeName, call: &Call) -> Result<Answer> {
        let at = self.place(node.as_str())?;
        let asking = self.children[at].ask(call);
        let late = || Trouble::new(Exit::Failed, format!("{node} gives no answer"));
        tokio::time::timeout(ANSWER_TIMEOUT, asking).await.map_err(|_| late())?
    }

    async fn leave(&mut self, node: &NodeName) -> Result {
        let at = self.place(node.as_str())?;
        self.tell(node, "INFO", "goes away")?;
        self.children[at].stop(STOP_TIMEOUT).await.context("cannot wait for the node")?;
        self.state.nodes[at].ended = Some(AWAY.to_owned());
        self.write_state()
    }

    /// Where somebody has restarted it meanwhile, it is back.
    async fn come_back(&mut self, node: &NodeName) -> Result {
        let at = self.place(node.as_str())?;
        if self.children[at].runs() {
            return Ok(());
        }
        self.tell(node, "INFO", "comes back")?;
        self.start_again(at).await
    }
}
