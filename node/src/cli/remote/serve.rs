//! Runs a node to its end: `bothways run`.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use bothways::config::Plan;
use bothways::control::Control;
use bothways::gateway::{Gateway, Links};
use bothways::store::OpenError;
use bothways::{Node, Services};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::start;
use crate::cli::dev::Supervised;
use crate::cli::{Advise, Exit, Result, Trouble};

/// How long a data folder that is in use may take to become free.
const IN_USE_PATIENCE: Duration = Duration::from_secs(1);

/// Runs a node until it is told to stop (SIGTERM, Ctrl-C), then drains it; told once more, it ends
/// at once.
pub(in crate::cli) async fn serve(plan: Plan, supervised: Option<Supervised>) -> Result {
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

/// The signals that ask a node to stop.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    pub(super) fn new() -> std::io::Result<Self> {
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Self { interrupt, terminate: signal(SignalKind::terminate())? })
    }

    pub(super) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}
