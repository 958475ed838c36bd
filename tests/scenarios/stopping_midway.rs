//! A stop that nobody waits for to its end, or that begins where it does harm.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bothways::protocol::{CloseCode, Effect, Failure, Method, Outgoing};
use bothways::service::{Context, Router};
use bothways::{Node, RequestError, Stopped};
use bothways_tests::{Lab, Network, Slow, request, soon, until_session};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::support::{begin_slow, echo};

/// Waits until a node has stopped, network thread and all.
async fn stopped(node: &Node) {
    let stopped = async {
        while !matches!(echo(node, "nobody").await, Err(RequestError::Stopped)) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    soon("a stop", stopped).await;
}

#[tokio::test]
async fn a_stop_that_was_begun_goes_on_when_nobody_waits_for_it_any_more() {
    let (network, lab) = (Network::new(), Lab::new());
    let hub = network.node("hub").listening().answering(lab.routes()).start().await;
    let ann = network.node("ann").dialing(&hub).start().await;
    let asked = begin_slow(&ann, "hub");
    lab.until("the handler", |seen| seen.started == 1).await;

    let given_up = tokio::time::timeout(Duration::from_millis(50), hub.stop()).await;
    assert!(given_up.is_err(), "a request is in flight");
    lab.release(1);

    assert_eq!(soon("an answer", asked).await.unwrap().unwrap(), "at last");
    stopped(&hub).await;
}

#[tokio::test]
async fn each_of_several_stops_tells_how_the_node_stopped() {
    let (network, lab) = (Network::new(), Lab::new());
    let hub = network.node("hub").listening().answering(lab.routes()).start().await;
    let ann = network.node("ann").dialing(&hub).start().await;
    let _asked = begin_slow(&ann, "hub");
    lab.until("the handler", |seen| seen.started == 1).await;

    let (patient, hasty) = tokio::join!(hub.stop(), hub.stop_within(Duration::from_millis(50)));

    let cut = Stopped::Cut { sessions: 1 };
    assert_eq!((patient, hasty, hub.stop().await), (cut, cut, cut));
}

/// Does something to the node that answers.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct End {}

impl Method for End {
    const NAME: &'static str = "own.end";
    const EFFECT: Effect = Effect::Reads;
    const ABOUT: &'static str = "Ends the node that answers";
    type Result = ();

    fn example() -> Self {
        Self {}
    }
}

/// Holds the node that it is a service of.
#[derive(Default)]
struct Own {
    node: Mutex<Option<Node>>,
}

impl Own {
    async fn drop_it(&self, _: Context, _: End) -> Result<(), Failure> {
        drop(self.node.lock().unwrap().take());
        std::future::pending().await
    }

    async fn stop_it(&self, _: Context, _: End) -> Result<(), Failure> {
        let node = self.node.lock().unwrap().clone().unwrap();
        node.stop_within(Duration::from_millis(50)).await;
        Ok(())
    }
}

#[tokio::test]
async fn a_handler_may_drop_the_last_handle_of_its_own_node() {
    let (network, own) = (Network::new(), Arc::new(Own::default()));
    let hub = network.node("hub").listening().answering(Router::default().on(&own, Own::drop_it));
    let hub = hub.start().await;
    let raw = network.raw("ann").session(hub.listening().next().unwrap()).await;
    *own.node.lock().unwrap() = Some(hub);

    let _asked = raw.begin(&request("own.end", &End {}).encode()).await;

    assert_eq!(raw.closed().await.0, Some(CloseCode::Stopping));
    soon("the last hold on the service", async {
        while Arc::strong_count(&own) > 1 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_handler_may_stop_its_own_node() {
    let (network, own) = (Network::new(), Arc::new(Own::default()));
    let hub = network.node("hub").listening().answering(Router::default().on(&own, Own::stop_it));
    let hub = hub.start().await;
    let raw = network.raw("ann").session(hub.listening().next().unwrap()).await;
    until_session(&hub, "ann").await;
    *own.node.lock().unwrap() = Some(hub.clone());

    let _asked = raw.begin(&request("own.end", &End {}).encode()).await;

    assert_eq!(raw.closed().await.0, Some(CloseCode::Stopping));
    stopped(&hub).await;
}

#[tokio::test]
async fn a_node_that_is_dropped_while_a_request_waits_to_be_read_ends() {
    let (network, lab) = (Network::new(), Lab::new());
    let hub = network.node("hub").listening().answering(lab.routes()).start().await;
    let raw = network.raw("ann").session(hub.listening().next().unwrap()).await;
    let whole = request("lab.slow", &Slow {}).encode();
    let _half = raw.begin(&whole[..10]).await;
    until_session(&hub, "ann").await;

    drop(hub);

    assert_eq!(raw.closed().await.0, Some(CloseCode::Stopping));
}
