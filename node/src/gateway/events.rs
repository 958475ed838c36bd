//! Streams of events to a browser (server-sent events, HTML §9.2): bounded in number, and ended
//! with the gateway.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{Stream, StreamExt};
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;

use super::Desk;
use super::problem::Problem;

/// Streams at the same time, of all browsers and programs.
pub(super) const STREAMS_MAX: usize = 64;
/// How often something is said where nothing happens: it shows that the node is there, and finds
/// out that the browser is gone.
const ALIVE_EVERY: Duration = Duration::from_secs(5);

/// A place for one stream, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    _permit: OwnedSemaphorePermit,
}

impl Place {
    /// Takes one, if there is one.
    pub(super) fn take(desk: &Desk) -> Result<Self, Problem> {
        let place = desk.streams.clone().try_acquire_owned();
        place.map(|_permit| Self { _permit }).map_err(|_| Problem::crowded(STREAMS_MAX))
    }
}

/// Answers with these events, for as long as they come, the browser listens and the node runs.
pub(super) fn answer(
    desk: &Arc<Desk>,
    place: Place,
    events: impl Stream<Item = Event> + Send + 'static,
) -> Response {
    let stop = desk.stop.clone();
    let events: Pin<Box<dyn Stream<Item = Event> + Send>> = Box::pin(events);
    let events = events.take_until(async move { stop.cancelled().await });
    let events = events.map(move |event| {
        // The place is free again when the stream is dropped.
        let _ = &place;
        Ok::<_, Infallible>(event)
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(ALIVE_EVERY)).into_response()
}

/// An event of this kind with this JSON.
pub(super) fn event(kind: &'static str, data: &impl Serialize) -> Event {
    // What is sent here always is JSON; an event without data is passed over.
    Event::default().event(kind).json_data(data).unwrap_or_default()
}
