//! Where the command line meets the node: one function for each thing that a command asks of it.

mod bench;
mod forget;
mod records;
mod watch;

use std::future::Future;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use bothways::config::{LogFormat, LogPlan, Plan};
use bothways::control::{self, Control};
use bothways::gateway::{Gateway, Links};
use bothways::logs::{LogError, Logs};
use bothways::service::{DescribeMethods, MethodInfo, Ping, Router};
use bothways::store::OpenError;
use bothways::{DialError, Node, RequestError, Services, StartError, Status};
use bothways_protocol::{
    Code, Encoded, Failure, IdempotencyKey, MethodName, NodeName, Retry, Role,
};
use ciborium::Value;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::dev::Supervised;
use super::{Advise, Exit, Globals, Result, Trouble};
use bothways::json::text;

pub(super) use bench::{Bench, Measured, bench};
pub(super) use forget::{Forgetting, forget};
pub(super) use records::{Read, Reader};
pub(super) use watch::{Then, Watching, watch};

/// How long a data folder that is in use may take to become free.
const IN_USE_PATIENCE: Duration = Duration::from_secs(1);

/// One request.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) peer: NodeName,
    pub(super) method: MethodName,
    pub(super) params: Value,
    pub(super) deadline: Duration,
    /// The key of a write that is sent again; a new one where there is none.
    pub(super) key: Option<IdempotencyKey>,
}

/// A sign of life.
#[derive(Debug)]
pub(super) struct Pong {
    pub(super) role: Role,
    /// From the request to its response.
    pub(super) took: Duration,
}

/// Sends one request by a node of this plan, which lives only for it.
pub(super) async fn ask(plan: Plan, request: Request) -> Result<Value> {
    let params = Encoded::of(&request.params).exit(Exit::Usage)?;
    let node = start(plan, Router::default()).await?;
    let key = request.key.unwrap_or_else(|| IdempotencyKey(rand::random()));
    let peer = node.peer(request.peer.as_str()).within(request.deadline).fail_fast().with_key(key);
    let answer = peer.call(request.method.as_str(), params).await;
    node.stop().await;
    let result = answer.map_err(|error| tell_with_key(error, key))?.decode();
    result
        .with_context(|| format!("{} answers with what is no result", request.peer))
        .exit(Exit::Failed)
}

async fn start(plan: Plan, router: Router) -> Result<Node> {
    Node::start(plan, router).await.map_err(|error| {
        let exit = match &error {
            StartError::Tls(_) => Exit::Untrusted,
            _ => Exit::Failed,
        };
        Trouble::of(exit, error)
    })
}

/// Asks a peer for a sign of life, `count` times over one session, `interval` apart.
pub(super) async fn ping(
    plan: Plan,
    peer: NodeName,
    count: u32,
    interval: Duration,
    deadline: Duration,
    each: impl FnMut(Pong) -> Result,
) -> Result {
    let node = start(plan, Router::default()).await?;
    let pinged = ping_by(&node, &peer, (count, interval), deadline, each).await;
    node.stop().await;
    pinged
}

async fn ping_by(
    node: &Node,
    peer: &NodeName,
    (count, interval): (u32, Duration),
    deadline: Duration,
    mut each: impl FnMut(Pong) -> Result,
) -> Result {
    let asked = node.peer(peer.as_str()).within(deadline).fail_fast();
    // The first one dials: it is asked once more, so that each tells the time of a request.
    asked.request(Ping {}).await.map_err(tell)?;
    for turn in 0..count {
        if turn > 0 {
            tokio::time::sleep(interval).await;
        }
        let begun = Instant::now();
        asked.request(Ping {}).await.map_err(tell)?;
        let took = begun.elapsed();
        let session = node.sessions().into_iter().find(|session| session.peer == *peer);
        let gone = || Trouble::new(Exit::Unreachable, format!("{peer} has gone"));
        each(Pong { role: session.ok_or_else(gone)?.role, took })?;
    }
    Ok(())
}

/// Asks a peer which methods it enables, or for all of one.
pub(super) async fn methods(
    plan: Plan,
    peer: NodeName,
    describe: DescribeMethods,
    deadline: Duration,
) -> Result<Vec<MethodInfo>> {
    let node = start(plan, Router::default()).await?;
    let asked = node.peer(peer.as_str()).within(deadline).fail_fast();
    let told = asked.request(describe).await;
    node.stop().await;
    Ok(told.map_err(tell)?.methods)
}

/// Asks a running node, over its control socket, how it is.
pub(super) async fn status(control: &Path) -> Result<Status> {
    control::status(control).await.exit(Exit::Unreachable)
}

