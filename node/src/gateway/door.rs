//! The door: how many come in, how long they may take to say what they want, and how they leave.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::TokioTimer;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::patience::Patient;
use super::{Desk, LAST_ANSWERS, routes};

/// Connections at the same time. Beyond that the oldest stranger has to go; where all have been let
/// in, who comes waits.
const CONNECTIONS_MAX: usize = 256;
/// How long a head may take to arrive, and how long a connection may lie idle before the next one.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest head, in bytes, and what is read of a body ahead of whoever takes it.
const HEAD_MAX_BYTES: usize = 16 * 1024;
/// The most fields of a head.
const FIELDS_MAX: usize = 64;
/// The wait after an `accept` that failed: mostly too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// Whether somebody on a connection has shown a right to ask.
#[derive(Debug, Clone, Default)]
pub(super) struct LetIn(Arc<AtomicBool>);

impl LetIn {
    pub(super) fn note(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn holds(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A connection, as the door remembers it.
struct Guest {
    let_in: LetIn,
    leave: CancellationToken,
}

/// Serves all that come, until the gateway is closed.
pub(super) async fn welcome_all(listener: TcpListener, desk: &Arc<Desk>) {
    let app = routes::all(desk.clone());
    let (mut connections, mut guests) = (JoinSet::new(), VecDeque::new());
    loop {
        let room = connections.len() < CONNECTIONS_MAX || has_stranger(&mut guests);
        tokio::select! {
            biased;
            () = desk.stop.cancelled() => break,
            Some(_) = connections.join_next() => {}
            come = listener.accept(), if room => match come {
                Ok((stream, _)) => {
                    if connections.len() >= CONNECTIONS_MAX {
                        send_away_a_stranger(&mut guests);
                    }
                    let guest = Guest { let_in: LetIn::default(), leave: desk.stop.child_token() };
                    connections.spawn(serve(stream, app.clone(), &guest));
                    guests.push_back(guest);
                }
                Err(error) => {
                    tracing::warn!(%error, "http: accept");
                    tokio::time::sleep(PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    let left = async { while connections.join_next().await.is_some() {} };
    if timeout(LAST_ANSWERS, left).await.is_err() {
        tracing::debug!("http: some answers were cut");
    }
}

/// Whether somebody is there who has not been let in. Those who are gone are forgotten.
fn has_stranger(guests: &mut VecDeque<Guest>) -> bool {
    guests.retain(|guest| !guest.leave.is_cancelled());
    guests.iter().any(|guest| !guest.let_in.holds())
}

fn send_away_a_stranger(guests: &mut VecDeque<Guest>) {
    let oldest = guests.iter().position(|guest| !guest.let_in.holds());
    if let Some(guest) = oldest.and_then(|at| guests.remove(at)) {
        guest.leave.cancel();
    }
}

fn serve(
    stream: TcpStream,
    app: Router,
    guest: &Guest,
) -> impl Future<Output = ()> + Send + 'static {
    let (leave, gone) = (guest.leave.clone(), guest.leave.clone().drop_guard());
    let app = app.layer(Extension(guest.let_in.clone()));
    async move {
        // However it ends, its place is free.
        let _gone = gone;
        // An event that waits for an acknowledgement of the one before is late.
        let _ = stream.set_nodelay(true);
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_buf_size(HEAD_MAX_BYTES)
            .max_headers(FIELDS_MAX)
            .serve_connection(Patient::new(stream), TowerToHyperService::new(app));
        tokio::pin!(connection);
        let served = tokio::select! {
            served = connection.as_mut() => served,
            () = leave.cancelled() => {
                connection.as_mut().graceful_shutdown();
                timeout(LAST_ANSWERS, connection).await.unwrap_or(Ok(()))
            }
        };
        if let Err(error) = served {
            tracing::debug!(%error, "http: connection");
        }
    }
}
