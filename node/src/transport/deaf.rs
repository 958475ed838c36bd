//! The socket that dials: it hears an Initial only from an address that is being dialed.
//!
//! An endpoint that listens to nobody still answers a stranger's Initial: with a stateless reset
//! (RFC 9000 §10.3), by which the stranger learns that somebody is there. Here nothing is answered.

use std::collections::HashMap;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};

/// The addresses that are being dialed, and how often.
#[derive(Debug, Clone, Default)]
pub(super) struct Awaited(Arc<Mutex<HashMap<(IpAddr, u16), usize>>>);

/// An address that is being dialed, until this is dropped.
#[derive(Debug)]
pub(crate) struct Awaiting {
    awaited: Awaited,
    address: (IpAddr, u16),
}

impl Awaited {
    /// Hears Initials from an address from now on.
    pub(super) fn listen_to(&self, address: SocketAddr) -> Awaiting {
        let address = plain(address);
        *self.lock().entry(address).or_default() += 1;
        Awaiting { awaited: self.clone(), address }
    }

    fn holds(&self, address: SocketAddr) -> bool {
        self.lock().contains_key(&plain(address))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(IpAddr, u16), usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Awaiting {
    fn drop(&mut self) {
        let mut awaited = self.awaited.lock();
        if let Some(dials) = awaited.get_mut(&self.address) {
            *dials -= 1;
            if *dials == 0 {
                awaited.remove(&self.address);
            }
        }
    }
}

/// An address without what differs between two ways to write it.
fn plain(address: SocketAddr) -> (IpAddr, u16) {
    (address.ip().to_canonical(), address.port())
}

/// A socket that passes on what is no stranger's Initial.
#[derive(Debug)]
pub(super) struct Deaf {
    pub(super) socket: Arc<dyn AsyncUdpSocket>,
    pub(super) awaited: Awaited,
}

impl AsyncUdpSocket for Deaf {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        self.socket.clone().create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.socket.try_send(transmit)
    }

    fn poll_recv(
        &self,
        task: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        metas: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let received = ready!(self.socket.poll_recv(task, buffers, metas))?;
        for (buffer, meta) in buffers.iter().zip(metas.iter_mut()).take(received) {
            if holds_initial(&buffer[..meta.len], meta.stride) && !self.awaited.holds(meta.addr) {
                meta.len = 0;
            }
        }
        Poll::Ready(Ok(received))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    fn max_transmit_segments(&self) -> usize {
        self.socket.max_transmit_segments()
    }

    fn max_receive_segments(&self) -> usize {
        self.socket.max_receive_segments()
    }

    fn may_fragment(&self) -> bool {
        self.socket.may_fragment()
    }
}

/// Whether one of the datagrams that the system received in one (UDP GRO), each of `stride` bytes
/// but the last, begins with an Initial.
fn holds_initial(received: &[u8], stride: usize) -> bool {
    received.chunks(stride.max(1)).any(is_initial)
}

/// Whether a datagram begins with an Initial of QUIC version 1 (RFC 9000 §17.2.2): a long header
/// of type 0. Its fixed bit may be either (RFC 9287).
fn is_initial(datagram: &[u8]) -> bool {
    datagram.first().is_some_and(|first| first & 0b1011_0000 == 0b1000_0000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_awaited_while_any_dial_of_it_goes_on() {
        let awaited = Awaited::default();
        let address: SocketAddr = "127.0.0.1:7".parse().unwrap();
        let mapped: SocketAddr = "[::ffff:127.0.0.1]:7".parse().unwrap();
        let (first, second) = (awaited.listen_to(address), awaited.listen_to(mapped));
        drop(first);
        assert!(awaited.holds(address) && awaited.holds(mapped));
        drop(second);
        assert!(!awaited.holds(address) && awaited.lock().is_empty());
    }

    #[test]
    fn only_an_initial_looks_like_one() {
        let table = [
            (&[0xc3, 0, 0, 0, 1][..], true),
            (&[0x83], true),
            (&[0xd0], false),
            (&[0xe0], false),
            (&[0xf0], false),
            (&[0x40], false),
            (&[], false),
        ];
        for (datagram, is) in table {
            assert_eq!(is_initial(datagram), is, "{datagram:?}");
        }
    }

    #[test]
    fn an_initial_does_not_hide_behind_another_datagram() {
        let (short, initial) = ([0x40; 8], [0xc3; 8]);
        let received = [short, short, initial].concat();
        assert!(holds_initial(&received, 8));
        assert!(holds_initial(&received[..20], 8), "the last one may be shorter");
        assert!(!holds_initial(&received, 24), "one datagram");
        assert!(!holds_initial(&received[..16], 8));
        assert!(!holds_initial(&[], 0));
    }
}
