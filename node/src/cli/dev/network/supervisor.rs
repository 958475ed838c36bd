//! A network that runs: its authority, its nodes as child processes, and its end, after which
//! nothing is left.

mod wishes;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use bothways::config::BUILT_IN_SERVICES;
use bothways_certs::{Authority, DEFAULT_IDENTITY_LIFE};
use bothways_protocol::NodeName;
use futures_util::future::{join_all, select_all};
use jiff::Timestamp;
use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, sleep, timeout};

use super::child::{Child, SOCKET, identity, quoted, told};
use super::ground::{Ground, Held, SPACE};
use super::requests::{Asked, Requests};
use super::state::{NodeState, State};
use crate::cli::contexts::{Folders, Registered};
use crate::cli::dev::signals::Signals;
use crate::cli::dev::topology::{NodeSpec, PERSON, Topology};
use crate::cli::{Advise, Exit, Result, Trouble};

use wishes::Wish;
pub(in crate::cli::dev) use wishes::Wishes;

/// How long the nodes may take until each has a session with each that it dials.
const SESSIONS_TIMEOUT: Duration = Duration::from_secs(10);
/// How often they are asked.
const ASK_EVERY: Duration = Duration::from_millis(20);
/// What a node may take to stop: its drain, and the stages behind it.
const STOP_TIMEOUT: Duration = Duration::from_secs(15);
/// The longest path that every system takes for a Unix socket, in bytes (macOS: unix(4)).
const SOCKET_PATH_MAX_BYTES: usize = 103;
/// How long the throw-away authority lives.
const AUTHORITY_LIFE: Duration = Duration::from_secs(90 * 86_400);

/// A network of this machine, from its first file to its last.
#[derive(Debug)]
pub(in crate::cli::dev) struct Network {
    pub(in crate::cli::dev) ground: Ground,
    pub(in crate::cli::dev) topology: Topology,
    pub(in crate::cli::dev) state: State,
    held: Held,
    children: Vec<Child>,
    log: File,
    /// Where the nodes are that listen.
    addresses: BTreeMap<NodeName, String>,
    requests: Requests,
    /// How much more than usual the nodes log.
    verbose: u8,
    /// Lets the commands find the network while it runs.
    registered: Option<Registered>,
}

impl Network {
    /// Makes the folder, the authority and the identities.
    pub(in crate::cli::dev) fn prepare(
        ground: &Ground,
        held: Held,
        topology: Topology,
        verbose: u8,
    ) -> Result<Self> {
        match lay_out(ground, &held, &topology) {
            Ok((log, requests)) => {
                let topology = topology.with_readers();
                let (name, supervisor) = (ground.name.to_string(), std::process::id());
                Ok(Self {
                    ground: ground.clone(),
                    topology,
                    state: State { name, supervisor, ready: false, nodes: Vec::new() },
                    held,
                    children: Vec::new(),
                    log,
                    addresses: BTreeMap::new(),
                    requests,
                    verbose,
                    registered: None,
                })
            }
            Err(trouble) => {
                held.remove()?;
                Err(trouble)
            }
        }
    }

    /// Starts the nodes, each after those that it dials, and waits until they have met.
    pub(in crate::cli::dev) async fn start(&mut self, folders: &Folders) -> Result {
        self.write_state()?;
        for name in self.topology.start_order() {
            let spec = &self.topology.nodes[&name];
            let child = Child::spawn(&self.ground, &name, spec, &self.addresses, self.verbose)?;
            self.state.nodes.push(state_of(&child, spec));
            self.children.push(child);
            self.write_state()?;
            let Some(child) = self.children.last_mut() else { continue };
            let status = child.until_up().await?;
            if let Some(page) = status.http {
                self.keep_page(&name, page)?;
            }
            if let Some(address) = status.listening.into_iter().next() {
                self.addresses.insert(name, address.clone());
                let known = self.state.nodes.last_mut();
                known.context("the node that was added above")?.address = Some(address);
            }
        }
        self.until_met().await?;
        let person = context(&self.ground, &self.addresses)?;
        self.registered = Some(folders.register(&self.ground.name, &person)?);
        self.state.ready = true;
        self.write_state()
    }

    /// The page of a node stays where it is when the node starts again.
    fn keep_page(&mut self, name: &NodeName, page: String) -> Result {
        let spec = self.topology.nodes.get_mut(name).context("a node that was started")?;
        let http = spec.settings.get_mut("http").and_then(|http| http.as_object_mut());
        let http = http.context("a page that its settings ask for")?;
        http.insert("listen".to_owned(), page.clone().into());
        let known = self.state.nodes.last_mut().context("the node that was added")?;
        known.http = Some(page);
        Ok(())
    }

    /// Lets the nodes' scripts begin.
    pub(in crate::cli::dev) async fn go(&mut self) {
        join_all(self.children.iter_mut().map(Child::go)).await;
    }

