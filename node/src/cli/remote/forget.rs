//! Ends durable subscriptions.

use bothways::config::Plan;
use bothways::service::Router;
use bothways_protocol::{DurableName, Encoded, Forget, NodeName};

use super::{start, tell};
use crate::cli::{Result, Trouble};

/// What a peer is to forget.
#[derive(Debug)]
pub(in crate::cli) struct Forgetting {
    pub(in crate::cli) plan: Plan,
    pub(in crate::cli) peer: NodeName,
    pub(in crate::cli) services: Vec<String>,
    pub(in crate::cli) durable: DurableName,
}

/// Has the peer forget the durable subscription of this name at each of the services.
pub(in crate::cli) async fn forget(forgetting: Forgetting, note: impl Fn(&str)) -> Result {
    let Forgetting { plan, peer, services, durable } = forgetting;
    let params = Encoded::of(&Forget { durable: durable.clone() })?;
    let node = start(plan, Router::default()).await?;
    let asked = node.peer(peer.as_str()).fail_fast();
    let mut failed = Vec::new();
    for service in &services {
        match asked.call(&format!("{service}.forget"), params.clone()).await {
            Ok(_) => note(&format!("{peer} has forgotten {durable} of {service}")),
            Err(error) => failed.push((service.as_str(), tell(error))),
        }
    }
    node.stop().await;
    if services.len() == 1 {
        return failed.pop().map_or(Ok(()), |(_, trouble)| Err(trouble));
    }
    let Some((_, first)) = failed.first() else { return Ok(()) };
    let what =
        format!("{durable} is not forgotten at {} of {} services", failed.len(), services.len());
    let each =
        failed.iter().map(|(service, trouble)| format!("{service}: {}", trouble.in_a_line()));
    Err(Trouble::new(first.exit(), what).details(each))
}
