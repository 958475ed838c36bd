//! The server that faults are done to: a process, which comes back at the same address.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use bothways::Node;
use bothways::config::Limits;
use bothways::domain::people::{ListPeople, PAGE_MAX, Person};
use bothways::protocol::Role;

use crate::history::{Held, Stored};
use crate::{Network, Program, Running};

/// How long one request may take while the server is gone.
pub(super) const WITHIN: Duration = Duration::from_secs(30);

/// How often a node that is cut off shows that it is there: by default that is every 10 s, for which
/// each round would wait.
const KEEP_ALIVE: Duration = Duration::from_millis(500);

/// How soon it notices that the way is dead.
const IDLE: Duration = Duration::from_millis(1_500);

/// A server, and the network that it belongs to.
pub(super) struct Hub {
    pub(super) network: Network,
    pub(super) address: SocketAddr,
    program: Program,
    data: String,
    running: Option<Running>,
}

impl Hub {
    /// Starts a server that keeps its data in a folder, or else in one of its own.
    pub(super) async fn start(data: Option<&Path>, under: &[&str]) -> Self {
        let network = Network::new();
        let program = Program::of(&network).under(under);
        program.keep(&network.identity("hub"));
        let data = data.map_or_else(|| program.path("store"), Path::to_path_buf);
        let data = data.display().to_string();
        let address = ([127, 0, 0, 1], 0).into();
        let mut hub = Self { network, address, program, data, running: None };
        hub.try_start().await.unwrap_or_else(|log| panic!("the hub does not start: {log:#?}"));
        hub
    }

    /// Starts it again, and tells how long it took until it had answered a request.
    pub(super) async fn start_again(&mut self) -> Duration {
        let began = Instant::now();
        let started = self.try_start().await;
        started.unwrap_or_else(|log| panic!("the hub does not start again: {log:#?}"));
        let probe = self.client("probe").await;
        probe.peer("hub").within(WITHIN).request(ListPeople::default()).await.unwrap();
        let ready = began.elapsed();
        probe.stop().await;
        ready
    }

    /// Starts it, where it can be started; else tells what it has logged.
    pub(super) async fn try_start(&mut self) -> Result<(), Vec<String>> {
        let address = self.address.to_string();
        let options = self.options();
        let running = self.program.try_start_at(&address, "hub", &options).await?;
        self.address = running.address;
        self.running = Some(running);
        Ok(())
    }

    /// Starts it, and kills it a moment later, wherever it is by then.
    pub(super) async fn start_and_kill(&mut self, moment: Duration) {
        let options = self.options();
        let running = self.program.launch_at(&self.address.to_string(), "hub", &options);
        tokio::time::sleep(moment).await;
        running.kill().await;
    }

    pub(super) async fn kill(&mut self) {
        self.take().kill().await;
    }

    pub(super) fn running(&self) -> &Running {
        self.running.as_ref().expect("the hub runs")
    }

    /// Lets go of the process that runs, so that another may follow it.
    pub(super) fn take(&mut self) -> Running {
        self.running.take().expect("the hub runs")
    }

    /// A node that asks the server.
    pub(super) async fn client(&self, name: &str) -> Node {
        let setup = self.network.node(name).role(Role::Client);
        setup.dialing_at("hub", self.address).start().await
    }

    /// A node that asks the server by another address than the server's own.
    pub(super) async fn client_by(&self, name: &str, address: SocketAddr) -> Node {
        let setup = self.network.node(name).role(Role::Client).dialing_at("hub", address);
        let limits = |limits: &mut Limits| (limits.keep_alive, limits.idle) = (KEEP_ALIVE, IDLE);
        setup.limits(limits).start().await
    }

    /// All that the server holds.
    pub(super) async fn held(&self) -> Vec<Held> {
        let reader = self.client("reader").await;
        let (mut held, mut after) = (Vec::new(), None);
        loop {
            let page = ListPeople { after, limit: Some(PAGE_MAX) };
            let page = reader.peer("hub").within(WITHIN).request(page).await.unwrap();
            held.extend(page.people.iter().map(|person| Held {
                what: person.name.as_str().to_owned(),
                stored: stored(person),
            }));
            after = page.next;
            if after.is_none() {
                reader.stop().await;
                return held;
            }
        }
    }

    fn options(&self) -> [&str; 4] {
        ["--data", &self.data, "--log-level", "info,exchange=off"]
    }
}

/// Where a person stands in the store.
pub(super) fn stored(person: &Person) -> Stored {
    Stored { revision: person.revision, id: person.id.to_string() }
}
