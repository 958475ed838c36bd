//! The short form of `scripts/faults.sh`: a few rounds of each case, and no time is judged.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use bothways_tests::faults::{Case, Length, Plan, Times, Verdict};

async fn holds(case: Case) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let telling = told.clone();
    let plan = Plan {
        rounds: case.rounds(Length::Short),
        seed: rand::random(),
        times: Times::Told,
        tell: Arc::new(move |text| telling.lock().expect("nobody panicked").push(text)),
    };
    let report = case.run(&plan).await;
    match &report.verdict {
        Verdict::Holds => {}
        Verdict::Fails => panic!("seed {}: {report:#?}\n{told:#?}", plan.seed),
        Verdict::NotRun(why) => {
            // Written past the capture of a passing test's output: it did not pass.
            let _ = writeln!(io::stderr(), "faults: NOT RUN, {}: {why}", case.name());
        }
    }
}

#[tokio::test]
async fn a_server_that_is_killed_keeps_what_it_acknowledged_once() {
    holds(Case::Kill).await;
}

#[tokio::test]
async fn a_server_that_loses_its_power_keeps_what_it_acknowledged_once() {
    holds(Case::Power).await;
}

#[tokio::test]
async fn a_server_that_stops_drops_none_of_the_requests_in_flight() {
    holds(Case::Drain).await;
}

#[tokio::test]
async fn subscribers_that_are_cut_off_miss_nothing() {
    holds(Case::Events).await;
}
