//! The sessions that the node has, by peer.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bothways_protocol::{CloseCode, Farewell, Greeting, NodeName, Role};
use tokio::sync::watch;
use tokio::time::timeout_at;

use super::rule::{Candidate, Keep, which_stays};
use super::{Facts, Session, Stage};

/// All sessions; several with one peer while one of them drains, or where the peer is a client.
#[derive(Debug)]
pub(crate) struct Table {
    us: NodeName,
    connections_per_peer: usize,
    sessions: Mutex<Sessions>,
    /// Counts what came and went, so that others can wait for it.
    changes: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Sessions {
    by_peer: HashMap<NodeName, Vec<Session>>,
    /// The node stops: whoever comes is sent away.
    closing: Option<Farewell>,
}

/// The peer has as many connections as it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full;

impl Table {
    pub(crate) fn new(us: NodeName, connections_per_peer: usize) -> Self {
        let (sessions, changes) = (Mutex::default(), watch::Sender::new(0));
        Self { us, connections_per_peer, sessions, changes }
    }

    /// Lists a session, and drains the one that it replaces, or itself where the other stays.
    pub(crate) fn enter(&self, newcomer: &Session) -> Result<(), Full> {
        self.list(newcomer)?;
        self.note_change();
        Ok(())
    }

    /// All of it under one lock: of two that come at once, each on its thread, the second finds the
    /// first listed, and drained what the first replaces.
    fn list(&self, newcomer: &Session) -> Result<(), Full> {
        let mut sessions = self.lock();
        let closing = sessions.closing;
        let known = sessions.by_peer.entry(newcomer.peer().clone()).or_default();
        if alive(known) >= self.connections_per_peer {
            return Err(Full);
        }
        if let Some(why) = closing {
            newcomer.drain(why);
        }
        for loser in self.losers(known, newcomer) {
            loser.drain(Farewell::Replaced);
        }
        known.push(newcomer.clone());
        Ok(())
    }

    /// Takes a session off the list.
    pub(crate) fn leave(&self, gone: &Session) {
        let mut sessions = self.lock();
        if let Some(known) = sessions.by_peer.get_mut(gone.peer()) {
            known.retain(|session| !session.is(gone));
            if known.is_empty() {
                sessions.by_peer.remove(gone.peer());
            }
        }
        drop(sessions);
        self.note_change();
    }

    /// The session on which requests to this peer are begun: the newest that is open, and whose
    /// other end answers. A client under the peer's name, such as a command run with its identity,
    /// is none.
    pub(crate) fn find(&self, peer: &NodeName) -> Option<Session> {
        self.newest(peer, |facts| facts.role.answers())
    }

    /// The newest open session with a client of this name.
    pub(crate) fn find_client(&self, peer: &NodeName) -> Option<Session> {
        self.newest(peer, |facts| !facts.role.answers())
    }

    fn newest(&self, peer: &NodeName, fits: impl Fn(&Facts) -> bool) -> Option<Session> {
        let sessions = self.lock();
        let mut known = sessions.by_peer.get(peer)?.iter().rev();
        let fits = |session: &&Session| session.stage() == Stage::Open && fits(session.facts());
        known.find(fits).cloned()
    }

    /// Says whether a peer may have one more connection; how many it has, where it may not. What
    /// is left of a process of the peer that is no more makes room.
    pub(crate) fn room_for(&self, newcomer: &Greeting) -> Result<(), usize> {
        let known = self.lock().by_peer.get(&newcomer.name).cloned().unwrap_or_default();
        let connections = alive(&known);
        if connections < self.connections_per_peer {
            return Ok(());
        }
        let of_the_past = |session: &&Session| is_of_the_past(session, newcomer);
        let oldest = known.iter().find(of_the_past).ok_or(connections)?;
        oldest.close(CloseCode::Replaced, "the node has restarted");
        Ok(())
    }

    /// How many sessions there are.
    pub(crate) fn len(&self) -> usize {
        self.lock().by_peer.values().map(Vec::len).sum()
    }

    /// Every session, in the order of the peers' names.
    pub(crate) fn all(&self) -> Vec<Session> {
        let mut all: Vec<_> = self.lock().by_peer.values().flatten().cloned().collect();
        all.sort_by(|a, b| a.peer().cmp(b.peer()).then(a.facts().since.cmp(&b.facts().since)));
        all
    }

    /// Drains every session, those that are yet to come included.
    pub(crate) fn drain_all(&self, why: Farewell) {
        let all: Vec<_> = {
            let mut sessions = self.lock();
            sessions.closing = Some(why);
            sessions.by_peer.values().flatten().cloned().collect()
        };
        for session in all {
            session.drain(why);
        }
    }

    /// Waits until there is no session.
    pub(crate) async fn emptied(&self) {
        self.until(|sessions| sessions.by_peer.is_empty()).await;
    }

    /// Waits until a session is no longer the one on which requests are begun, or until a time.
    pub(crate) async fn until_other(&self, session: &Session, deadline: Instant) {
        let left = self.until(|_| session.is_draining());
        // When the time is up the caller finds that out by itself.
        let _ = timeout_at(deadline.into(), left).await;
    }

    async fn until(&self, holds: impl Fn(&Sessions) -> bool) {
        let mut changes = self.changes();
        while !holds(&self.lock()) {
            // The sender lives as long as this table.
            let _ = changes.changed().await;
        }
    }

    /// Tells of every change from now on.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// A session has moved to another stage.
    pub(crate) fn note_change(&self) {
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
    }

    fn losers(&self, known: &[Session], newcomer: &Session) -> Vec<Session> {
        let mut losers = Vec::new();
        for existing in known.iter().filter(|session| session.stage() == Stage::Open) {
            let age = existing.facts().since.elapsed();
            let (old, new) = (candidate(existing.facts()), candidate(newcomer.facts()));
            match which_stays(&self.us, newcomer.peer(), old, age, new) {
                Keep::Newcomer => losers.push(existing.clone()),
                Keep::Existing => losers.push(newcomer.clone()),
                Keep::Both => {}
            }
        }
        losers
    }

    fn lock(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many of these are not closed yet.
fn alive(sessions: &[Session]) -> usize {
    sessions.iter().filter(|session| session.stage() != Stage::Closed).count()
}

/// Whether a session drains that belongs to another process than the newcomer does. Of clients
/// there may be several at a time.
fn is_of_the_past(session: &Session, newcomer: &Greeting) -> bool {
    let Facts { role, boot_ms, .. } = session.facts();
    let of_client = *role == Role::Client || newcomer.role == Role::Client;
    session.stage() == Stage::Draining && *boot_ms != newcomer.boot_ms && !of_client
}

fn candidate(facts: &Facts) -> Candidate {
    Candidate { boot_ms: facts.boot_ms, dialed: facts.dialed, role: facts.role }
}
