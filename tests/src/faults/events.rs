//! Subscribers that are cut off, and a server that is killed, while events come without a pause.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rand::RngExt;

use super::caller::Manner;
use super::hub::Hub;
use super::subscribers::{Cut, Subscribed};
use super::writers::Writers;
use super::{Case, Plan, Report};
use crate::history::{judge_events, judge_writes};

const NODES: u32 = 2;
const CALLERS_PER_NODE: usize = 48;
const CUTS: [Cut; 4] = [Cut::Way, Cut::Process, Cut::Way, Cut::Process];
/// In each round a subscriber is cut off once, while so many things are written.
const WRITES_PER_ROUND: u64 = 1_000;
/// In each of so many rounds the server is killed once.
const KILLED_EVERY: u32 = 5;
/// How long subscribers may be told nothing new before they are taken to be told no more.
const SILENCE: Duration = Duration::from_secs(20);

pub(super) async fn run(plan: &Plan) -> Report {
    let (mut report, mut random) = (Report::of(Case::Events), plan.random(0));
    let mut hub = Hub::start(None, &[]).await;
    let mut subscribers = Vec::new();
    for (at, cut) in CUTS.into_iter().enumerate() {
        subscribers.push(Subscribed::new(&hub, &format!("subscriber-{at}"), cut).await);
    }
    let manners = [Manner::Retries; CALLERS_PER_NODE];
    let mut writers = Writers::new(plan, &hub, NODES, &manners).await;
    let mut kills = 0_u32;
    writers.begin();
    for round in 1..=plan.rounds {
        let cut = &mut subscribers[random.random_range(0..CUTS.len())];
        let lasting = match cut.cut {
            // Long enough that the connection may be lost, or not.
            Cut::Way => random.random_range(100..2_500),
            Cut::Process => random.random_range(0..200),
        };
        let cutting = cut.be_cut(&hub, Duration::from_millis(lasting));
        tokio::join!(cutting, until_written(&writers, u64::from(round) * WRITES_PER_ROUND));
        if round % KILLED_EVERY == 0 {
            hub.kill().await;
            kills += 1;
            hub.start_again().await;
        }
        if round % 10 == 0 {
            let written = writers.shared.acknowledged.load(Ordering::Relaxed);
            plan.tell(format!("events: round {round} of {}, {written} writes", plan.rounds));
        }
    }
    writers.end().await;
    let (writes, held) = (writers.writes(), hub.held().await);
    let newest = held.iter().map(|held| held.stored.revision).max().unwrap_or(0);
    until_told(&subscribers, newest).await;
    report.count(&writes, &held);
    report.judge(&judge_writes(&writes, &held));
    writers.errors(&[Manner::Retries]).into_iter().for_each(|error| report.break_promise(error));
    let mut told = Vec::new();
    for mut subscriber in subscribers {
        if let Some(why) = subscriber.gave_up().await {
            report.break_promise(format!("{} gave up: {why}", subscriber.name));
            continue;
        }
        told.push(subscriber.end().await);
    }
    report.judge(&judge_events(&writes, &held, &told));
    report.figure("cuts", plan.rounds);
    report.figure("kills", kills);
    report.figure("subscribers", told.len());
    report.figure("told", told.iter().map(|subscriber| subscriber.told.len()).sum::<usize>());
    writers.stop().await;
    hub.kill().await;
    report
}

/// Waits until so many writes were acknowledged, since the beginning.
async fn until_written(writers: &Writers, writes: u64) {
    let (mut last, mut moved) = (0, Instant::now());
    loop {
        let written = writers.shared.acknowledged.load(Ordering::Relaxed);
        if written >= writes {
            return;
        }
        if written > last {
            (last, moved) = (written, Instant::now());
        }
        assert!(moved.elapsed() < 2 * SILENCE, "nothing is written any more");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Waits until all were told of this revision, or of nothing for a long time.
async fn until_told(subscribers: &[Subscribed], newest: u64) {
    let (mut last, mut moved) = (Vec::new(), Instant::now());
    while moved.elapsed() < SILENCE {
        let told: Vec<_> = subscribers.iter().map(Subscribed::newest).collect();
        if told.iter().all(|told| *told >= newest) {
            return;
        }
        if told != last {
            (last, moved) = (told, Instant::now());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
