//! A server that is killed in the middle of writes, over and over.

use std::time::{Duration, Instant};

use rand::RngExt;

use super::caller::Manner;
use super::hub::{Hub, WITHIN};
use super::writers::Writers;
use super::{Case, Plan, READY_WITHIN, Report};
use crate::history::judge_writes;

const NODES: u32 = 2;
const MANNERS: [Manner; 6] = [
    Manner::Retries,
    Manner::Retries,
    Manner::Retries,
    Manner::AtMostOnce,
    Manner::AtMostOnce,
    Manner::FailFast,
];
/// After how many rounds everything is judged that was written so far.
const JUDGED_EVERY: u32 = 20;

pub(super) async fn run(plan: &Plan) -> Report {
    let (mut report, mut random) = (Report::of(Case::Kill), plan.random(0));
    let mut hub = Hub::start(None, &[]).await;
    let mut writers = Writers::new(plan, &hub, NODES, &MANNERS).await;
    let (mut ready, mut settled, mut kills) = (Vec::new(), Vec::new(), 0_u32);
    for round in 1..=plan.rounds {
        writers.begin();
        tokio::time::sleep(Duration::from_millis(random.random_range(5..300))).await;
        hub.kill().await;
        kills += 1;
        // Now and then it does not even come to listen.
        while random.random_bool(0.25) {
            hub.start_and_kill(Duration::from_millis(random.random_range(0..100))).await;
            kills += 1;
        }
        ready.push(hub.start_again().await);
        tokio::time::sleep(Duration::from_millis(random.random_range(0..50))).await;
        let settling = Instant::now();
        writers.end().await;
        settled.push(settling.elapsed());
        if round % JUDGED_EVERY == 0 || round == plan.rounds {
            let (writes, held) = (writers.writes(), hub.held().await);
            report.count(&writes, &held);
            report.judge(&judge_writes(&writes, &held));
            plan.tell(format!("kill: round {round} of {}, {} writes", plan.rounds, writes.len()));
        }
        if !report.holds() {
            break;
        }
    }
    writers.errors(&[Manner::Retries]).into_iter().for_each(|error| report.break_promise(error));
    report.figure("rounds", ready.len());
    report.figure("kills", kills);
    report.times(plan, ["ready_ms_median", "ready_ms_longest"], ready, READY_WITHIN);
    report.times(plan, ["settled_ms_median", "settled_ms_longest"], settled, WITHIN);
    writers.stop().await;
    hub.kill().await;
    report
}
