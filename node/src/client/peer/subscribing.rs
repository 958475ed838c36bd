//! What a subscription needs of the peer that it watches.

use std::sync::Arc;
use std::time::Instant;

use bothways_protocol::{Encoded, MethodName, Watch};

use super::{Ask, Asking, Patience, Peer, Target};
use crate::client::outbound::Outbound;
use crate::client::{RequestError, Subscription};
use crate::session::Session;

impl Peer {
    /// Watches what changes at a service: `peer.subscribe("people", Watch::default())`.
    ///
    /// The subscription begins at once, and resumes by itself; `fail_fast` holds until it has begun
    /// for the first time.
    #[must_use]
    pub fn subscribe(&self, service: &str, watch: Watch) -> Subscription {
        // What a handler subscribes to outlives the request that it answers.
        Subscription::begin(Self { origin: None, ..self.clone() }, service.to_owned(), watch)
    }

    pub(in crate::client) fn outbound(&self) -> &Arc<Outbound> {
        &self.outbound
    }

    pub(in crate::client) fn is_fail_fast(&self) -> bool {
        self.patience == Patience::FailFast
    }

    /// A request that is about to be made to a session of this peer's, and the session.
    pub(in crate::client) async fn ready(
        &self,
        method: MethodName,
        params: Encoded,
        now: Instant,
    ) -> Result<(Ask, Session), RequestError> {
        let name = match &self.target {
            Target::Named(name) => name.clone()?,
            Target::Over(session) => session.peer().clone(),
        };
        let ask = self.prepare(method, params, None, self.outbound.limits.message_bytes, now)?;
        let (outbound, target) = (self.outbound.clone(), self.target.clone());
        let mut asking = Asking { outbound, ask, target, patience: self.patience, refused: None };
        let session = asking.session(&name).await?;
        let role = session.facts().role;
        if !role.answers() {
            return Err(RequestError::Role { role, forbids: "answers no requests" });
        }
        asking.ask.ready(1, Instant::now());
        Ok((asking.ask, session))
    }

    /// Whether it is this node itself that is asked.
    pub(in crate::client) fn is_ourselves(&self) -> bool {
        matches!(&self.target, Target::Named(Ok(name)) if *name == self.outbound.name)
    }
}