    /// Tells of each node that ends, until none is left, restarts those that it is asked to, and
    /// does what the teller of the story wishes.
    pub(in crate::cli::dev) async fn watch(&mut self, mut wishes: Receiver<Wish>) -> Result {
        while self.children.iter().any(Child::runs) {
            let running = self.children.iter_mut().filter(|child| child.runs());
            let ends = running.map(|child| {
                Box::pin(async {
                    child.wait().await.map(|ended| (child.name.clone(), told(ended)))
                })
            });
            let happened = tokio::select! {
                (ended, ..) = select_all(ends) => Happened::Ended(ended),
                asked = self.requests.next() => Happened::Asked(asked),
                Some(wish) = wishes.recv() => Happened::Wished(wish),
            };
            match happened {
                Happened::Ended(ended) => {
                    let (name, how) = ended.context("cannot wait for the nodes")?;
                    self.note_end(&name, how)?;
                }
                Happened::Asked(asked) => {
                    let done = self.restart(&asked.node).await;
                    asked.answer(&done).await;
                }
                Happened::Wished(wish) => self.fulfil(wish).await,
            }
        }
        Err(Trouble::new(Exit::Failed, "all nodes have ended").details(
            self.state
                .nodes
                .iter()
                .filter_map(|node| Some(format!("{}: {}", node.name, node.ended.as_ref()?))),
        ))
    }

    /// Stops a node, if it runs, and starts it again.
    async fn restart(&mut self, name: &str) -> Result {
        let at = self.place(name)?;
        self.children[at].stop(STOP_TIMEOUT).await.context("cannot wait for the node")?;
        self.tell(&self.children[at].name.clone(), "INFO", "starts again")?;
        self.start_again(at).await
    }

    fn place(&self, name: &str) -> Result<usize> {
        let known = self.children.iter().position(|child| child.name.as_str() == name);
        known.ok_or_else(|| Trouble::new(Exit::Usage, format!("there is no node {name}")))
    }

    /// Starts a node that has ended, where it was.
    async fn start_again(&mut self, at: usize) -> Result {
        let name = self.children[at].name.clone();
        let spec = &self.topology.nodes[&name];
        self.children[at] = Child::spawn(&self.ground, &name, spec, &self.addresses, self.verbose)?;
        let address = self.addresses.get(&name).cloned();
        let http = self.state.nodes[at].http.take();
        self.state.nodes[at] = NodeState { address, http, ..state_of(&self.children[at], spec) };
        self.write_state()?;
        let child = &mut self.children[at];
        match child.until_up().await {
            Ok(_) => child.go().await,
            Err(trouble) => {
                child.stop(Duration::ZERO).await.context("cannot wait for the node")?;
                let how = child.ended.map(told).unwrap_or_default();
                self.note_end(&name, how)?;
                return Err(trouble);
            }
        }
        Ok(())
    }

    /// Stops the nodes: asks all of them, and kills those that do not end in time, or all at the
    /// next signal.
    pub(in crate::cli::dev) async fn stop(&mut self, signals: &mut Signals) -> Result {
        self.registered = None;
        for child in self.children.iter().filter(|child| child.runs()) {
            child.signal(Signal::TERM);
        }
        let asked = tokio::select! {
            ended = timeout(STOP_TIMEOUT, self.ended()) => ended,
            () = signals.next() => Ok(Ok(())),
        };
        let late: Vec<_> = self.children.iter().filter(|child| child.runs()).collect();
        late.iter().for_each(|child| child.signal(Signal::KILL));
        let late: Vec<_> = late.iter().map(|child| child.name.to_string()).collect();
        self.ended().await?;
        match asked {
            Ok(ended) => ended,
            Err(_) => {
                let what = format!("{} did not stop in time: killed", late.join(", "));
                Err(Trouble::new(Exit::Failed, what))
            }
        }
    }

    /// Removes the network's files.
    pub(in crate::cli::dev) fn remove(self) -> Result {
        self.held.remove()
    }

    async fn ended(&mut self) -> Result {
        let running = self.children.iter_mut().filter(|child| child.runs());
        for ended in join_all(running.map(Child::wait)).await {
            ended.context("cannot wait for the nodes")?;
        }
        Ok(())
    }

    /// Waits until each node has a session with each that it dials; a node that ends is trouble.
    async fn until_met(&mut self) -> Result {
        let deadline = Instant::now() + SESSIONS_TIMEOUT;
        for child in &mut self.children {
            let dials = &self.topology.nodes[&child.name].dials;
            loop {
                let status = child.until_up().await?;
                let met = |peer: &&NodeName| {
                    !status.sessions.iter().any(|session| session.peer == peer.as_str())
                };
                let Some(missing) = dials.iter().find(met) else { break };
                if Instant::now() > deadline {
                    let within = SESSIONS_TIMEOUT.as_secs();
                    let what =
                        format!("{} has no session with {missing} in {within} s", child.name);
                    return Err(Trouble::new(Exit::Failed, what).details(child.last_lines()));
                }
                sleep(ASK_EVERY).await;
            }
        }
        Ok(())
    }

