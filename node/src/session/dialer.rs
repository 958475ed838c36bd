//! Keeps a session with every peer that the Plan names: dials, waits, dials again.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bothways_certs::DialerTls;
use bothways_protocol::NodeName;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::answer::Dispatch;
use super::dial::{Dial, DialError};
use super::greet::Us;
use super::progress::{DialStage, DialUnderWay, Progress};
use super::serve::serve;
use super::table::Table;
use crate::config::Limits;
use crate::metrics::Metrics;
use crate::network::Network;
use crate::transport::Dialing;

/// A session that lasts so long was a success, for the wait before the next dial.
const SETTLED: Duration = Duration::from_secs(5);

/// How long a peer that stopped is left alone at the most, where a request waits for it.
const STAY_AWAY_WANTED: Duration = Duration::from_secs(1);

/// What all dialers of a node share.
pub(crate) struct DialerParts<D> {
    pub(crate) us: Arc<Us>,
    pub(crate) tls: Arc<DialerTls>,
    pub(crate) dialing: Arc<Dialing>,
    pub(crate) network: Network,
    pub(crate) table: Arc<Table>,
    pub(crate) dispatch: Arc<D>,
    pub(crate) limits: Limits,
    pub(crate) stop: CancellationToken,
    pub(crate) metrics: Arc<Metrics>,
}

/// The peers that this node dials.
#[derive(Debug, Default)]
pub(crate) struct Dialers {
    by_peer: HashMap<NodeName, Handle>,
}

/// How others reach one dialer.
#[derive(Debug)]
struct Handle {
    address: String,
    progress: Arc<Progress>,
    /// Somebody waits for the peer: the next dial comes soon, however many have failed.
    wanted: Arc<Notify>,
    /// Why the last dial failed; `None` when there was none, or a session came of it.
    failed: watch::Receiver<Option<Arc<DialError>>>,
}

impl Dialers {
    /// One dialer for each peer, not started yet.
    pub(crate) fn to(peers: impl IntoIterator<Item = (NodeName, String)>) -> (Self, Vec<Dialer>) {
        let (mut by_peer, mut dialers) = (HashMap::new(), Vec::new());
        for (peer, address) in peers {
            let (wanted, (told, failed)) = (Arc::new(Notify::new()), watch::channel(None));
            let progress = Arc::<Progress>::default();
            let handle = Handle {
                address: address.clone(),
                progress: progress.clone(),
                wanted: wanted.clone(),
                failed,
            };
            dialers.push(Dialer { peer: peer.clone(), address, progress, wanted, told });
            by_peer.insert(peer, handle);
        }
        (Self { by_peer }, dialers)
    }

    /// Asks for a dial soon; tells why each one fails from then on.
    pub(crate) fn want(&self, peer: &NodeName) -> Option<watch::Receiver<Option<Arc<DialError>>>> {
        let handle = self.by_peer.get(peer)?;
        let mut failed = handle.failed.clone();
        failed.mark_unchanged();
        handle.wanted.notify_one();
        Some(failed)
    }

    /// Why the last dial of this peer failed.
    pub(crate) fn last_failure(&self, peer: &NodeName) -> Option<Arc<DialError>> {
        self.by_peer.get(peer)?.failed.borrow().clone()
    }

    /// The dials of peers with whom there is no session, in the order of the peers' names.
    pub(crate) fn under_way(&self) -> Vec<DialUnderWay> {
        let under_way = |(peer, handle): (&NodeName, &Handle)| {
            let (stage, failures) = handle.progress.now();
            let (peer, address) = (peer.clone(), handle.address.clone());
            let failed = handle.failed.borrow().clone();
            (stage != DialStage::Connected).then_some(DialUnderWay {
                peer,
                address,
                stage,
                failures,
                failed,
            })
        };
        let mut all: Vec<_> = self.by_peer.iter().filter_map(under_way).collect();
        all.sort_by(|a, b| a.peer.cmp(&b.peer));
        all
    }
}

/// Keeps a session with one peer.
#[derive(Debug)]
pub(crate) struct Dialer {
    peer: NodeName,
    address: String,
    progress: Arc<Progress>,
    wanted: Arc<Notify>,
    told: watch::Sender<Option<Arc<DialError>>>,
}

impl Dialer {
    /// Dials until the stop token is cancelled, then waits for its session to end.
    pub(crate) async fn run<D: Dispatch>(self, parts: Arc<DialerParts<D>>) {
        Arc::new(Running { dialer: self, parts }).run().await;
    }
}

/// A dialer at work.
struct Running<D> {
    dialer: Dialer,
    parts: Arc<DialerParts<D>>,
}

/// What is known of a session that is over.
struct Had {
    lasted: Duration,
    /// How long the peer would like us to stay away.
    retry_after: Duration,
}

