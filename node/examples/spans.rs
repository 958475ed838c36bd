//! Three nodes: desk asks hub for a quote, and hub's handler asks depot for the stock, as part of the
//! same trace. Each sends its ends of the requests as spans to an OpenTelemetry receiver.
//!
//! Run it with `cargo run -p bothways --example spans -- http://127.0.0.1:4318`: it prints the trace,
//! and the receiver has four spans of three services under that id.

#![allow(clippy::print_stdout, reason = "an example tells what it does")]

use std::sync::Arc;

use bothways::Node;
use bothways::certs::{Authority, DEFAULT_AUTHORITY_LIFE, DEFAULT_IDENTITY_LIFE};
use bothways::config::{Draft, ExchangePlan, OtlpEndpoint, Plan};
use bothways::protocol::{Code, Effect, Failure, Method};
use bothways::service::{Context, Router};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Asks what something costs.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Quote {
    /// What it is.
    item: String,
}

/// Asks how many of something are there.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Stock {
    /// What it is.
    item: String,
}

impl Method for Quote {
    const NAME: &'static str = "sales.quote";
    const EFFECT: Effect = Effect::Reads;
    const ABOUT: &'static str = "Says what something costs, if there is any";
    type Result = String;

    fn example() -> Self {
        Self { item: "lamp".to_owned() }
    }
}

impl Method for Stock {
    const NAME: &'static str = "depot.stock";
    const EFFECT: Effect = Effect::Reads;
    const ABOUT: &'static str = "Says how many of something are there";
    type Result = u32;

    fn example() -> Self {
        Self { item: "lamp".to_owned() }
    }
}

#[derive(Debug)]
struct Sales;

impl Sales {
    async fn quote(&self, context: Context, Quote { item }: Quote) -> Result<String, Failure> {
        let depot = "depot".parse().map_err(|_| Failure::new(Code::Internal, "no name"))?;
        let depot = context.ask(&depot).ok_or_else(|| Failure::new(Code::Internal, "no node"))?;
        match depot.request(Stock { item: item.clone() }).await {
            Ok(0) => Err(Failure::new(Code::NotFound, format!("there is no {item} left"))),
            Ok(count) => Ok(format!("one of {count}: 20 EUR")),
            Err(error) => Err(Failure::new(error.code(), error.to_string())),
        }
    }
}

#[derive(Debug)]
struct Depot;

impl Depot {
    #[allow(clippy::unused_async, reason = "a handler is an async method")]
    async fn stock(&self, _: Context, Stock { item }: Stock) -> Result<u32, Failure> {
        Ok(u32::from(item == "lamp") * 7)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let endpoint = std::env::args().nth(1).unwrap_or_else(|| "http://127.0.0.1:4318".to_owned());
    let endpoint: OtlpEndpoint = endpoint.parse()?;
    let authority = Authority::create(&"demo".parse()?, DEFAULT_AUTHORITY_LIFE)?;
    let draft = |name: &str| -> Result<Draft, Box<dyn std::error::Error>> {
        let identity = authority.issue(&name.parse()?, DEFAULT_IDENTITY_LIFE)?;
        let exchange = ExchangePlan { otlp: Some(endpoint.clone()), ..ExchangePlan::default() };
        Ok(Plan::draft(identity, authority.trust()).exchange(exchange))
    };
    let address = |node: &Node| node.listening().next().ok_or("no listener");

    let stock = Router::default().on(&Arc::new(Depot), Depot::stock);
    let depot = Node::start(draft("depot")?.listen("127.0.0.1:0".parse()?).check()?, stock).await?;
    let plan = draft("hub")?.listen("127.0.0.1:0".parse()?);
    let plan = plan.peer("depot".parse()?, address(&depot)?).check()?;
    let hub = Node::start(plan, Router::default().on(&Arc::new(Sales), Sales::quote)).await?;
    let plan = draft("desk")?.peer("hub".parse()?, address(&hub)?).check()?;
    let desk = Node::start(plan, Router::default()).await?;

    let quote = desk.peer("hub").request(Quote { item: "lamp".to_owned() }).await?;
    println!("{quote}");
    for record in desk.recent() {
        println!("trace {}", record.trace_id);
    }
    for node in [desk, hub, depot] {
        node.stop().await;
    }
    Ok(())
}