    fn note_end(&mut self, name: &NodeName, how: String) -> Result {
        let child = self.children.iter().find(|child| child.name == *name);
        let last = child.map(Child::last_lines).unwrap_or_default();
        let about = if last.is_empty() { "it said nothing" } else { "its last lines:" };
        self.tell(name, "ERROR", &format!("died: {how}; {about}"))?;
        for line in last {
            self.tell(name, "INFO", &format!("│ {line}"))?;
        }
        if let Some(node) = self.state.nodes.iter_mut().find(|node| node.name == name.as_str()) {
            node.ended = Some(how);
        }
        self.write_state()
    }

    /// Writes a line of the supervisor's own log.
    fn tell(&mut self, node: &NodeName, level: &str, message: &str) -> Result {
        let timestamp = format!("{:.6}", Timestamp::now());
        let line = serde_json::json!({ "timestamp": timestamp, "level": level, "target": "dev",
            "node": node, "message": message });
        Ok(writeln!(self.log, "{line}").context("cannot write the supervisor's log")?)
    }

    fn write_state(&self) -> Result {
        Ok(self.state.write(&self.ground.state_file())?)
    }
}

/// What a supervisor waits for.
enum Happened {
    Ended(io::Result<(NodeName, String)>),
    Asked(Asked),
    Wished(Wish),
}

/// Makes the folder, the authority, the identities, the supervisor's log and its socket.
fn lay_out(ground: &Ground, held: &Held, topology: &Topology) -> Result<(File, Requests)> {
    let sockets = topology.nodes.keys().map(|name| ground.node(name).join(SOCKET));
    check_sockets(sockets.chain([ground.requests()]))?;
    held.clear()?;
    let network = topology.network.as_ref().unwrap_or(&ground.name);
    let authority = Authority::create(network, AUTHORITY_LIFE)?;
    let certs = ground.certs();
    authority.save(&certs).hint(SPACE)?;
    let person: NodeName = PERSON.parse()?;
    for name in topology.nodes.keys().chain([&person]) {
        authority.issue(name, DEFAULT_IDENTITY_LIFE)?.save(&certs).hint(SPACE)?;
    }
    let log = ground.supervisor_log();
    let opened = File::options().append(true).create(true).open(&log);
    let opened = opened.with_context(|| format!("cannot make {}", log.display()))?;
    Ok((opened, Requests::at(&ground.requests())?))
}

fn check_sockets(mut paths: impl Iterator<Item = PathBuf>) -> Result {
    match paths.find(|path| path.as_os_str().len() > SOCKET_PATH_MAX_BYTES) {
        None => Ok(()),
        Some(long) => {
            let what = format!("{} is too long for a socket's path", long.display());
            Err(Trouble::new(Exit::Failed, what)
                .with_hint("set XDG_RUNTIME_DIR to a folder of yours with a shorter path"))
        }
    }
}

fn state_of(child: &Child, spec: &NodeSpec) -> NodeState {
    let enabled = |service: &str| match &spec.services {
        None => BUILT_IN_SERVICES.contains(&service),
        Some(services) => services.iter().any(|enabled| enabled == service),
    };
    NodeState {
        name: child.name.to_string(),
        role: spec.role.to_string(),
        pid: child.pid,
        address: None,
        http: None,
        dials: spec.dials.iter().map(ToString::to_string).collect(),
        has_people: spec.role.answers() && enabled("people"),
        control: child.control.clone(),
        started: format!("{:.3}", Timestamp::now()),
        ended: None,
    }
}

/// The context of the person at the terminal: who they are, and where the nodes are.
fn context(ground: &Ground, addresses: &BTreeMap<NodeName, String>) -> Result<String> {
    let person: NodeName = PERSON.parse()?;
    let mut text = format!("role = \"client\"\n{}", identity(ground, &person)?);
    text += &format!("\n[log]\nfile = {}\n", quoted(&ground.log(&person))?);
    for (name, address) in addresses {
        text += &format!("\n[peers.{name}]\naddress = \"{address}\"\n");
    }
    Ok(text)
}

/// Waits for nodes that a killed supervisor left behind, which stop by themselves; kills those
/// that do not.
pub(in crate::cli::dev) async fn end_leftovers(state: &State) {
    const PATIENCE: Duration = Duration::from_secs(12);
    let deadline = Instant::now() + PATIENCE;
    for node in &state.nodes {
        // Who listens there is the process that was started for it: the folder is ours alone.
        while UnixStream::connect(&node.control).is_ok() {
            if Instant::now() > deadline {
                let pid = Pid::from_raw(node.pid.cast_signed());
                let _ = pid.map(|pid| kill_process(pid, Signal::KILL));
            }
            sleep(ASK_EVERY).await;
        }
    }
}
