//! A peer node: client and server at once, both ways over one mutually authenticated connection.
//!
//! A program that embeds a [`Node`] answers requests with the methods of its [`Router`](service::Router)
//! and issues them to a [`Peer`]. What it may do is its role's matter; who it is, its certificate's.
//!
//! ```
//! use bothways::certs::{Authority, DEFAULT_AUTHORITY_LIFE, DEFAULT_IDENTITY_LIFE};
//! use bothways::config::Plan;
//! use bothways::domain::people::{CreatePerson, GetPerson};
//! use bothways::{Node, Services};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // One authority, and an identity under it for each node.
//! let authority = Authority::create(&"demo".parse()?, DEFAULT_AUTHORITY_LIFE)?;
//! let hub = authority.issue(&"hub".parse()?, DEFAULT_IDENTITY_LIFE)?;
//! let desk = authority.issue(&"desk".parse()?, DEFAULT_IDENTITY_LIFE)?;
//!
//! // A node that listens, and answers people.create and its like.
//! let plan = Plan::draft(hub, authority.trust()).listen("127.0.0.1:0".parse()?).check()?;
//! let services = Services::open(&plan)?;
//! let hub = Node::start(plan, services.router()).await?;
//!
//! // A node that dials it, and asks.
//! let address = hub.listening().next().ok_or("no listener")?;
//! let plan = Plan::draft(desk, authority.trust()).peer("hub".parse()?, address).check()?;
//! let desk = Node::start(plan, Default::default()).await?;
//!
//! let ann = CreatePerson { name: "Ann".parse()?, title: None };
//! let ann = desk.peer("hub").request(ann).await?;
//! let same = desk.peer("hub").request(GetPerson { id: ann.id }).await?;
//! assert_eq!(same.name.as_str(), "Ann");
//!
//! desk.stop().await;
//! hub.stop().await;
//! services.close().await?;
//! # Ok(())
//! # }
//! ```

pub mod bench;
mod client;
mod clock;
pub mod config;
pub mod control;
pub mod domain;
pub mod exchange;
pub mod gateway;
pub mod json;
pub mod logs;
mod metrics;
mod network;
mod node;
mod otlp;
pub mod service;
mod services;
mod session;
pub mod store;
mod transport;
mod visible;

pub use bothways_certs as certs;
pub use bothways_protocol as protocol;
pub use client::{Peer, RequestError, Subscription, SubscriptionState};
pub use network::StoppedError;
pub use node::{
    DialStatus, LogStatus, Node, RequestCounts, RequestsStatus, SessionInfo, SessionStatus,
    StartError, Status, Stopped, StoreStatus,
};
pub use services::Services;
pub use session::DialError;
pub use transport::EndpointError;
pub use visible::{visible, visible_json};
