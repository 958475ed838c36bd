//! Sessions: connections after the hello. Knows peers, roles and which of two connections stays;
//! knows no method.

mod answer;
mod ask;
mod complaints;
mod dial;
mod dialer;
mod ended;
mod greet;
mod incoming;
mod lane;
mod lane_answer;
mod leaving;
mod path;
mod progress;
mod pulse;
mod rule;
mod serve;
mod stay_away;
mod table;
mod tell;
mod turn;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use bothways_certs::Fingerprint;
use bothways_protocol::{CloseCode, Control, Farewell, NodeName, PeerLimits, Role};
use quinn::{Connection, VarInt};
use tokio::sync::{Notify, Semaphore, mpsc, watch};

use crate::network::NetworkThread;
use crate::transport::Assembly;

pub(crate) use answer::{
    Answered, AnsweringPlace, Asked, Begun, Dispatch, Entry, Events, More, Way,
};
pub(crate) use ask::{Cause, Place, RequestStream};
pub(crate) use complaints::Complaints;
pub use dial::DialError;
pub(crate) use dialer::{Dialer, DialerParts, Dialers, keep_alive};
pub(crate) use greet::Us;
pub(crate) use incoming::{Doorway, welcome_all};
use lane::Lane;
pub(crate) use lane::{Landed, Unanswered};
use path::Path;
pub(crate) use progress::{DialStage, DialUnderWay};
pub(crate) use rule::Dialed;
pub(crate) use table::Table;

/// The longest reason with which a connection is closed, in bytes.
const REASON_MAX_BYTES: usize = 256;

/// Control messages that wait to be written, at the most.
const CONTROL_QUEUE: usize = 16;

/// A session with one peer: a connection on which both sides know who the other is.
///
/// A handle: clones are the same session. It lives until both sides have said bye, or the
/// connection is lost.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    connection: Connection,
    /// Where the connection is driven, and each request on it made and answered.
    thread: NetworkThread,
    facts: Facts,
    /// What the peer lets us have in flight.
    permits: Semaphore,
    permits_max: u32,
    assembly: Assembly,
    /// What is to be said; boxed, since the queue holds room for many at once.
    control: mpsc::Sender<Box<Control>>,
    stage: watch::Sender<Stage>,
    /// The same for those who only look, once for each request.
    stage_now: AtomicU8,
    /// Why we would drain it, when it comes to that.
    leaving: Mutex<Option<Farewell>>,
    /// Where we ask, once many small requests are asked.
    lane: OnceLock<Arc<Lane>>,
    path: Path,
    /// Requests of the peer that are being answered, of which there may be so many.
    answering: AtomicUsize,
    answering_max: usize,
    /// Lanes of the peer that are being served.
    lanes_served: AtomicUsize,
    /// What the peer asks from now on is refused: we have said that we are going away.
    away: AtomicBool,
    /// Nothing is begun any more, not even on behalf of a request in flight: the peer goes away,
    /// or we have said bye.
    at_end: AtomicBool,
    /// There may be something to do: a last place was given back, or we leave, or want a lane.
    due: Notify,
    requests_out: AtomicU64,
    requests_in: AtomicU64,
    /// Subscriptions of ours that are live.
    listening: AtomicUsize,
    /// Streams that are open, but for the control stream.
    streams: AtomicUsize,
    complaints: Complaints,
}

/// What is known of a session from its beginning.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) peer: NodeName,
    pub(crate) role: Role,
    pub(crate) boot_ms: u64,
    pub(crate) agent: String,
    pub(crate) limits: PeerLimits,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) certificate_ends: SystemTime,
    /// Whether both sides take lanes.
    pub(crate) lanes: bool,
    /// The largest request that goes on a lane, in bytes; `None` where there are no lanes.
    pub(crate) lane_message_bytes: Option<usize>,
    pub(crate) dialed: Dialed,
    pub(crate) since: Instant,
}

/// A stream that is open, counted until this is dropped.
#[derive(Debug)]
struct OpenStream(Session);

