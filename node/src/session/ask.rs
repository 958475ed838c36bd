//! The asking side of a session: a place among the requests in flight, and a stream or the lane.

use std::sync::atomic::Ordering;
use std::time::Instant;

use bothways_protocol::{Request, ResetCode};
use thiserror::Error;
use tokio::sync::SemaphorePermit;

use super::lane::Flight;
use super::{Inner, OpenStream, Session, Stage};
use crate::transport::{MessageReader, MessageWriter};

/// How many requests a session has issued before it opens a lane.
const LANE_FROM: u64 = 8;

/// What a request is begun for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Itself.
    Own,
    /// A handler, for the request that it answers.
    Handler,
}

/// A request could not be begun on this session: nothing of it has been sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the session takes no more requests")]
pub(crate) struct Refused;

/// A stream for one request, and the place among those in flight that it takes.
#[derive(Debug)]
pub(crate) struct RequestStream {
    pub(crate) writer: MessageWriter,
    pub(crate) reader: MessageReader,
    place: Option<Place>,
    listening: Option<Listening>,
    _open: OpenStream,
}

impl RequestStream {
    /// Gives its place back: a subscription that has begun needs none.
    pub(crate) fn leave_place(&mut self) {
        if let Some(place) = self.place.take() {
            self.listening = Some(Listening::on(place.0.clone()));
        }
    }

    /// Tells the peer why nobody waits for its answer any more.
    pub(crate) fn give_up(&mut self, code: ResetCode) {
        self.writer.give_up(code);
        self.reader.stop(code);
    }
}

/// A place among the requests in flight, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place(Session);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.inner.permits.add_permits(1);
        // It may have been the last one.
        if self.0.is_draining() {
            self.0.inner.due.notify_one();
        }
    }
}

/// A subscription that is live.
#[derive(Debug)]
struct Listening(Session);

impl Listening {
    fn on(session: Session) -> Self {
        session.inner.listening.fetch_add(1, Ordering::Relaxed);
        Self(session)
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.inner.listening.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Session {
    /// Opens a stream for a request that has its place among those in flight.
    pub(crate) async fn open(
        &self,
        place: Place,
        cause: Cause,
        max_bytes: usize,
    ) -> Result<RequestStream, Refused> {
        let (send, recv) = self.inner.connection.open_bi().await.map_err(|_| Refused)?;
        if !self.takes(self.stage(), cause) {
            MessageWriter::new(send).reset(ResetCode::Cancelled);
            return Err(Refused);
        }
        Ok(RequestStream {
            writer: MessageWriter::new(send),
            reader: MessageReader::new(recv, max_bytes, &self.inner.assembly),
            place: Some(place),
            listening: None,
            _open: OpenStream::on(self),
        })
    }

    /// Begins a request on the session's lane; `None` where it is none for a lane, or there is no
    /// lane yet.
    pub(crate) fn lane(&self, request: &Request, deadline: Instant) -> Option<Flight> {
        let Inner { facts, connection, path, lane, requests_out, due, .. } = &*self.inner;
        let max_bytes = facts.lane_message_bytes?;
        let nth = requests_out.load(Ordering::Relaxed);
        if request.params.bytes().len() > max_bytes || !path.suits_a_lane(connection, nth) {
            return None;
        }
        let Some(lane) = lane.get() else {
            if self.wants_a_lane() {
                due.notify_one();
            }
            return None;
        };
        lane.ask(request, deadline)
    }

    /// Whether so much is asked that a lane is worth its memory.
    pub(super) fn wants_a_lane(&self) -> bool {
        self.inner.requests_out.load(Ordering::Relaxed) >= LANE_FROM
            && self.inner.facts.lane_message_bytes.is_some()
    }

    /// Takes a place among the requests in flight. Where none is free, it waits for as long as one
    /// is of use.
    pub(crate) async fn place(&self, cause: Cause) -> Result<Place, Refused> {
        if let Some(place) = self.place_now(cause) {
            return Ok(place);
        }
        let mut stage = self.inner.stage.subscribe();
        tokio::select! {
            biased;
            _ = stage.wait_for(|stage| !self.takes(*stage, cause)) => Err(Refused),
            permit = self.inner.permits.acquire() => Ok(self.taken(permit.map_err(|_| Refused)?)),
        }
    }

    /// Takes a place among the requests in flight, if there is one.
    pub(crate) fn place_now(&self, cause: Cause) -> Option<Place> {
        let permit = self.inner.permits.try_acquire().ok()?;
        self.takes(self.stage(), cause).then(|| self.taken(permit))
    }

    fn taken(&self, permit: SemaphorePermit<'_>) -> Place {
        permit.forget();
        self.inner.requests_out.fetch_add(1, Ordering::Relaxed);
        Place(self.clone())
    }

    /// Whether a request may be begun. While this node leaves, what it still answers may ask.
    fn takes(&self, stage: Stage, cause: Cause) -> bool {
        match (stage, cause) {
            (Stage::Open, _) => true,
            (Stage::Draining, Cause::Handler) => !self.inner.at_end.load(Ordering::Relaxed),
            (Stage::Draining | Stage::Closed, _) => false,
        }
    }

    /// How many of our requests are in flight.
    pub(super) fn asking(&self) -> u32 {
        let free = u32::try_from(self.inner.permits.available_permits()).unwrap_or(u32::MAX);
        self.inner.permits_max.saturating_sub(free)
    }

    /// Whether this node waits for something of the peer: an answer, or events.
    pub(super) fn waits(&self) -> bool {
        self.asking() > 0 || self.inner.listening.load(Ordering::Relaxed) > 0
    }
}
