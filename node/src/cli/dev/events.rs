//! What a node of a topology watches: each event leaves a line in its log, and is acknowledged.

use bothways::{Node, RequestError};
use bothways_protocol::{NodeName, Watch};
use tokio::task::JoinSet;

use crate::cli::merged::{EVENT, EVENT_TARGET};
use crate::cli::topics::by_service;

/// The name under which a peer remembers how far a node has come.
const DURABLE: &str = "topology";

/// Begins to watch topics at a peer: one durable subscription for each of their services.
pub(super) fn watch(node: &Node, peer: &NodeName, topics: &[String], watching: &mut JoinSet<()>) {
    let services = match by_service(topics) {
        Ok(services) => services,
        Err(topic) => return tracing::warn!(%peer, topic, "topology: this is no topic"),
    };
    for (service, topics) in services {
        let watch = Watch { topics, from: None, durable: DURABLE.parse().ok() };
        let (node, peer, service) = (node.clone(), peer.clone(), service.to_owned());
        watching.spawn(async move {
            super::script::until_session(&node, &peer).await;
            if let Err(error) = follow(&node, &peer, &service, watch).await
                && !matches!(error, RequestError::Stopped)
            {
                tracing::warn!(%peer, service, %error, "topology: watches no longer");
            }
        });
    }
}

async fn follow(
    node: &Node,
    peer: &NodeName,
    service: &str,
    watch: Watch,
) -> Result<(), RequestError> {
    let mut subscription = node.peer(peer.as_str()).subscribe(service, watch);
    loop {
        let event = subscription.next().await?;
        let (topic, bytes) = (&event.topic, event.body.bytes().len());
        tracing::info!(target: EVENT_TARGET, %peer, %topic, bytes, "{EVENT}");
        subscription.acknowledge(&event).await?;
    }
}
