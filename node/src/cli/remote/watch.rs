//! Subscriptions of the command line: events are shown or handed to a command, then acknowledged.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::Context;
use bothways::config::Plan;
use bothways::service::Router;
use bothways::{Node, RequestError, Subscription, SubscriptionState};
use bothways_protocol::{Cursor, Event, NodeName, Watch};
use futures_util::FutureExt;
use futures_util::future::select_all;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::sync::watch::Receiver;
use tokio::time::{sleep_until, timeout};

use super::{Signals, start, tell};
use crate::cli::watch::line;
use crate::cli::{Exit, Result, Trouble};

/// How late an event that was shown is acknowledged at the latest.
const ACKNOWLEDGE_WITHIN: Duration = Duration::from_secs(1);
/// What the end waits for the last acknowledgement.
const LAST_WORD: Duration = Duration::from_secs(2);

/// What to watch.
#[derive(Debug)]
pub(in crate::cli) struct Watching {
    pub(in crate::cli) plan: Plan,
    pub(in crate::cli) peer: NodeName,
    pub(in crate::cli) services: Vec<(String, Watch)>,
    pub(in crate::cli) then: Then,
    pub(in crate::cli) count: Option<u64>,
}

/// What becomes of an event.
#[derive(Debug)]
pub(in crate::cli) enum Then {
    /// It is shown.
    Show,
    /// This command deals with it.
    Run(String),
}

/// Watches until so many events have come, or a signal.
pub(in crate::cli) async fn watch(
    watching: Watching,
    show: impl Fn(&Event) -> Result,
    note: impl Fn(&str),
) -> Result {
    let mut signals = Signals::new()?;
    let Watching { plan, peer, services, then, count } = watching;
    let node = start(plan, Router::default()).await?;
    let mut feeds: Vec<_> = services
        .into_iter()
        .map(|(service, watch)| One::begin(&node, &peer, &service, watch))
        .collect();
    let ended = tokio::select! {
        _ = signals.next() => Ok(()),
        ended = follow(&mut feeds, &then, count, show, &note) => ended,
    };
    for feed in &mut feeds {
        match timeout(LAST_WORD, feed.acknowledge()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => note("what was shown last is not acknowledged: it comes again"),
        }
    }
    drop(feeds);
    node.stop().await;
    ended
}

async fn follow(
    feeds: &mut [One],
    then: &Then,
    count: Option<u64>,
    show: impl Fn(&Event) -> Result,
    note: impl Fn(&str),
) -> Result {
    let mut left = count;
    while left != Some(0) {
        let (came, at, _) = select_all(feeds.iter_mut().map(|feed| feed.next().boxed())).await;
        let feed = &mut feeds[at];
        match came {
            Came::Event(event) => {
                let event = event.map_err(tell)?;
                match then {
                    Then::Show => show(&event)?,
                    Then::Run(command) => run(command, &event).await?,
                }
                feed.note_done(event);
                if matches!(then, Then::Run(_)) || !feed.durable {
                    feed.acknowledge().await.map_err(tell)?;
                }
                left = left.map(|left| left - 1);
            }
            Came::State(state) => feed.note_state(&state, &note),
            Came::Late => feed.acknowledge().await.map_err(tell)?,
        }
        // The others come first next time: one that has much to tell holds up none of them.
        feeds.rotate_left(at + 1);
    }
    Ok(())
}

/// One subscription, and what of it is to be acknowledged.
struct One {
    peer: NodeName,
    service: String,
    subscription: Subscription,
    state: Receiver<SubscriptionState>,
    durable: bool,
    /// Whether the service wants each event acknowledged.
    each: bool,
    waits: bool,
    /// The last event that was dealt with, and when the first of those was that are not
    /// acknowledged.
    done: Option<(Event, Instant)>,
}

enum Came {
    Event(std::result::Result<Event, RequestError>),
    State(SubscriptionState),
    /// What was shown is to be acknowledged.
    Late,
}

impl One {
    fn begin(node: &Node, peer: &NodeName, service: &str, watch: Watch) -> Self {
        let durable = watch.durable.is_some();
        let subscription = node.peer(peer.as_str()).fail_fast().subscribe(service, watch);
        let (peer, service, state) = (peer.clone(), service.to_owned(), subscription.state());
        let (each, waits, done) = (false, false, None);
        Self { peer, service, subscription, state, durable, each, waits, done }
    }

    async fn next(&mut self) -> Came {
        let late = self.done.as_ref().map(|(_, since)| *since + ACKNOWLEDGE_WITHIN);
        tokio::select! {
            biased;
            Ok(()) = self.state.changed() => Came::State(self.state.borrow_and_update().clone()),
            () = sleep_until(late.unwrap_or_else(Instant::now).into()), if late.is_some() => Came::Late,
            event = self.subscription.next() => Came::Event(event),
        }
    }

    fn note_state(&mut self, state: &SubscriptionState, note: impl Fn(&str)) {
        let Self { peer, service, .. } = self;
        match state {
            SubscriptionState::Live { acknowledge, .. } => {
                self.each = *acknowledge;
                if self.waits {
                    note(&format!("{peer} is back: {service} is watched on"));
                }
                self.waits = false;
            }
            SubscriptionState::Waiting { why } if !self.waits => {
                note(&format!("waiting for {peer} to watch {service} on: {why}"));
                self.waits = true;
            }
            _ => {}
        }
    }

    fn note_done(&mut self, event: Event) {
        if self.durable || self.each {
            let since = self.done.take().map_or_else(Instant::now, |(_, since)| since);
            self.done = Some((event, since));
        }
    }

    async fn acknowledge(&mut self) -> std::result::Result<(), RequestError> {
        if let Some((event, _)) = &self.done {
            self.subscription.acknowledge(event).await?;
            self.done = None;
        }
        Ok(())
    }
}

/// Has a command deal with an event.
async fn run(command: &str, event: &Event) -> Result {
    let cursor = Cursor::of_bytes(event.cursor.clone())?.to_string();
    let mut child = Command::new("sh")
        .args(["-c", command])
        .env("BOTHWAYS_TOPIC", &event.topic)
        .env("BOTHWAYS_CURSOR", &cursor)
        .stdin(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("cannot run sh")?;
    if let Some(mut stdin) = child.stdin.take() {
        // A command that does not read what it is given may still do what it should.
        let _ = stdin.write_all(format!("{}\n", line(event)?).as_bytes()).await;
    }
    let status = child.wait().await.context("cannot wait for the command")?;
    if status.success() {
        return Ok(());
    }
    let what = format!("the command failed ({status}) with {} {cursor}", event.topic);
    Err(Trouble::new(Exit::Failed, what).with_hint(
        "the event is not acknowledged: it comes again where the subscription is durable",
    ))
}