impl OpenStream {
    fn on(session: &Session) -> Self {
        session.inner.streams.fetch_add(1, Ordering::Relaxed);
        Self(session.clone())
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.inner.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How far a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Stage {
    /// Requests may be begun.
    Open,
    /// No request is begun any more; those in flight are answered.
    Draining,
    /// The connection is closed.
    Closed,
}

impl Session {
    /// A session that lives on the thread that this is called on.
    fn new(
        connection: Connection,
        facts: Facts,
        assembly: Assembly,
        answering_max: usize,
    ) -> (Self, mpsc::Receiver<Box<Control>>) {
        let (control, to_write) = mpsc::channel(CONTROL_QUEUE);
        let permits_max = facts.limits.in_flight.clamp(1, 4096);
        let inner = Inner {
            connection,
            thread: NetworkThread::current(),
            facts,
            permits: Semaphore::new(permits_max as usize),
            permits_max,
            assembly,
            control,
            stage: watch::Sender::new(Stage::Open),
            stage_now: AtomicU8::new(Stage::Open as u8),
            leaving: Mutex::new(None),
            lane: OnceLock::new(),
            path: Path::default(),
            answering: AtomicUsize::new(0),
            answering_max,
            lanes_served: AtomicUsize::new(0),
            away: AtomicBool::new(false),
            at_end: AtomicBool::new(false),
            due: Notify::new(),
            requests_out: AtomicU64::new(0),
            requests_in: AtomicU64::new(0),
            listening: AtomicUsize::new(0),
            streams: AtomicUsize::new(0),
            complaints: Complaints::default(),
        };
        (Self { inner: Arc::new(inner) }, to_write)
    }

    pub(crate) fn facts(&self) -> &Facts {
        &self.inner.facts
    }

    pub(crate) fn peer(&self) -> &NodeName {
        &self.inner.facts.peer
    }

    /// The network thread that it lives on.
    pub(crate) fn thread(&self) -> &NetworkThread {
        &self.inner.thread
    }

    /// Where the peer is now.
    pub(crate) fn address(&self) -> SocketAddr {
        let address = self.inner.connection.remote_address();
        SocketAddr::new(address.ip().to_canonical(), address.port())
    }

    /// The smoothed round-trip time.
    pub(crate) fn round_trip(&self) -> Duration {
        self.inner.connection.rtt()
    }

    /// Packets sent so far, and those of them that were lost.
    pub(crate) fn packets(&self) -> (u64, u64) {
        let path = self.inner.connection.stats().path;
        (path.sent_packets, path.lost_packets)
    }

    /// How many streams are open: the control stream, the lanes, and one for each request and each
    /// subscription that is not on a lane.
    pub(crate) fn streams(&self) -> usize {
        1 + self.inner.streams.load(Ordering::Relaxed)
    }

    /// Requests sent and received so far.
    pub(crate) fn requests(&self) -> (u64, u64) {
        let Inner { requests_out, requests_in, .. } = &*self.inner;
        (requests_out.load(Ordering::Relaxed), requests_in.load(Ordering::Relaxed))
    }

    pub(crate) fn stage(&self) -> Stage {
        match self.inner.stage_now.load(Ordering::Relaxed) {
            0 => Stage::Open,
            1 => Stage::Draining,
            _ => Stage::Closed,
        }
    }

    /// Whether no more requests are begun on it.
    pub(crate) fn is_draining(&self) -> bool {
        self.stage() != Stage::Open
    }

    /// Whether two handles are the same session.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// Nothing is begun from now on, whatever its cause.
    fn note_end(&self) {
        self.inner.at_end.store(true, Ordering::Relaxed);
        self.enter(Stage::Draining);
    }

    /// Begins no more requests on this session, lets those in flight end, then closes it.
    pub(crate) fn drain(&self, why: Farewell) {
        let mut leaving = self.leaving();
        if leaving.is_none() {
            *leaving = Some(why);
            self.enter(Stage::Draining);
            // Where the peer went away before us, the stage is the same as before.
            self.inner.due.notify_one();
        }
    }

    /// Closes the connection at once.
    pub(crate) fn close(&self, code: CloseCode, reason: &str) {
        close(&self.inner.connection, code, reason);
        self.enter(Stage::Closed);
    }

    /// Moves to a later stage; an earlier one changes nothing.
    fn enter(&self, next: Stage) {
        self.inner.stage.send_if_modified(|stage| {
            let moves = matches!(
                (*stage, next),
                (Stage::Open, Stage::Draining) | (Stage::Open | Stage::Draining, Stage::Closed)
            );
            if moves {
                *stage = next;
                self.inner.stage_now.store(next as u8, Ordering::Relaxed);
            }
            moves
        });
        if next == Stage::Closed {
            self.inner.permits.close();
        }
    }

    fn leaving(&self) -> MutexGuard<'_, Option<Farewell>> {
        self.inner.leaving.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes a connection, with as much of the reason as it may say.
fn close(connection: &Connection, code: CloseCode, reason: &str) {
    let reason = &reason[..reason.floor_char_boundary(REASON_MAX_BYTES)];
    connection.close(VarInt::from_u32(code.number()), reason.as_bytes());
}
