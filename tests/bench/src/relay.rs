//! A worse link than loopback: a relay that takes datagrams, loses some, and passes the others on
//! later. Which ones it loses is drawn from a seed.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket as Socket};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use fastrand::Rng;
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::sleep_until;

use crate::end::one_thread;

/// The time from one end to the other, to the next millisecond.
const DELAY: Duration = Duration::from_millis(20);
/// How many datagrams are under way at the most; further ones are lost.
const UNDER_WAY: usize = 16_384;
/// How many sockets are served at the most; those of others are not heard.
const SOURCES: usize = 256;
/// The largest payload of a datagram.
const DATAGRAM_MAX_BYTES: usize = 65_507;
/// The largest payload that the link carries: that of Ethernet.
const CARRIED_MAX_BYTES: usize = 1_472;

/// A relay, as long as this is kept.
pub(crate) struct Relay {
    address: SocketAddr,
    _stop: oneshot::Sender<()>,
}

/// A datagram on its way.
struct Datagram {
    due: Instant,
    bytes: Vec<u8>,
    through: Arc<UdpSocket>,
    to: SocketAddr,
}

/// One direction of the traffic of one source.
struct Lane {
    rng: Rng,
    loss_percent: u8,
    under_way: mpsc::Sender<Datagram>,
}

impl Relay {
    /// Starts a relay to an address, on a thread of its own; each way loses so much.
    pub(crate) fn start(to: SocketAddr, loss_percent: u8, seed: u64) -> Result<Self> {
        let socket = Socket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_nonblocking(true)?;
        let (address, runtime) = (socket.local_addr()?, one_thread()?);
        let (stop, stopped) = oneshot::channel();
        thread::Builder::new().name("relay".to_owned()).spawn(move || {
            runtime.block_on(async {
                let (under_way, due) = mpsc::channel(UNDER_WAY);
                let lane = Lane { rng: Rng::with_seed(seed), loss_percent, under_way };
                tokio::select! {
                    // Its error is the end of the relay, which both ends notice.
                    _ = relay(socket, to, lane) => {}
                    () = deliver(due) => {}
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self { address, _stop: stop })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Takes what comes from the dialers; each of them gets a socket of its own to the listener.
async fn relay(socket: Socket, to: SocketAddr, mut lane: Lane) -> Result<()> {
    let front = Arc::new(UdpSocket::from_std(socket)?);
    let mut sources = HashMap::<SocketAddr, (Arc<UdpSocket>, Lane)>::new();
    let mut backward = JoinSet::new();
    let mut buffer = vec![0; DATAGRAM_MAX_BYTES];
    loop {
        let (bytes, source) = front.recv_from(&mut buffer).await?;
        if !sources.contains_key(&source) {
            if sources.len() == SOURCES {
                continue;
            }
            let back = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?);
            backward.spawn(pass_back(back.clone(), front.clone(), source, lane.fork()));
            sources.insert(source, (back, lane.fork()));
        }
        if let Some((through, lane)) = sources.get_mut(&source) {
            lane.pass(&buffer[..bytes], through, to);
        }
    }
}

/// Passes on to a dialer what the listener says to it.
async fn pass_back(from: Arc<UdpSocket>, front: Arc<UdpSocket>, to: SocketAddr, mut lane: Lane) {
    let mut buffer = vec![0; DATAGRAM_MAX_BYTES];
    while let Ok(bytes) = from.recv(&mut buffer).await {
        lane.pass(&buffer[..bytes], &front, to);
    }
}

impl Lane {
    /// A lane of the same kind, with losses of its own.
    fn fork(&mut self) -> Self {
        let (loss_percent, under_way) = (self.loss_percent, self.under_way.clone());
        Self { rng: self.rng.fork(), loss_percent, under_way }
    }

    fn pass(&mut self, bytes: &[u8], through: &Arc<UdpSocket>, to: SocketAddr) {
        let lost = self.rng.u8(0..100) < self.loss_percent;
        if !lost && bytes.len() <= CARRIED_MAX_BYTES {
            let (bytes, through) = (bytes.to_vec(), through.clone());
            let datagram = Datagram { due: Instant::now() + DELAY, bytes, through, to };
            // What is too much is lost: so links are.
            let _ = self.under_way.try_send(datagram);
        }
    }
}

/// Delivers each datagram when it is due: in the order in which they came, for all take the same
/// time.
async fn deliver(mut due: mpsc::Receiver<Datagram>) {
    while let Some(datagram) = due.recv().await {
        sleep_until(datagram.due.into()).await;
        // A socket whose buffer is full, or that is gone, loses it.
        let _ = datagram.through.try_send_to(&datagram.bytes, datagram.to);
    }
}
