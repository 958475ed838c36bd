//! The door: how many come in, how long they may take to say what they want, and how they leave.

use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{Desk, LAST_ANSWERS, routes};

/// Connections at the same time; who comes then waits in the system's queue.
const CONNECTIONS_MAX: usize = 256;
/// How long a head may take to arrive, and how long a connection may lie idle before the next one.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest head, in bytes, and what is read of a body ahead of whoever takes it.
const HEAD_MAX_BYTES: usize = 16 * 1024;
/// The most fields of a head.
const FIELDS_MAX: usize = 64;
/// The wait after an `accept` that failed: mostly too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves all that come, until the gateway is closed.
pub(super) async fn welcome_all(listener: TcpListener, desk: &Arc<Desk>) {
    let app = routes::all(desk.clone());
    let mut guests = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = desk.stop.cancelled() => break,
            Some(_) = guests.join_next() => {}
            come = listener.accept(), if guests.len() < CONNECTIONS_MAX => match come {
                Ok((stream, _)) => _ = guests.spawn(serve(stream, app.clone(), desk.stop.clone())),
                Err(error) => {
                    tracing::warn!(%error, "http: accept");
                    tokio::time::sleep(PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    let left = async { while guests.join_next().await.is_some() {} };
    if timeout(LAST_ANSWERS, left).await.is_err() {
        tracing::debug!("http: some answers were cut");
    }
}

async fn serve(stream: TcpStream, app: axum::Router, stop: CancellationToken) {
    // An event that waits for an acknowledgement of the one before is late.
    let _ = stream.set_nodelay(true);
    let service = TowerToHyperService::new(app);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_MAX_BYTES)
        .max_headers(FIELDS_MAX)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "http: connection");
    }
}
