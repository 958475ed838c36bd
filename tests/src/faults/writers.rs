//! Callers that write at the same time, over several nodes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bothways::Node;
use tokio::task::JoinSet;

use super::Plan;
use super::caller::{Caller, Manner, Shared};
use super::hub::Hub;
use crate::history::Write;
use crate::{soon, until_session};

/// How long a caller that is told that it is enough may still wait for an answer.
const LAST_ANSWER: Duration = Duration::from_secs(60);

/// Several nodes, and the callers on them.
pub(super) struct Writers {
    pub(super) shared: Arc<Shared>,
    nodes: Vec<Node>,
    callers: Vec<Caller>,
    writing: JoinSet<Caller>,
}

impl Writers {
    /// So many nodes, each with a caller of each of these manners.
    pub(super) async fn new(plan: &Plan, hub: &Hub, nodes: u32, manners: &[Manner]) -> Self {
        let shared = Shared::new();
        let mut writers =
            Self { shared, nodes: Vec::new(), callers: Vec::new(), writing: JoinSet::new() };
        for at in 0..nodes {
            let node = hub.client(&format!("writer-{at}")).await;
            until_session(&node, "hub").await;
            for (nth, manner) in manners.iter().enumerate() {
                let (name, peer) = (format!("{at} {nth}"), node.peer("hub"));
                let random = plan.random(1000 + writers.callers.len() as u64);
                let shared = writers.shared.clone();
                writers.callers.push(Caller::new(name, *manner, peer, random, shared));
            }
            writers.nodes.push(node);
        }
        writers
    }

    /// Has all callers write.
    pub(super) fn begin(&mut self) {
        self.shared.enough.store(false, Ordering::Relaxed);
        for caller in self.callers.drain(..) {
            self.writing.spawn(caller.write());
        }
    }

    /// Has all callers end, each with the answer to its last write.
    pub(super) async fn end(&mut self) {
        self.shared.enough.store(true, Ordering::Relaxed);
        let ended = async {
            while let Some(caller) = self.writing.join_next().await {
                self.callers.push(caller.unwrap());
            }
        };
        let ended = tokio::time::timeout(LAST_ANSWER, ended).await;
        assert!(ended.is_ok(), "a caller still waits for an answer");
    }

    pub(super) fn in_flight(&self) -> usize {
        self.shared.in_flight.load(Ordering::Relaxed)
    }

    /// Waits until so many requests wait for their answer.
    pub(super) async fn until_in_flight(&self, requests: usize) {
        let reached = async {
            while self.in_flight() < requests {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        soon("requests in flight", reached).await;
    }

    /// All that callers were told so far, while none of them writes.
    pub(super) fn writes(&self) -> Vec<Write> {
        self.callers.iter().flat_map(|caller| caller.writes.clone()).collect()
    }

    /// What callers of these manners should not have been told, and what none should have been.
    pub(super) fn errors(&self, manners: &[Manner]) -> Vec<String> {
        let these = self.callers.iter().filter(|caller| manners.contains(&caller.manner));
        let reused = self.callers.iter().flat_map(Caller::reused);
        these.flat_map(Caller::errors).chain(reused).collect()
    }

    pub(super) async fn stop(self) {
        for node in self.nodes {
            node.stop().await;
        }
    }
}