/// Runs a node until it is told to stop (SIGTERM, Ctrl-C), then drains it; told once more, it ends
/// at once.
pub(super) async fn serve(plan: Plan, supervised: Option<Supervised>) -> Result {
    let mut stop = Signals::new()?;
    let services = open_services(&plan).await?;
    let (control, http) = (plan.control().map(ToOwned::to_owned), plan.http().cloned());
    let node = start(plan.clone(), services.router()).await?;
    let gateway = match &http {
        Some(http) => Some(Gateway::open(http, &plan, node.clone()).await.exit(Exit::Config)?),
        None => None,
    };
    let page = gateway.as_ref().map(Gateway::links);
    let control = control.map(|path| Control::bind(&path)).transpose()?;
    let listening: Vec<_> = node.listening().map(|address| address.to_string()).collect();
    tracing::info!(node = %node.name(), role = %node.role(), listening = listening.join(","), "started");
    if let Some(page) = &page {
        tell_of_page(page);
    }

    let signal = tokio::select! {
        signal = stop.next() => signal,
        () = answer_askers(control.as_ref(), &node, page.as_ref()) => "the control socket's end",
        () = supervise(supervised, &node) => "the supervisor's end",
    };
    tracing::info!(signal, "stopping");
    let stopping = async {
        if let Some(gateway) = gateway {
            gateway.close().await;
        }
        node.stop().await
    };
    tokio::select! {
        stopped = stopping => tracing::info!(how = ?stopped, "stopped"),
        signal = stop.next() => {
            return Err(Trouble::new(Exit::Interrupted, format!("ended at once by {signal}")));
        }
    }
    services.close().await?;
    Ok(())
}

/// Says where the page is, and how to come in: at a terminal with a link that is good once, which
/// is no matter for a log.
fn tell_of_page(page: &Links) {
    let address = page.address();
    tracing::info!(%address, "page");
    if !address.ip().is_loopback() {
        tracing::warn!(
            "the page at http://{address} can be reached from elsewhere, and HTTP hides nothing on \
             the way: put a proxy with TLS before it, and name its host in http.hosts"
        );
    }
    if std::io::stderr().is_terminal() {
        anstream::eprintln!("open the page, once: {}", page.draw());
    }
}

async fn answer_askers(control: Option<&Control>, node: &Node, page: Option<&Links>) {
    match control {
        Some(control) => control.serve(node, page).await,
        None => std::future::pending().await,
    }
}

async fn supervise(supervised: Option<Supervised>, node: &Node) {
    match supervised {
        Some(supervised) => supervised.run(node).await,
        None => std::future::pending().await,
    }
}

/// Opens the store and what stands on it. A node that was just killed may still hold its folder
/// for a moment, when it is started again at once.
async fn open_services(plan: &Plan) -> Result<Services> {
    let patience = Instant::now() + IN_USE_PATIENCE;
    loop {
        match Services::open(plan) {
            Err(OpenError::InUse { .. }) if Instant::now() < patience => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            opened => return Ok(opened?),
        }
    }
}

/// What a node that was dropped has, before the process ends, to tell its peers.
const LAST_WORDS: Duration = Duration::from_millis(60);

/// The signals that ask a node to stop.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Self { interrupt, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}

/// As [`tell`], and where it is not known whether the peer acted, how to have it act once.
fn tell_with_key(error: RequestError, key: IdempotencyKey) -> Trouble {
    let unknown = error.retry() == Retry::Same;
    let trouble = tell(error);
    match unknown {
        true => trouble.with_hint(format!(
            "it may have acted all the same: sent again with --idempotency-key {key}, a write \
             acts once"
        )),
        false => trouble,
    }
}

/// What a person needs of a request that came back without a result.
fn tell(error: RequestError) -> Trouble {
    let exit = match &error {
        RequestError::Failed { peer, failure, .. } => return failed(peer, failure),
        RequestError::Deadline { .. } => Exit::Deadline,
        RequestError::Dial(dial) => match dial.as_ref() {
            DialError::Certificate { .. } | DialError::OurCertificate { .. } => Exit::Untrusted,
            _ => Exit::Unreachable,
        },
        RequestError::Name(_)
        | RequestError::Method(_)
        | RequestError::Params(_)
        | RequestError::TooLarge { .. } => Exit::Usage,
        RequestError::NotConnected { .. }
        | RequestError::NotSent { .. }
        | RequestError::Lost { .. }
        | RequestError::Stopped => Exit::Unreachable,
        _ => Exit::Failed,
    };
    Trouble::of(exit, error)
}

/// Runs what needs a runtime; Ctrl-C ends it. It logs only where `-v` asks for it.
pub(super) fn block_on<T>(globals: &Globals, work: impl Future<Output = Result<T>>) -> Result<T> {
    block_on_logged(globals, None, work)
}

