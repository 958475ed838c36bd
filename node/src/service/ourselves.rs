//! A request of the node to itself: the same rules, no stream, and a record like any other.

use std::sync::Arc;
use std::time::Instant;

use bothways_protocol::{Encoded, Failure, Request};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::rules::{Caller, Inbound};
use crate::client::{Ourselves, Outbound};
use crate::session::{Begun, Way};

impl Ourselves for Inbound {
    fn answer(self: Arc<Self>, request: Request) -> BoxFuture<'static, Result<Encoded, Failure>> {
        async move {
            let Outbound { name, role, .. } = &*self.outbound;
            let caller =
                Caller { peer: name.clone(), role: *role, session: None, way: Way::Ourselves };
            // No message crosses: what is held to the bounds are the params.
            let bytes = (request.params.bytes().len(), 0);
            let now = Instant::now();
            match self.begin_recorded(caller, request, bytes, (now, now), None) {
                Begun::Answered(answered) => answered.answer,
                Begun::AtWork(work) => work.await.answer,
            }
        }
        .boxed()
    }
}
