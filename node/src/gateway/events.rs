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

use super::Desk;
use super::problem::Problem;

/// Streams at the same time, of all browsers and programs.
pub(super) const STREAMS_MAX: usize = 64;
/// How often something is said where nothing happens: it shows that the node is there, and finds
/// out that the browser is gone.
const ALIVE_EVERY: Duration = Duration::from_secs(5);

/// Answers with these events, for as long as they come, the browser listens and the node runs.
pub(super) fn answer(
    desk: &Arc<Desk>,
    events: impl Stream<Item = Event> + Send + 'static,
) -> Result<Response, Problem> {
    let place = desk.streams.clone().try_acquire_owned();
    let place = place.map_err(|_| Problem::crowded(STREAMS_MAX))?;
    let stop = desk.stop.clone();
    let events: Pin<Box<dyn Stream<Item = Event> + Send>> = Box::pin(events);
    let events = events.take_until(async move { stop.cancelled().await });
    let events = events.map(move |event| {
        // The place is free again when the stream is dropped.
        let _ = &place;
        Ok::<_, Infallible>(event)
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(ALIVE_EVERY)).into_response())
}

/// An event of this kind with this JSON.
pub(super) fn event(kind: &'static str, data: &impl Serialize) -> Event {
    // What is sent here always is JSON; an event without data is passed over.
    Event::default().event(kind).json_data(data).unwrap_or_default()
}
