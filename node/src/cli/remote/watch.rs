//! Subscriptions of the command line: events are shown or handed to a command, then acknowledged.

use std::pin::pin;
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
        match timeout(LAST_WORD, feed.acknowledge(&note)).await {
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
                    feed.acknowledge(&note).await.map_err(tell)?;
                }
                left = left.map(|left| left - 1);
            }
            Came::State(state) => feed.peer.note(&state, &note),
            Came::Late => feed.acknowledge(&note).await.map_err(tell)?,
        }
        // The others come first next time: one that has much to tell holds up none of them.
        feeds.rotate_left(at + 1);
    }
    Ok(())
}

/// One subscription, and what of it is to be acknowledged.
struct One {
    subscription: Subscription,
    peer: Presence,
    durable: bool,
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
        let peer = Presence::of(peer, service, &subscription);
        Self { subscription, peer, durable, done: None }
    }

    async fn next(&mut self) -> Came {
        let late = self.done.as_ref().map(|(_, since)| *since + ACKNOWLEDGE_WITHIN);
        tokio::select! {
            biased;
            Some(state) = self.peer.changed() => Came::State(state),
            () = sleep_until(late.unwrap_or_else(Instant::now).into()), if late.is_some() => Came::Late,
            event = self.subscription.next() => Came::Event(event),
        }
    }

    fn note_done(&mut self, event: Event) {
        if self.durable || self.peer.wants_each {
            let since = self.done.take().map_or_else(Instant::now, |(_, since)| since);
            self.done = Some((event, since));
        }
    }

    /// Acknowledges what was dealt with, however long the peer is away, and says that it is.
    async fn acknowledge(&mut self, note: impl Fn(&str)) -> std::result::Result<(), RequestError> {
        if let Some((event, _)) = &self.done {
            let acknowledging = self.subscription.acknowledge(event);
            self.peer.note_during(acknowledging, note).await?;
        }
        self.done = None;
        Ok(())
    }
}

/// Whether the peer is there that is watched, as far as the user was told.
struct Presence {
    peer: NodeName,
    service: String,
    state: Receiver<SubscriptionState>,
    /// Whether the service wants each event acknowledged.
    wants_each: bool,
    waits: bool,
}

impl Presence {
    fn of(peer: &NodeName, service: &str, subscription: &Subscription) -> Self {
        let (peer, service, state) = (peer.clone(), service.to_owned(), subscription.state());
        Self { peer, service, state, wants_each: false, waits: false }
    }

    /// Waits for the next state; `None` when there will be none.
    async fn changed(&mut self) -> Option<SubscriptionState> {
        self.state.changed().await.ok()?;
        Some(self.state.borrow_and_update().clone())
    }

    /// Notes what becomes of the peer while something is done.
    async fn note_during<T>(&mut self, done: impl Future<Output = T>, note: impl Fn(&str)) -> T {
        let mut done = pin!(done);
        loop {
            tokio::select! {
                biased;
                Some(state) = self.changed() => self.note(&state, &note),
                done = &mut done => return done,
            }
        }
    }

    fn note(&mut self, state: &SubscriptionState, note: impl Fn(&str)) {
        let Self { peer, service, .. } = self;
        match state {
            SubscriptionState::Live { acknowledge, .. } => {
                self.wants_each = *acknowledge;
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
