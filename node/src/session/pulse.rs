//! Signs of life while this node waits for its peer.
//!
//! Where a peer was killed after it had acknowledged what it was asked, nothing is under way that
//! could get lost: only something new tells that nobody is there any more, or that a node has come
//! back which knows nothing of the connection. QUIC's keep-alive says it too, but seldom, since
//! every idle session pays for it.

use std::time::Duration;

use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::Session;

/// How often a session looks whether its peer has been heard.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Looks now and then whether the peer has been heard.
pub(super) struct Pulse {
    looks: Interval,
    /// How many datagrams had come when it last looked.
    heard: u64,
}

impl Pulse {
    pub(super) fn new() -> Self {
        let mut looks = interval_at(Instant::now() + LOOK_EVERY, LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { looks, heard: 0 }
    }

    /// Waits until it is time to look.
    pub(super) async fn look(&mut self) {
        self.looks.tick().await;
    }

    /// Whether a sign of life is to be sent: something is waited for, and nothing came since the
    /// last look.
    pub(super) fn is_due(&mut self, session: &Session) -> bool {
        if !session.waits() {
            return false;
        }
        let heard = session.inner.connection.stats().udp_rx.datagrams;
        let before = std::mem::replace(&mut self.heard, heard);
        heard == before
    }
}
