//! A bench: a node asks a peer over and over, and may be asked back meanwhile.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bothways::Node;
use bothways::bench::{Ask, Bench as Service, Load, Meter, Report};
use bothways::config::Plan;
use bothways::service::{DescribeMethods, Router};
use bothways_protocol::NodeName;

use super::{Signals, start, tell};
use crate::cli::bench::{Watch, check_method, check_way_back};
use crate::cli::{Exit, Result, Trouble};

/// How often it is looked how far it is.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// What a stop waits for requests that were given up.
const DRAIN: Duration = Duration::from_millis(500);

/// What a bench is to do.
#[derive(Debug)]
pub(in crate::cli) struct Bench {
    pub(in crate::cli) plan: Plan,
    pub(in crate::cli) peer: NodeName,
    pub(in crate::cli) load: Load,
    /// The deadline of each request.
    pub(in crate::cli) deadline: Duration,
    /// Whether the method may write.
    pub(in crate::cli) writes: bool,
    /// What the peer is to ask of us meanwhile.
    pub(in crate::cli) back: Option<Ask>,
}

/// What came of it.
#[derive(Debug)]
pub(in crate::cli) struct Measured {
    pub(in crate::cli) report: Report,
    /// What the peer measured, where it was to ask and has told.
    pub(in crate::cli) back: Option<Report>,
    /// Why it ended early, if it did.
    pub(in crate::cli) ended: Option<Trouble>,
}

impl Measured {
    /// All requests that came back at either end, those of the warm-up included.
    pub(in crate::cli) fn requests(&self) -> u64 {
        let of = |report: &Report| report.answered + report.failed_in_all() + report.warmed_up;
        of(&self.report) + self.back.as_ref().map_or(0, of)
    }
}

/// Runs a bench by a node of its own. Ctrl-C ends it early, with what was measured until then.
pub(in crate::cli) async fn bench(bench: Bench, watch: &mut Watch) -> Result<Measured> {
    let mut stop = Signals::new()?;
    let node = start(bench.plan.clone(), answers(&bench)).await?;
    let measured = measure(&node, &bench, watch, &mut stop).await;
    // Whatever came of it: a peer that is not told keeps the session until it times out.
    tokio::select! {
        _ = node.stop_within(DRAIN) => {}
        _ = stop.next() => {}
    }
    measured
}

async fn measure(
    node: &Node,
    bench: &Bench,
    watch: &mut Watch,
    stop: &mut Signals,
) -> Result<Measured> {
    tokio::select! {
        ready = prepare(node, bench) => ready?,
        _ = stop.next() => return Err(interrupted()),
    }
    let meter = Meter::default();
    watch.begin();
    let ended = tokio::select! {
        ended = ask(node, bench, meter.clone()) => ended,
        never = look(watch, &meter) => match never {},
        _ = stop.next() => Err(interrupted()),
    };
    watch.end();
    let (back, ended) = match ended {
        Ok(back) => (back, None),
        Err(trouble) => {
            meter.end(Instant::now());
            (None, Some(trouble))
        }
    };
    Ok(Measured { report: meter.report(), back, ended })
}

/// What the peer may ask of us: nothing where it is not to ask.
fn answers(bench: &Bench) -> Router {
    match bench.back {
        Some(_) => Router::default().on(&Arc::<Service>::default(), Service::echo), // bench.echo
        None => Router::default(),
    }
}

/// Connects, and learns whether the peer can be asked for this.
async fn prepare(node: &Node, bench: &Bench) -> Result {
    let peer = node.peer(bench.peer.as_str()).within(bench.deadline).fail_fast();
    let enabled = peer.request(DescribeMethods::default()).await.map_err(tell)?.methods;
    check_method(&bench.peer, &bench.load.method, bench.writes, &enabled)?;
    if bench.back.is_some() {
        let session = node.sessions().into_iter().find(|session| session.peer == bench.peer);
        let gone = || Trouble::new(Exit::Unreachable, format!("{} has gone", bench.peer));
        check_way_back(&bench.peer, session.ok_or_else(gone)?.role, &enabled)?;
    }
    Ok(())
}

/// Asks, and is asked back: what the peer measured, where it was to.
async fn ask(node: &Node, bench: &Bench, meter: Meter) -> Result<Option<Report>> {
    let peer = node.peer(bench.peer.as_str()).fail_fast().at_most_once();
    let asking = async {
        let load = bench.load.clone().run(peer.clone().within(bench.deadline), meter);
        node.run(load).await?.map_err(tell)
    };
    let asked = async {
        match bench.back.clone() {
            Some(ask) => {
                peer.clone().within(Duration::MAX).request(ask).await.map(Some).map_err(tell)
            }
            None => Ok(None),
        }
    };
    let ((), back) = tokio::try_join!(asking, asked)?;
    Ok(back)
}

async fn look(watch: &mut Watch, meter: &Meter) -> Infallible {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        watch.look(meter);
    }
}

fn interrupted() -> Trouble {
    Trouble::new(Exit::Interrupted, "interrupted")
}
