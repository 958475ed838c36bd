//! Takes connections in: gate, handshake, greeting, session.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use quinn::{Connection, Endpoint, Incoming};
use thiserror::Error;
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::answer::Dispatch;
use super::complaints::Complaints;
use super::ended::ended;
use super::greet::{GreetError, Greeted, Us};
use super::serve::serve;
use super::table::Table;
use crate::config::Limits;
use crate::metrics::{Metrics, Refusal};
use crate::network::{Network, Seat};
use crate::transport::{Accepting, Admission, Gate, Left};

/// What a listener needs to turn Initials into sessions.
pub(crate) struct Doorway<D> {
    pub(crate) us: Arc<Us>,
    pub(crate) network: Network,
    pub(crate) table: Arc<Table>,
    pub(crate) dispatch: Arc<D>,
    pub(crate) limits: Limits,
    pub(crate) gate: Arc<Mutex<Gate>>,
    pub(crate) stop: CancellationToken,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) complaints: Complaints,
}

/// Accepts connections until the stop token is cancelled, then refuses them until the last session
/// has ended.
pub(crate) async fn welcome_all<D: Dispatch>(
    endpoint: Endpoint,
    accepting: Accepting,
    doorway: Arc<Doorway<D>>,
) {
    let accepting = Arc::new(accepting);
    let mut sessions = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = doorway.stop.cancelled() => break,
            Some(ended) = sessions.join_next() => note_ended(ended),
            incoming = endpoint.accept() => match incoming {
                Some(incoming) => doorway.admit(&accepting, incoming, &mut sessions),
                None => break,
            },
        }
    }
    // Who comes now is told so at once: it need not wait for its handshake to fail.
    while !sessions.is_empty() {
        tokio::select! {
            biased;
            Some(ended) = sessions.join_next() => note_ended(ended),
            Some(incoming) = endpoint.accept() => incoming.refuse(),
        }
    }
}

fn note_ended(ended: Result<(), JoinError>) {
    if let Err(error) = ended.map_err(|error| error.to_string()) {
        tracing::error!(error, "session failed");
    }
}

/// A handshake that became no connection, or a connection that became no session.
#[derive(Debug, Error)]
enum IncomingError {
    #[error("handshake not completed within {} s", .0.as_secs())]
    Timeout(Duration),
    #[error("{0}")]
    Handshake(String),
    #[error(transparent)]
    Greeting(#[from] GreetError),
}

impl<D: Dispatch> Doorway<D> {
    fn admit(
        self: &Arc<Self>,
        accepting: &Arc<Accepting>,
        incoming: Incoming,
        sessions: &mut JoinSet<()>,
    ) {
        let source = incoming.remote_address().ip().to_canonical();
        let validated = incoming.remote_address_validated();
        match self.gate().admit(Instant::now(), source, validated) {
            Admission::Accept => self.give_a_seat(accepting.clone(), incoming, sessions),
            Admission::Refuse => {
                self.metrics.note_refusal(Refusal::Gate);
                incoming.refuse();
            }
            // Only an address that is validated already may not be sent a Retry, and the gate
            // asks for none then.
            Admission::Retry => _ = incoming.retry(),
        }
    }

    /// A connection is driven on the thread where it is accepted: so all of it is done there.
    fn give_a_seat(
        self: &Arc<Self>,
        accepting: Arc<Accepting>,
        incoming: Incoming,
        sessions: &mut JoinSet<()>,
    ) {
        let seat = self.network.seat();
        let runtime = seat.thread().runtime().clone();
        let others = sessions.len();
        sessions.spawn_on(self.clone().take_in(accepting, (incoming, others), seat), &runtime);
    }

    async fn take_in(
        self: Arc<Self>,
        accepting: Arc<Accepting>,
        (incoming, others): (Incoming, usize),
        _seat: Seat,
    ) {
        let address = incoming.remote_address();
        let source = address.ip().to_canonical();
        // Boxed, so that a session does not hold the room that its greeting needed.
        let handshake = Box::pin(self.handshake(&accepting, incoming, others)).await;
        let left = if handshake.is_ok() { Left::Greeted } else { Left::Failed };
        self.gate().leave(Instant::now(), source, left);
        match handshake {
            Ok(greeted) => {
                serve(greeted, &self.table, &self.dispatch, &self.limits).await;
            }
            Err(error) => {
                self.metrics.note_refusal(Refusal::Failed);
                self.complain(address, &error);
            }
        }
    }

    async fn handshake(
        &self,
        accepting: &Accepting,
        incoming: Incoming,
        others: usize,
    ) -> Result<Greeted, IncomingError> {
        let limit = self.limits.handshake;
        let failed = |error: quinn::ConnectionError| IncomingError::Handshake(ended(&error));
        let connecting = accepting.accept(incoming, others).map_err(failed)?;
        let connection: Connection = timeout(limit, connecting)
            .await
            .map_err(|_| IncomingError::Timeout(limit))?
            .map_err(failed)?;
        Ok(self.us.welcome(connection, &self.table).await?)
    }

    fn complain(&self, address: SocketAddr, error: &IncomingError) {
        if let Some(line) = self.complaints.may_speak(Instant::now()) {
            let left_out = line.left_out;
            tracing::warn!(address = %address, problem = %error, left_out, "connection refused");
        }
    }

    fn gate(&self) -> std::sync::MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
