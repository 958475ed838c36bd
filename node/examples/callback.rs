//! A peer without a listener dials a server-side peer, asks it for something, and is asked back
//! over the very connection that it opened.
//!
//! Run it with `cargo run -p bothways --example callback`.

#![allow(clippy::print_stdout, reason = "an example tells what it does")]

use std::sync::Arc;

use bothways::certs::{Authority, DEFAULT_AUTHORITY_LIFE, DEFAULT_IDENTITY_LIFE};
use bothways::config::Plan;
use bothways::protocol::{Code, Effect, Failure, Method};
use bothways::service::{Context, Router};
use bothways::{Node, RequestError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Asks a hub to have a parcel delivered.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Deliver {
    /// What it is.
    parcel: String,
}

/// Asks whoever gets the parcel where to leave it.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct WhereTo {
    /// What it is.
    parcel: String,
}

impl Method for Deliver {
    const NAME: &'static str = "parcels.deliver";
    const EFFECT: Effect = Effect::Writes;
    const ABOUT: &'static str = "Has a parcel delivered";
    type Result = String;

    fn example() -> Self {
        Self { parcel: "a lamp".to_owned() }
    }
}

impl Method for WhereTo {
    const NAME: &'static str = "door.where_to";
    const EFFECT: Effect = Effect::Reads;
    const ABOUT: &'static str = "Says where to leave a parcel";
    type Result = String;

    fn example() -> Self {
        Self { parcel: "a lamp".to_owned() }
    }
}

#[derive(Debug)]
struct Parcels;

impl Parcels {
    async fn deliver(&self, context: Context, params: Deliver) -> Result<String, Failure> {
        let caller = context.caller().ok_or_else(|| Failure::new(Code::Internal, "no caller"))?;
        let question = WhereTo { parcel: params.parcel.clone() };
        let place = caller.request(question).await.map_err(|error| nobody_home(&error))?;
        Ok(format!("{} left {place} of {}", params.parcel, context.peer()))
    }
}

#[derive(Debug)]
struct Door;

impl Door {
    async fn where_to(&self, context: Context, params: WhereTo) -> Result<String, Failure> {
        println!("{} asks where to leave {}", context.peer(), params.parcel);
        Ok("at the back door".to_owned())
    }
}

fn nobody_home(error: &RequestError) -> Failure {
    Failure::new(Code::FailedPrecondition, format!("nobody home: {error}"))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let authority = Authority::create(&"town".parse()?, DEFAULT_AUTHORITY_LIFE)?;
    let identity = |name: &str| -> Result<_, Box<dyn std::error::Error>> {
        Ok(authority.issue(&name.parse()?, DEFAULT_IDENTITY_LIFE)?)
    };

    let hub = Plan::draft(identity("hub")?, authority.trust()).listen("127.0.0.1:0".parse()?);
    let hub = Node::start(hub.check()?, Router::default().on(&Arc::new(Parcels), Parcels::deliver))
        .await?;
    let address = hub.listening().next().ok_or("the hub has no address")?;

    let home = Plan::draft(identity("home")?, authority.trust()).peer("hub".parse()?, address);
    let home =
        Node::start(home.check()?, Router::default().on(&Arc::new(Door), Door::where_to)).await?;

    let said = home.peer("hub").request(Deliver { parcel: "a lamp".to_owned() }).await?;
    println!("hub answers: {said}");

    home.stop().await;
    hub.stop().await;
    Ok(())
}
