//! `bothways dev up`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use bothways_protocol::NetworkName;
use clap::Args;
use tokio::time::{Instant, sleep};

use super::announce::{announce, program};
use super::audit::Seen;
use super::detach;
use super::network::Ground;
use super::network::{Network, Wishes, end_leftovers};
use super::signals::Signals;
use super::story::Story;
use super::topology::{Call, Topology};
use crate::cli::contexts::{Folders, Kind};
use crate::cli::merged::{Follow, Following};
use crate::cli::{Advise, Exit, Globals, OutputError, Result, Trouble};

const EXAMPLES: &str = "\
Examples:
  bothways dev up
  bothways dev up -f topology.toml --name shop
  bothways dev up -f topology.toml --detach
  bothways dev up --once                           check that all is seen, and end

A topology:
  [nodes.hub]
  role = \"server\"

  [nodes.desk]
  dials = [\"hub\"]
  listen = false

  [[nodes.desk.calls]]
  to = \"hub\"
  method = \"people.create\"
  params = { name = \"Ann\" }
  every = \"2s\"                  # also: after = \"500ms\", times = 3,
                                # expect = \"not_found\"

What a node is besides, in its [nodes.NAME]:
  services = [\"people\"]         # else all but bench
  settings.orders.staff = [\"desk\"]    # lines of its configuration
  watch.hub = [\"messages.*\"]    # at whom, and what: each event is a line of the log

A story: steps that are taken once, each when the one before is done:
  [[story]]                     # a request: also expect = \"not_found\"
  node = \"desk\"
  to = \"hub\"
  method = \"people.create\"
  params = { name = \"Ann\" }
  as = \"ann\"                    # later params may say \"$ann.id\", for the result's id
  gives = { name = \"Ann\" }      # what the result has to hold

  [[story]]
  away = \"desk\"                 # it stops; back = \"desk\" starts it again

  [[story]]
  node = \"desk\"
  hears = \"messages.sent\"       # waits for an event that it watches

Ctrl-C stops the nodes and removes their files; a second one kills them.";

/// The topology that runs where none is named.
pub(super) const USUAL: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/topologies/roles.toml"));
const USUAL_NAME: &str = "roles";

/// How long `--once` waits behind the last scripted request.
const ONCE_PATIENCE: Duration = Duration::from_secs(20);
/// How often `--once` looks at the logs.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Start the nodes of a topology, and show who asks whom for what
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Up {
    /// The topology [default: a server, two peers and a client]
    #[arg(short, long, value_name = "FILE", overrides_with = "file")]
    pub(super) file: Option<PathBuf>,
    /// What to call the network [default: the name of the topology's file]
    #[arg(long)]
    name: Option<NetworkName>,
    /// Return once all nodes are up, and leave them running in the background
    #[arg(short, long, conflicts_with = "once")]
    detach: bool,
    /// Check that everything is seen that the topology promises, then end
    #[arg(long)]
    once: bool,
    /// Be what `--detach` leaves in the background
    #[arg(long, hide = true, conflicts_with_all = ["once", "detach"])]
    background: bool,
}

impl Up {
    pub(super) fn run(self, globals: &Globals) -> Result {
        let topology = self.topology()?;
        let folders = Folders::of_user()?;
        let ground = Ground::of(&self.network_name()?, &folders);
        if self.background {
            // Behind this, what happens to the terminal is of no concern.
            rustix::process::setsid().context("cannot leave the terminal")?;
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            match self.detach {
                true => detach::start(&self, &ground, &folders, globals).await,
                false => self.supervise(topology, &ground, &folders, globals).await,
            }
        })
    }

    fn topology(&self) -> Result<Topology> {
        let Some(path) = &self.file else {
            return Topology::parse(Path::new("roles.toml"), USUAL);
        };
        let text = std::fs::read_to_string(path);
        let text = text.with_context(|| format!("cannot read {}", path.display()));
        Topology::parse(path, &text.exit(Exit::Config).hint("see `bothways dev up --help`")?)
    }

    fn network_name(&self) -> Result<NetworkName> {
        if let Some(name) = &self.name {
            return Ok(name.clone());
        }
        let stem = self.file.as_deref().map_or(Some(USUAL_NAME.as_ref()), Path::file_stem);
        let stem = stem.map(|stem| stem.to_string_lossy()).unwrap_or_default();
        let parsed = stem.parse::<NetworkName>();
        parsed.exit(Exit::Usage).hint("say what to call the network with --name NAME")
    }

    async fn supervise(
        &self,
        topology: Topology,
        ground: &Ground,
        folders: &Folders,
        globals: &Globals,
    ) -> Result {
        let mut signals = Signals::new()?;
        let held = ground.try_hold()?.ok_or_else(|| runs_already(&ground.name))?;
        if let Some(left) = held.leftovers() {
            globals.note(&format!("removing what a killed network {} left behind", left.name));
            end_leftovers(&left).await;
        }
        let mut network = Network::prepare(ground, held, topology, globals.verbose)?;
        let started = tokio::select! {
            started = network.start(folders) => started,
            () = signals.next() => Err(Trouble::new(Exit::Interrupted, "interrupted")),
        };
        let (following, ran) = match started {
            Ok(()) => self.run_on(&mut network, &mut signals, folders, globals).await,
            Err(trouble) => (None, Err(trouble)),
        };
        if !self.background && ran.is_ok() {
            globals.note("stopping: Ctrl-C again kills the nodes");
        }
        let stopped = network.stop(&mut signals).await;
        let told = match following {
            Some(following) => following.end().await,
            None => Ok(()),
        };
        let removed = network.remove();
        let troubles = [ran, stopped, told, removed].into_iter().filter_map(Result::<()>::err);
        // That nobody reads on is no reason to complain.
        let mut troubles = troubles.filter(|trouble| !is_unread(trouble));
        let Some(first) = troubles.next() else { return self.tell_end(ground, folders, globals) };
        troubles.for_each(|trouble| trouble.tell());
        Err(first)
    }

    /// From readiness to the wish to stop.
    async fn run_on(
        &self,
        network: &mut Network,
        signals: &mut Signals,
        folders: &Folders,
        globals: &Globals,
    ) -> (Option<Following>, Result) {
        let ready = async || -> Result<Option<Following>> {
            if self.background {
                return Ok(None);
            }
            announce(&network.state, &network.ground, folders, globals, false).await?;
            let names: Vec<_> = network.state.nodes.iter().map(|node| node.name.clone()).collect();
            let logs = network.ground.logs_of(&names)?;
            let follow = Follow::of(network.ground.supervisor_log(), logs, None, globals);
            Following::start(follow).map(Some)
        };
        let mut following = match ready().await {
            Ok(following) => following,
            Err(trouble) => return (None, Err(trouble)),
        };
        network.go().await;
        let (ground, topology) = (network.ground.clone(), network.topology.clone());
        let (wishes, arrive) = Wishes::new();
        let story = Story::of(&topology.story, &ground, wishes);
        let ran = tokio::select! {
            ended = network.watch(arrive) => ended,
            seen = self.tell(story, &ground, &topology, globals) => seen,
            broken = broken(following.as_mut()) => broken,
            () = signals.next() => match self.once {
                true => Err(Trouble::new(Exit::Interrupted, "interrupted")),
                false => Ok(()),
            },
        };
        (following, ran)
    }

    /// Tells the story, and with `--once` waits until all is seen; else it goes on for ever, and the
    /// log tells of a story that breaks off.
    async fn tell(
        &self,
        story: Story,
        ground: &Ground,
        topology: &Topology,
        globals: &Globals,
    ) -> Result {
        let told = story.tell().await;
        match self.once {
            true => {
                told?;
                until_seen(ground, topology, globals).await
            }
            false => std::future::pending().await,
        }
    }

    /// The processes have been waited for, and their ports went with them: the files are left to
    /// look for.
    fn tell_end(&self, ground: &Ground, folders: &Folders, globals: &Globals) -> Result {
        let listed = folders
            .all()?
            .iter()
            .any(|context| context.kind == Kind::Running && context.name == ground.name);
        if listed || ground.is_there() {
            return Err(Trouble::new(Exit::Failed, format!("files of {} are left", ground.name)));
        }
        if !self.background {
            globals.note(&format!("{} is down: no process, port or file is left", ground.name));
        }
        Ok(())
    }
}

/// Waits until the log cannot be written any more; for ever where nothing is written.
async fn broken(following: Option<&mut Following>) -> Result {
    match following {
        Some(following) => following.broken().await,
        None => std::future::pending().await,
    }
}

/// Whether nobody reads standard output any more.
fn is_unread(trouble: &Trouble) -> bool {
    matches!(trouble.downcast_ref(), Some(OutputError::Closed))
}

/// Waits until the logs tell of everything that the topology promises.
async fn until_seen(ground: &Ground, topology: &Topology, globals: &Globals) -> Result {
    let last = topology.calls().map(|(_, call)| Call::last_at(call)).max().unwrap_or_default();
    let deadline = Instant::now() + last + ONCE_PATIENCE;
    loop {
        let seen = Seen::read(ground, topology)?;
        let missing = seen.missing(topology);
        if missing.is_empty() {
            globals.note("");
            seen.told(topology).iter().for_each(|line| globals.note(&format!("seen  {line}")));
            return Ok(());
        }
        if Instant::now() > deadline {
            let what = "not all was seen that the topology promises";
            return Err(Trouble::new(Exit::Failed, what).details(missing));
        }
        sleep(LOOK_EVERY).await;
    }
}

/// A second network of the same name.
pub(super) fn runs_already(name: &NetworkName) -> Trouble {
    let program = program();
    Trouble::new(Exit::Failed, format!("network {name} runs already")).with_hint(format!(
        "`{program} dev down --name {name}` stops it; `dev up --name OTHER` runs another beside it"
    ))
}
