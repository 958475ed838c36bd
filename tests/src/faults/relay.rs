//! A way between two nodes that can be cut without either of them doing anything.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

/// Hands datagrams on between one dialer and one listener.
pub(super) struct Relay {
    /// Where the dialer dials.
    pub(super) address: SocketAddr,
    cut: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Relay {
    pub(super) async fn to(listener: SocketAddr) -> Self {
        let near = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let far = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let (address, cut) = (near.local_addr().unwrap(), Arc::new(AtomicBool::new(false)));
        let task = tokio::spawn(hand_on(near, far, listener, cut.clone()));
        Self { address, cut, task }
    }

    /// Loses every datagram, until told otherwise.
    pub(super) fn lose(&self, all: bool) {
        self.cut.store(all, Ordering::Relaxed);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn hand_on(near: UdpSocket, far: UdpSocket, listener: SocketAddr, cut: Arc<AtomicBool>) {
    let (mut there, mut back) = (vec![0; 65_536], vec![0; 65_536]);
    let mut dialer = None;
    loop {
        // What the system says of ports that nobody listens on is what a dead way looks like.
        tokio::select! {
            Ok((bytes, from)) = near.recv_from(&mut there) => {
                dialer = Some(from);
                if !cut.load(Ordering::Relaxed) {
                    let _ = far.send_to(&there[..bytes], listener).await;
                }
            }
            Ok((bytes, _)) = far.recv_from(&mut back) => {
                if let Some(dialer) = dialer.filter(|_| !cut.load(Ordering::Relaxed)) {
                    let _ = near.send_to(&back[..bytes], dialer).await;
                }
            }
            else => tokio::task::yield_now().await,
        }
    }
}
