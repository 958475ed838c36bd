//! Bare quinn: what bothways stands on, a stream per request, bytes in and the same bytes out.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use bothways::config::Limits;
use bothways_certs::{DialerTls, Identity, Trust, listener_tls};
use bothways_protocol::ALPN;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{
    ClientConfig, Connection, Endpoint, EndpointConfig, Incoming, RecvStream, SendStream,
    ServerConfig, TokioRuntime, TransportConfig, VarInt,
};

use super::{BETWEEN_STARTS, Listening, grown};
use crate::case::{BODY_BYTES, Work};
use crate::end::{DRIVER, DriverJob, LISTENER, ListenerJob, runtime};
use crate::load::{Ask, Load, Reading, Times};
use crate::usage::resident_kib;

/// What bothways allows a peer beyond its requests in flight.
const SPARE_STREAMS: usize = 16;

pub(super) fn listen(job: &ListenerJob) -> Result<Listening> {
    let (identity, trust) = (job.trust.identity(LISTENER)?, job.trust.authority()?.trust());
    let tls = QuicServerConfig::try_from(listener_tls(&identity, &trust, &[ALPN])?)?;
    let mut config = ServerConfig::with_crypto(Arc::new(tls));
    config.transport_config(Arc::new(settings(None)?));
    let endpoint = endpoint(Some(config))?;
    let address = endpoint.local_addr()?;
    let accepting = endpoint.clone();
    tokio::spawn(async move {
        while let Some(incoming) = accepting.accept().await {
            tokio::spawn(echo_all(incoming));
        }
    });
    Ok(Listening::new(address, endpoint))
}

/// Answers every stream of a connection, each in a task of its own.
async fn echo_all(incoming: Incoming) {
    let Ok(connection) = incoming.await else { return };
    while let Ok((send, recv)) = connection.accept_bi().await {
        tokio::spawn(echo(send, recv));
    }
}

async fn echo(mut send: SendStream, mut recv: RecvStream) -> Result<()> {
    let body = recv.read_to_end(BODY_BYTES).await?;
    send.write_all(&body).await?;
    Ok(send.finish()?)
}

pub(super) async fn drive(job: &DriverJob) -> Result<Reading> {
    let (identity, trust) = (job.trust.identity(DRIVER)?, job.trust.authority()?.trust());
    match job.work {
        Work::Requests { in_flight, warm_up, window } => {
            let (_endpoint, asker) = connect(&identity, &trust, job.address).await?;
            Load { in_flight, warm_up, window, listener: job.listener }.run(asker).await
        }
        Work::Connects { count } => connects(job, count),
        Work::IdleSessions { count } => {
            let (endpoint, first) = connect(&identity, &trust, job.address).await?;
            first.ask().await?;
            let before_kib = resident_kib(job.listener)?;
            let mut idle = vec![first];
            for _ in 0..count {
                let asker = dial(&endpoint, &identity, &trust, job.address).await?;
                asker.ask().await?;
                idle.push(asker);
            }
            grown(job, before_kib, count).await
        }
    }
}

/// Connects from nothing, as a node that starts does: a thread, a runtime, a socket.
fn connects(job: &DriverJob, count: usize) -> Result<Reading> {
    let (address, trust) = (job.address, job.trust.authority()?.trust());
    let (times, mut in_all) = (Times::new()?, Duration::ZERO);
    for nth in 0..count {
        let (identity, trust) = (job.trust.identity(&format!("{DRIVER}-{nth}"))?, trust.clone());
        let began = Instant::now();
        let connecting = thread::spawn(move || -> Result<Duration> {
            runtime()?.block_on(async {
                let (endpoint, asker) = connect(&identity, &trust, address).await?;
                asker.ask().await?;
                let took = began.elapsed();
                endpoint.close(VarInt::from_u32(0), b"");
                drop(asker);
                // Says the close; what would follow is silence.
                tokio::time::sleep(BETWEEN_STARTS).await;
                Ok(took)
            })
        });
        let took = connecting.join().map_err(|_| anyhow!("the connecting thread panicked"))??;
        times.take(took);
        in_all += took;
    }
    Ok(times.reading(in_all))
}

async fn connect(
    identity: &Identity,
    trust: &Trust,
    address: SocketAddr,
) -> Result<(Endpoint, Asker)> {
    let endpoint = endpoint(None)?;
    let asker = dial(&endpoint, identity, trust, address).await?;
    Ok((endpoint, asker))
}

async fn dial(
    endpoint: &Endpoint,
    identity: &Identity,
    trust: &Trust,
    address: SocketAddr,
) -> Result<Asker> {
    let (tls, _) = DialerTls::new(identity, trust, &[ALPN])?.to(&LISTENER.parse()?);
    let mut config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls)?));
    config.transport_config(Arc::new(settings(Some(Limits::default().keep_alive))?));
    let connection = endpoint.connect_with(config, address, LISTENER)?.await?;
    Ok(Asker { connection })
}

#[derive(Clone)]
struct Asker {
    connection: Connection,
}

impl Ask for Asker {
    async fn ask(&self) -> Result<()> {
        let (mut send, mut recv) = self.connection.open_bi().await?;
        send.write_all(&[b'x'; BODY_BYTES]).await?;
        send.finish()?;
        let answer = recv.read_to_end(BODY_BYTES).await?;
        ensure!(answer == [b'x'; BODY_BYTES], "another answer than the question");
        Ok(())
    }
}

fn endpoint(config: Option<ServerConfig>) -> Result<Endpoint> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let runtime = Arc::new(TokioRuntime);
    Endpoint::new(EndpointConfig::default(), config, socket, runtime).context("no endpoint")
}

/// The transport settings of a bothways node with default limits.
fn settings(keep_alive: Option<Duration>) -> Result<TransportConfig> {
    let limits = Limits::default();
    let whole = |value: usize| VarInt::try_from(value as u64);
    let mut settings = TransportConfig::default();
    settings
        .max_concurrent_bidi_streams(whole(limits.requests_in_flight + SPARE_STREAMS)?)
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .datagram_receive_buffer_size(None)
        .stream_receive_window(whole(limits.stream_window_bytes)?)
        .receive_window(whole(limits.connection_window_bytes)?)
        .send_window(limits.connection_window_bytes as u64)
        .max_idle_timeout(Some(limits.idle.try_into()?))
        .keep_alive_interval(keep_alive);
    Ok(settings)
}