impl<D: Dispatch> Running<D> {
    async fn run(self: Arc<Self>) {
        let mut failures = 0;
        while !self.parts.stop.is_cancelled() {
            if self.parts.table.find(&self.dialer.peer).is_some() {
                self.until_alone().await;
                continue;
            }
            match self.have_a_session().await {
                // Where sessions end as soon as they begin, dialing more often does not help: two
                // nodes that share one identity would replace each other without end.
                Some(Ok(had)) => {
                    failures = if had.lasted < SETTLED { failures + 1 } else { 0 };
                    self.pause(failures, had.retry_after).await;
                }
                Some(Err(error)) => {
                    self.note_failure(failures, error);
                    failures += 1;
                    self.pause(failures, Duration::ZERO).await;
                }
                None => return,
            }
        }
    }

    /// Has a session, and tells how it was; `None` where the node stops before there is
    /// one. A connection is driven on the thread where it is dialed: so all of it is done there.
    async fn have_a_session(self: &Arc<Self>) -> Option<Result<Had, DialError>> {
        let seat = self.parts.network.seat();
        seat.thread().run(Box::pin(self.clone().dial_and_serve())).await.ok()?
    }

    async fn dial_and_serve(self: Arc<Self>) -> Option<Result<Had, DialError>> {
        let DialerParts { us, tls, dialing, table, dispatch, limits, stop, .. } = &*self.parts;
        let Dialer { peer, address, told, .. } = &self.dialer;
        self.dialer.progress.note(DialStage::Dialing);
        let handshake_timeout = limits.handshake;
        let dial = Dial { us, tls, dialing, handshake_timeout, peer, address };
        let dialed = tokio::select! {
            () = stop.cancelled() => return None,
            // Boxed, so that a session does not hold the room that its greeting needed.
            dialed = Box::pin(dial.run()) => dialed,
        };
        let greeted = match dialed {
            Ok(greeted) => greeted,
            Err(error) => return Some(Err(error)),
        };
        told.send_replace(None);
        self.dialer.progress.note(DialStage::Connected);
        let began = Instant::now();
        let ended = serve(greeted, table, dispatch, limits).await;
        let retry_after = ended.retry_after.unwrap_or_default();
        Some(Ok(Had { lasted: began.elapsed(), retry_after }))
    }

    /// Waits while there is a session with the peer, whoever dialed it.
    async fn until_alone(&self) {
        let mut changes = self.parts.table.changes();
        self.dialer.progress.note(DialStage::Connected);
        while self.parts.table.find(&self.dialer.peer).is_some() {
            tokio::select! {
                () = self.parts.stop.cancelled() => return,
                _ = changes.changed() => {}
            }
        }
    }

    fn note_failure(&self, failures: u32, error: DialError) {
        let new =
            self.dialer.told.borrow().as_ref().map(ToString::to_string) != Some(error.to_string());
        if new {
            tracing::warn!(peer = %self.dialer.peer, error = %error, "dial failed");
        } else {
            tracing::debug!(peer = %self.dialer.peer, failures, "dial failed again");
        }
        self.dialer.progress.note_failure();
        self.parts.metrics.note_dial_failure(error.reason());
        self.dialer.told.send_replace(Some(Arc::new(error)));
    }

    /// Waits before the next dial: less where somebody waits for the peer, but not less than a peer
    /// that stopped would have us stay away, if that is short.
    async fn pause(&self, failures: u32, stay_away: Duration) {
        self.dialer.progress.note(DialStage::Waiting);
        let Limits { redial_min, redial_max, .. } = self.parts.limits;
        let wait = longest_wait(failures, redial_min, redial_max).mul_f64(rand::random());
        let wait = wait.max(stay_away.min(redial_max));
        let soon = redial_min.mul_f64(0.5 + 0.5 * rand::random::<f64>());
        let soon = Instant::now() + soon.max(stay_away.min(STAY_AWAY_WANTED));
        let wanted = async {
            self.dialer.wanted.notified().await;
            sleep_until(soon).await;
        };
        tokio::select! {
            () = self.parts.stop.cancelled() => {}
            () = wanted => {}
            () = sleep(wait) => {}
        }
    }
}

/// The upper end of the wait before the next dial: doubling from `min` to `max`, of which a random
/// part is waited (full jitter), so that many peers of one node do not come back all at once.
fn longest_wait(failures: u32, min: Duration, max: Duration) -> Duration {
    let doubled = 2_u32.saturating_pow(failures.saturating_sub(1).min(31));
    min.saturating_mul(doubled).min(max)
}

/// The time after which the dialer of a connection asks for a sign of life, with jitter.
pub(crate) fn keep_alive(limits: &Limits) -> Duration {
    limits.keep_alive.mul_f64(0.8 + 0.2 * rand::random::<f64>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_its_limit() {
        let (min, max) = (Duration::from_millis(100), Duration::from_secs(30));
        let waits: Vec<_> =
            (0..12).map(|failures| longest_wait(failures, min, max).as_millis()).collect();
        let doubling = [100, 100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000];
        assert_eq!(waits, doubling);
        assert_eq!(longest_wait(u32::MAX, min, max), max);
    }
}
