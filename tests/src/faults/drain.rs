//! A server that is told to stop with hundreds of requests in flight.

use std::time::{Duration, Instant};

use rand::RngExt;

use super::caller::Manner;
use super::hub::Hub;
use super::writers::Writers;
use super::{Case, GONE_WITHIN, Plan, Report};
use crate::history::judge_writes;

/// A session takes 64 requests at a time, so there are several.
const NODES: u32 = 10;
const CALLERS_PER_NODE: usize = 50;
const CALLERS: usize = 500;

pub(super) async fn run(plan: &Plan) -> Report {
    let (mut report, mut random) = (Report::of(Case::Drain), plan.random(0));
    let mut hub = Hub::start(None, &[]).await;
    // Who sends nothing again that may have acted must see no error either: what a server that
    // stops does not answer, it refuses as not processed.
    let manners = [Manner::Retries, Manner::AtMostOnce].repeat(CALLERS_PER_NODE / 2);
    let mut writers = Writers::new(plan, &hub, NODES, &manners).await;
    let (mut gone, mut in_flight) = (Vec::new(), Vec::new());
    for round in 1..=plan.rounds {
        writers.begin();
        writers.until_in_flight(CALLERS / 2).await;
        tokio::time::sleep(Duration::from_millis(random.random_range(0..300))).await;
        let frozen = round % 2 == 0;
        if frozen {
            // It stands still, so that all requests are in flight, read by it or not.
            hub.running().freeze();
            writers.until_in_flight(CALLERS).await;
        }
        in_flight.push(writers.in_flight());
        let (began, running) = (Instant::now(), hub.take());
        running.terminate();
        if frozen {
            running.thaw();
        }
        let code = running.ended().await;
        gone.push(began.elapsed());
        if code != Some(0) {
            report.break_promise(format!("round {round}: the server ended with {code:?}"));
        }
        hub.start_again().await;
        tokio::time::sleep(Duration::from_millis(random.random_range(0..100))).await;
        writers.end().await;
        plan.tell(format!("drain: round {round} of {}", plan.rounds));
    }
    let (writes, held) = (writers.writes(), hub.held().await);
    report.count(&writes, &held);
    report.judge(&judge_writes(&writes, &held));
    let errors = writers.errors(&[Manner::Retries, Manner::AtMostOnce]);
    errors.into_iter().for_each(|error| report.break_promise(error));
    report.figure("rounds", gone.len());
    report.figure("in_flight_least", in_flight.iter().copied().min().unwrap_or(0));
    report.figure("in_flight_most", in_flight.iter().copied().max().unwrap_or(0));
    report.times(plan, ["gone_ms_median", "gone_ms_longest"], gone, GONE_WITHIN);
    writers.stop().await;
    hub.kill().await;
    report
}
