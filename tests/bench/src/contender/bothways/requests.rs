//! Requests, in each of the ways in which they can be asked.

use anyhow::Result;
use bothways::{Node, Peer};
use tokio::task::JoinSet;
use tokio::try_join;

use super::methods::{Asker, Drive, Whom};
use super::{Asked, LONGEST, Mode, connected, crowd, log};
use crate::case::{Measure, Requests};
use crate::end::{DRIVER, DriverJob, LISTENER};
use crate::load::{Load, Reading};

/// Asks with the exchange log on at both ends, and says how much of it was dropped.
pub(super) async fn logged(job: &DriverJob, mode: Mode, requests: Requests) -> Result<Reading> {
    let logs = log::start(job.folder(), DRIVER)?;
    let mut reading = ask(job, mode, requests).await?;
    drop(logs);
    reading.0.insert(Measure::DroppedPercent, log::dropped_percent(job.folder()).await?);
    Ok(reading)
}

/// Asks as the mode says; where there are several sessions from outside, for no thread belongs to
/// all of them.
pub(super) async fn ask(job: &DriverJob, mode: Mode, requests: Requests) -> Result<Reading> {
    let (load, question) = (job.load(requests), mode.question);
    if let Asked::ByHand = mode.asked {
        return crowd::ask(job, load).await;
    }
    let nodes = nodes(job, mode, requests.sessions).await?;
    let drive = |whom, load| Drive { whom, question, load };
    match (mode.asked, &nodes[..]) {
        (Asked::Handler, [node]) => driven(node.peer(DRIVER), drive(Whom::Listener, load)).await,
        (Asked::BothDirections, [node]) => {
            let half = Requests { in_flight: requests.in_flight / 2, ..requests };
            let back = Load { requests: half, answering: std::process::id() };
            let (there, back) = try_join!(
                driven(node.peer(DRIVER), drive(Whom::Listener, job.load(half))),
                driven(node.peer(LISTENER), drive(Whom::Caller, back)),
            )?;
            Ok(there.and(&back))
        }
        _ => outside(&nodes, mode, load).await,
    }
}

/// Starts so many nodes that each have a session with the listener.
async fn nodes(job: &DriverJob, mode: Mode, count: usize) -> Result<Vec<Node>> {
    let mut starting = JoinSet::new();
    for nth in 0..count {
        let name = if nth == 0 { DRIVER.to_owned() } else { format!("{DRIVER}-{nth}") };
        starting.spawn(connected(mode.draft(job, &name)?));
    }
    starting.join_all().await.into_iter().collect()
}

/// Lets a handler ask.
async fn driven(node: Peer, drive: Drive) -> Result<Reading> {
    Ok(node.within(LONGEST).request(drive).await?)
}

async fn outside(nodes: &[Node], mode: Mode, load: Load) -> Result<Reading> {
    let mut askers = Vec::new();
    for node in nodes {
        let listener = node.peer(LISTENER);
        askers.push(Asker::of(listener, mode.question, load.requests.body_bytes).await?);
    }
    load.run(askers).await
}
