//! A server whose machine loses its power in the middle of writes, over and over.

use std::time::Duration;

use rand::RngExt;

use super::caller::Manner;
use super::disk::Disk;
use super::hub::Hub;
use super::writers::Writers;
use super::{Case, Plan, READY_WITHIN, Report};
use crate::history::{Violation, judge_writes};

const NODES: u32 = 2;
const MANNERS: [Manner; 4] =
    [Manner::Retries, Manner::Retries, Manner::AtMostOnce, Manner::FailFast];

/// How often the control is tried: it may happen that the system itself has written all out.
const CONTROLS: u32 = 3;
/// Runs a program whose files are never forced to the disk: it is told that they were.
const WITHOUT_FSYNC: [&str; 10] = [
    "strace",
    "-D",
    "-f",
    "--seccomp-bpf",
    "-qq",
    "-o/dev/null",
    "-e",
    "trace=fsync,fdatasync",
    "-e",
    "inject=fsync,fdatasync:retval=0",
];

pub(super) async fn run(plan: &Plan) -> Report {
    let mut disk = match Disk::new().await {
        Ok(disk) => disk,
        Err(why) => return Report::not_run(Case::Power, why),
    };
    if std::process::Command::new("strace").arg("-V").output().is_err() {
        return Report::not_run(
            Case::Power,
            "strace is missing, by which the control has no fsync",
        );
    }
    let (mut report, mut random) = (Report::of(Case::Power), plan.random(0));
    let mut hub = Hub::start(Some(&disk.data()), &[]).await;
    let mut writers = Writers::new(plan, &hub, NODES, &MANNERS).await;
    let mut ready = Vec::new();
    for round in 1..=plan.rounds {
        writers.begin();
        tokio::time::sleep(Duration::from_millis(random.random_range(20..400))).await;
        cut(&mut disk, &mut hub).await;
        ready.push(hub.start_again().await);
        writers.end().await;
        let (writes, held) = (writers.writes(), hub.held().await);
        report.count(&writes, &held);
        report.judge(&judge_writes(&writes, &held));
        plan.tell(format!("power: round {round} of {}, {} writes", plan.rounds, writes.len()));
        if !report.holds() {
            break;
        }
    }
    // The way to a server without power is dead for longer than a caller waits: errors are no fault.
    writers.errors(&[]).into_iter().for_each(|error| report.break_promise(error));
    report.figure("rounds", ready.len());
    report.times(plan, ["ready_ms_median", "ready_ms_longest"], ready, READY_WITHIN);
    writers.stop().await;
    hub.kill().await;
    control(plan, &mut report).await;
    report
}

/// The power goes, and with it the server; then it comes back.
async fn cut(disk: &mut Disk, hub: &mut Hub) {
    disk.cut(hub.running().process()).await.unwrap();
    hub.kill().await;
    disk.mount_again().await.unwrap();
}

/// The same without fsync has to lose what was acknowledged: else the cut is none.
async fn control(plan: &Plan, report: &mut Report) {
    for round in 1..=CONTROLS {
        let (acknowledged, lost) = lost_without_fsync(plan).await;
        plan.tell(format!("power: without fsync {lost} of {acknowledged} acknowledged were lost"));
        report.figure("control_acknowledged", acknowledged);
        report.figure("control_lost", lost);
        report.figure("control_rounds", round);
        if lost > 0 {
            return;
        }
    }
    report
        .break_promise("the control without fsync lost nothing: the power was not cut".to_owned());
}

/// How many writes a server without fsync has acknowledged, and how many of them it has lost.
async fn lost_without_fsync(plan: &Plan) -> (usize, usize) {
    let mut disk = Disk::new().await.unwrap();
    let mut hub = Hub::start(Some(&disk.data()), &WITHOUT_FSYNC).await;
    let mut writers = Writers::new(plan, &hub, 1, &[Manner::AtMostOnce; 4]).await;
    writers.begin();
    tokio::time::sleep(Duration::from_millis(500)).await;
    writers.end().await;
    cut(&mut disk, &mut hub).await;
    let writes = writers.writes();
    let acknowledged = writes.iter().filter(|write| write.acknowledged().is_some()).count();
    let lost = match hub.try_start().await {
        // The store is not even one any more.
        Err(log)
            if log
                .iter()
                .any(|line| line.contains("is damaged") || line.contains("no bothways store")) =>
        {
            acknowledged
        }
        Err(log) => panic!("the control does not start: {log:#?}"),
        Ok(()) => {
            let violations = judge_writes(&writes, &hub.held().await);
            hub.kill().await;
            violations.iter().filter(|found| matches!(found, Violation::Lost { .. })).count()
        }
    };
    writers.stop().await;
    (acknowledged, lost)
}