/// As [`block_on`], and logs to this file what a node would log.
pub(super) fn block_on_logged<T>(
    globals: &Globals,
    file: Option<PathBuf>,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    run_logged(globals, file, async {
        tokio::select! {
            done = work => return done,
            pressed = tokio::signal::ctrl_c() => pressed?,
        }
        // The work is dropped, and its node with it, which has a moment to say so to its peers.
        tokio::time::sleep(LAST_WORDS).await;
        Err(Trouble::new(Exit::Interrupted, "interrupted"))
    })
}

/// As [`block_on`], for so long at the most.
pub(super) fn block_on_for<T>(
    patience: Duration,
    globals: &Globals,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let late = || Trouble::new(Exit::Deadline, format!("it takes longer than {patience:?}"));
    let work = async { tokio::time::timeout(patience, work).await.map_err(|_| late())? };
    block_on(globals, work)
}

/// As [`block_on`], for work that hears Ctrl-C itself.
pub(super) fn block_on_to_its_end<T>(
    globals: &Globals,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    run_logged(globals, None, work)
}

/// As [`block_on_logged`], for work that hears Ctrl-C itself.
pub(super) fn block_on_logged_to_its_end<T>(
    globals: &Globals,
    file: Option<PathBuf>,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    run_logged(globals, file, work)
}

fn run_logged<T>(
    globals: &Globals,
    file: Option<PathBuf>,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let _logs = start_logs(globals, file)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(work)
}

fn start_logs(globals: &Globals, file: Option<PathBuf>) -> Result<Logs> {
    let shown = globals.log_level().map(|level| LogPlan {
        format: LogFormat::Text,
        level: level.to_owned(),
        file: None,
        kept: None,
    });
    let kept = file.map(|file| LogPlan {
        format: LogFormat::Json,
        level: "info".to_owned(),
        file: Some(file),
        kept: None,
    });
    match Logs::start_all(shown.iter().chain(&kept)) {
        Ok(logs) => Ok(logs),
        // A request is more than its record: it is made all the same.
        Err(error @ LogError::Open { .. }) => {
            globals.warn_all(&[format!(
                "this request is not recorded: {}",
                Trouble::from(error).what()
            )]);
            Ok(Logs::start_all(&shown)?)
        }
        Err(error) => Err(error.into()),
    }
}

/// What a person needs of a failure that a peer answered.
fn failed(peer: &NodeName, failure: &Failure) -> Trouble {
    let exit = match failure.code {
        Code::DeadlineExceeded => Exit::Deadline,
        _ => Exit::Failed,
    };
    let details = failure.details.iter().map(|(name, value)| format!("{name}: {}", text(value)));
    let trouble = Trouble::new(exit, format!("{peer} answered {failure}")).details(details);
    match (failure.retry, failure.retry_after) {
        (Retry::Never, _) => trouble,
        (Retry::Same, _) => trouble.with_hint("the same request may be sent again"),
        (Retry::Elsewhere, _) => trouble.with_hint("it did not act: try again, or another peer"),
        (Retry::After, None) => trouble.with_hint("try again in a while"),
        (Retry::After, Some(wait)) => trouble.with_hint(format!("try again in {wait:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_that_may_have_acted_is_told_with_the_key_to_repeat_it() {
        let key = IdempotencyKey([7; 16]);
        let (peer, method): (NodeName, MethodName) =
            ("hub".parse().unwrap(), "people.create".parse().unwrap());
        let within = Duration::from_secs(1);
        let late = RequestError::Deadline { peer: peer.clone(), method, within };
        let told = tell_with_key(late, key).text();
        assert!(told.contains(&format!("--idempotency-key {key}")), "{told}");
        let refused = tell_with_key(RequestError::NotSent { peer }, key).text();
        assert!(!refused.contains("--idempotency-key"), "{refused}");
    }

    #[test]
    fn a_failure_is_told_with_its_field_and_what_to_do() {
        let peer = "hub".parse().unwrap();
        let failure = Failure::new(Code::InvalidArgument, "the name is\nempty").field("name");
        let told = failed(&peer, &failure).text();
        assert_eq!(
            told,
            "error: hub answered invalid_argument: the name is\\nempty\n  field: name\n"
        );
        let busy = Failure::new(Code::ResourceExhausted, "busy").after(Duration::from_millis(50));
        let told = failed(&peer, &busy).text();
        assert!(told.ends_with("hint: try again in 50ms\n"), "{told}");
        let late = Failure::new(Code::DeadlineExceeded, "too late");
        assert_eq!(failed(&peer, &late).exit(), Exit::Deadline);
    }
}
