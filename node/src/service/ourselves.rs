//! A request of the node to itself: the same rules, no stream, and a record like any other.

use std::sync::Arc;
use std::time::Instant;

use bothways_protocol::{Encoded, Event, Failure, Frames, Reply, Request};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::inbound::Recorded;
use super::rules::{Caller, Inbound};
use crate::client::{Ourselves, Outbound, OwnEvents, Watched};
use crate::session::{Answered, Begun, Entry, Events, More, Way};

/// The largest event, in bytes: its body has at most 60 KiB.
const EVENT_MAX_BYTES: usize = 64 * 1024;

impl Ourselves for Inbound {
    fn answer(self: Arc<Self>, request: Request) -> BoxFuture<'static, Result<Encoded, Failure>> {
        async move { self.answered(request, Way::Ourselves).await.answer }.boxed()
    }

    fn watch(self: Arc<Self>, request: Request) -> BoxFuture<'static, Watched> {
        async move {
            let Answered { answer, mut entry, events } =
                self.answered(request, Way::OwnStream).await;
            let result = answer?;
            entry.begin_events();
            let frames = Frames::new(EVENT_MAX_BYTES);
            let told: Box<dyn OwnEvents> = Box::new(Told { events, entry, frames, due: None });
            Ok((result, told))
        }
        .boxed()
    }
}

impl Inbound {
    async fn answered(self: &Arc<Self>, request: Request, way: Way) -> Answered<Recorded> {
        let Outbound { name, role, .. } = &*self.outbound;
        let caller = Caller { peer: name.clone(), role: *role, session: None, way };
        // No message crosses: what is held to the bounds are the params.
        let bytes = (request.params.bytes().len(), 0);
        let now = Instant::now();
        match self.begin_recorded(caller, request, bytes, (now, now), None) {
            Begun::Answered(answered) => answered,
            Begun::AtWork(work) => work.await,
        }
    }
}

/// A subscription of the node to itself: what a peer would read off a stream.
struct Told {
    /// `None` for a method that answers and tells nothing.
    events: Option<Box<dyn Events>>,
    entry: Recorded,
    frames: Frames,
    /// When a record of what was told is due.
    due: Option<Instant>,
}

impl Told {
    async fn next(&mut self) -> Option<Event> {
        loop {
            match self.frames.next_message() {
                Ok(Some(message)) => match Reply::decode(&message) {
                    Ok(Reply::Event(event)) => return Some(event),
                    // What this node has written itself, it can read.
                    _ => return None,
                },
                Ok(None) => {}
                Err(_) => return None,
            }
            let More::Events(bytes, count) = self.events.as_mut()?.next().await else {
                return None;
            };
            self.frames.push(bytes);
            self.due = self.entry.note_events(count).or(self.due);
            if self.due.take_if(|due| *due <= Instant::now()).is_some() {
                self.entry.record_events();
            }
        }
    }
}

impl OwnEvents for Told {
    fn next(&mut self) -> BoxFuture<'_, Option<Event>> {
        self.next().boxed()
    }
}
