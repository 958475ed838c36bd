//! People with browsers, and programs that speak HTTP: the page of a node, and its JSON interface.
//!
//! It asks as the node that it belongs to, and holds no business rule: what it shows is what peers
//! answered. It has a thread and a runtime of its own, so that nothing that a browser does holds up
//! the network threads. It imports the node's public face, and draws what `exchange` merges.

mod access;
mod call;
mod door;
mod drawn;
mod entry;
mod events;
mod exchange;
mod gather;
mod guard;
mod health;
mod methods;
mod openapi;
mod page;
mod patience;
mod problem;
mod routes;
mod spent;
mod status;
mod watch;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, oneshot};
use tokio_util::sync::CancellationToken;

use crate::config::{HttpPlan, Plan};
use crate::node::Node;
use access::Access;
use guard::Hosts;

pub use access::TokenError;

/// What a stop waits for requests that are being answered.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// The page and the HTTP interface of a running node; dropping it closes both.
#[derive(Debug)]
pub struct Gateway {
    desk: Arc<Desk>,
    thread: Option<JoinHandle<()>>,
}

/// What its handlers share.
#[derive(Debug)]
struct Desk {
    node: Node,
    address: SocketAddr,
    hosts: Hosts,
    access: Access,
    /// The records that peers have given.
    given: gather::Given,
    /// Places for streams of events.
    streams: Arc<Semaphore>,
    stop: CancellationToken,
}

/// Draws links that open the page.
#[derive(Debug, Clone)]
pub struct Links(Arc<Desk>);

impl Links {
    /// Where the page is, the port resolved.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// A link that opens the page in one browser, once, within the hour.
    #[must_use]
    pub fn draw(&self) -> String {
        self.0.link()
    }
}

/// A gateway that cannot be opened.
#[derive(Debug, Error)]
pub enum GatewayError {
    /// The address cannot be had.
    #[error("cannot listen on http://{address}: {source}: choose another address with --http")]
    Listen {
        /// Where it was to listen.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The file with the programs' token is of no use.
    #[error("{}: {source}", .path.display())]
    Token {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: TokenError,
    },
    /// There is no thread for it.
    #[error("cannot start the gateway's thread: {0}")]
    Thread(io::Error),
}

impl Gateway {
    /// Opens the gateway of a node; it listens when this returns.
    ///
    /// # Errors
    /// Where the address cannot be had, or the token file is of no use.
    pub async fn open(http: &HttpPlan, plan: &Plan, node: Node) -> Result<Self, GatewayError> {
        let access = Access::new(http, plan)?;
        let (told, bound) = oneshot::channel();
        let http = http.clone();
        let work = move || run(&http, node, access, told);
        let name = "bothways-http".to_owned();
        let started = std::thread::Builder::new().name(name).spawn(work);
        let thread = started.map_err(GatewayError::Thread)?;
        let died = || GatewayError::Thread(io::Error::other("it ended"));
        let desk = bound.await.map_err(|_| died())??;
        Ok(Self { desk, thread: Some(thread) })
    }

    /// Where it listens, the port resolved.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.desk.address
    }

    /// What draws links that open the page.
    #[must_use]
    pub fn links(&self) -> Links {
        Links(self.desk.clone())
    }

    /// Closes it: no newcomers; what is being answered is, for 2 s at the most.
    pub async fn close(mut self) {
        self.desk.stop.cancel();
        let Some(thread) = self.thread.take() else { return };
        // It ends by itself, whether or not somebody waits for that.
        let _ = tokio::task::spawn_blocking(move || thread.join()).await;
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.desk.stop.cancel();
    }
}

impl Desk {
    fn link(&self) -> String {
        let (ip, port) = (self.address.ip(), self.address.port());
        let host = match ip.is_unspecified() {
            // Not by a name: it may lead to another address, and somebody else there.
            true if ip.is_ipv6() => format!("[::1]:{port}"),
            true => format!("127.0.0.1:{port}"),
            false => self.address.to_string(),
        };
        format!("http://{host}/#open={}", self.access.new_link())
    }
}

/// The gateway's thread, from its socket to its last answer.
fn run(
    http: &HttpPlan,
    node: Node,
    access: Access,
    told: oneshot::Sender<Result<Arc<Desk>, GatewayError>>,
) {
    let work = async |told: oneshot::Sender<_>| {
        let opened = listen(http, node, access).await;
        let (listener, desk) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                // Where nobody waits any more, nobody is told.
                let _ = told.send(Err(error));
                return;
            }
        };
        if told.send(Ok(desk.clone())).is_ok() {
            door::welcome_all(listener, &desk).await;
        }
    };
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(work(told)),
        Err(error) => {
            let _ = told.send(Err(GatewayError::Thread(error)));
        }
    }
}

async fn listen(
    http: &HttpPlan,
    node: Node,
    access: Access,
) -> Result<(TcpListener, Arc<Desk>), GatewayError> {
    let failed = |source| GatewayError::Listen { address: http.listen, source };
    let listener = TcpListener::bind(http.listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let hosts = Hosts::of(address, &http.hosts);
    let streams = Arc::new(Semaphore::new(events::STREAMS_MAX));
    let stop = CancellationToken::new();
    let given = gather::Given::default();
    let desk = Desk { node, address, hosts, access, given, streams, stop };
    Ok((listener, Arc::new(desk)))
}
