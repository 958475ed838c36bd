//! A request of the node to itself: the same rules, no stream, and a record like any other.

use std::time::Instant;

use bothways_protocol::{Code, Encoded, Failure, Request};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use super::inbound::outcome;
use super::rules::{Caller, Inbound};
use crate::client::{Ourselves, Outbound};
use crate::exchange::Outcome;

impl Ourselves for Inbound {
    fn answer<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Encoded, Failure>> {
        async move {
            let began = Instant::now();
            let given_up = Outcome::Failed(Code::Cancelled);
            let mut answering = Answering { inbound: self, request, began, code: given_up };
            let Outbound { name, role, .. } = &*self.outbound;
            let caller = Caller { peer: name.clone(), role: *role, session: None };
            let (bytes, cancelled) = (request.params.bytes().len(), CancellationToken::new());
            let answer = self.decide(caller, request, bytes, &mut None, &cancelled).await;
            answering.code = outcome(&answer);
            answer
        }
        .boxed()
    }
}

/// Leaves the record of the end that answers, however that ends.
struct Answering<'a> {
    inbound: &'a Inbound,
    request: &'a Request,
    began: Instant,
    code: Outcome,
}

impl Drop for Answering<'_> {
    fn drop(&mut self) {
        let us = &self.inbound.outbound.name;
        // No message crosses.
        self.inbound.record(us, self.began, self.request, self.code, (0, 0));
    }
}
