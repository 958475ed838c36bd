//! What a bench measured, as it is shown and as it is sent.

use std::collections::BTreeMap;
use std::time::Duration;

use bothways_protocol::Code;
use hdrhistogram::Histogram;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::tally::Tally;

/// What was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// How long it was measured, in seconds.
    pub elapsed_s: f64,
    /// Requests that were answered with a result.
    pub answered: u64,
    /// Requests that were not, by code.
    pub failed: BTreeMap<Code, u64>,
    /// What the first of these said.
    pub example: Option<String>,
    /// Requests that were due and not sent in time, because too many waited for their answer.
    pub unsent: u64,
    /// Requests that came back before the measurement began, and are in no other number.
    pub warmed_up: u64,
    /// Answers a second.
    pub requests_per_s: f64,
    /// Params that were sent with what was answered, in bytes a second.
    pub params_bytes_per_s: f64,
    /// Results that came back, in bytes a second.
    pub results_bytes_per_s: f64,
    /// How long the answers took; nothing where there are none.
    pub latency: Option<Latency>,
    /// How many answers took how long, from the quickest to the slowest.
    pub histogram: Vec<Bin>,
}

/// How long the answers took, in microseconds: from when a request was sent or, at a fixed rate,
/// from when it was due. What failed is not in it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Latency {
    /// The mean.
    pub mean_us: f64,
    /// What half of them did not exceed.
    pub p50_us: f64,
    /// What nine of ten did not exceed.
    pub p90_us: f64,
    /// What 99 of 100 did not exceed.
    pub p99_us: f64,
    /// What 999 of 1000 did not exceed.
    pub p999_us: f64,
    /// The slowest.
    pub max_us: f64,
}

/// The answers that took up to so long, and longer than the bin before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Bin {
    /// In microseconds.
    pub up_to_us: u64,
    /// How many.
    pub answered: u64,
}

impl Report {
    pub(super) fn of(tally: &Tally) -> Self {
        let elapsed = match (tally.begun, tally.ended) {
            (Some(begun), Some(ended)) => ended.saturating_duration_since(begun),
            _ => Duration::ZERO,
        };
        let per_s = |number: u64| match elapsed {
            Duration::ZERO => 0.0,
            elapsed => tenths(float(number) / elapsed.as_secs_f64()),
        };
        Self {
            elapsed_s: (elapsed.as_secs_f64() * 1e3).round() / 1e3,
            answered: tally.times.len(),
            failed: tally.failed.clone(),
            example: tally.example.clone(),
            unsent: tally.unsent,
            warmed_up: tally.warmed_up,
            requests_per_s: per_s(tally.times.len()),
            params_bytes_per_s: per_s(tally.params_bytes),
            results_bytes_per_s: per_s(tally.results_bytes),
            latency: Latency::of(&tally.times),
            histogram: bins(&tally.times),
        }
    }

    /// Requests that failed, whatever their code.
    #[must_use]
    pub fn failed_in_all(&self) -> u64 {
        self.failed.values().sum()
    }
}

impl Latency {
    fn of(times: &Histogram<u64>) -> Option<Self> {
        let quantile = |quantile| tenths(float(times.value_at_quantile(quantile)) / 1e3);
        (!times.is_empty()).then(|| Self {
            mean_us: tenths(times.mean() / 1e3),
            p50_us: quantile(0.5),
            p90_us: quantile(0.9),
            p99_us: quantile(0.99),
            p999_us: quantile(0.999),
            max_us: quantile(1.0),
        })
    }
}

/// Bins up to 1, 2, 5, 10, 20, 50 … µs, none empty at either end.
fn bins(times: &Histogram<u64>) -> Vec<Bin> {
    let mut bins: Vec<Bin> = Vec::new();
    for step in times.iter_recorded() {
        // What the histogram does not tell apart ends at this value.
        let time = times.lowest_equivalent(step.value_iterated_to());
        let edge = edges_us().find(|edge| time <= edge.saturating_mul(1_000));
        let edge = edge.unwrap_or(u64::MAX);
        let first = bins.last().map_or(edge, |bin| bin.up_to_us + 1);
        let new = edges_us().skip_while(|up_to_us| *up_to_us < first);
        let new = new.take_while(|up_to_us| *up_to_us <= edge);
        bins.extend(new.map(|up_to_us| Bin { up_to_us, answered: 0 }));
        if let Some(bin) = bins.last_mut() {
            bin.answered += step.count_since_last_iteration();
        }
    }
    bins
}

/// 1, 2, 5, 10, 20, 50 … as far as numbers go.
fn edges_us() -> impl Iterator<Item = u64> {
    let powers = std::iter::successors(Some(1_u64), |power| power.checked_mul(10));
    powers.flat_map(|power| [1, 2, 5].into_iter().filter_map(move |digit| power.checked_mul(digit)))
}

/// Rounded to one decimal.
fn tenths(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

#[allow(clippy::cast_precision_loss, reason = "what is shown has a few digits")]
fn float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use bothways_protocol::{Encoded, Failure, NodeName};

    use super::super::tally::Meter;
    use super::*;
    use crate::client::RequestError;

    fn us(us: u64) -> Duration {
        Duration::from_micros(us)
    }

    /// A report of answers that took so long, measured for two seconds.
    fn report_of(times_us: &[u64]) -> Report {
        let (meter, begun) = (Meter::default(), Instant::now());
        meter.begin(begun);
        times_us.iter().for_each(|time| meter.note_answer(us(*time), 100, 300));
        meter.end(begun + Duration::from_secs(2));
        meter.report()
    }

    #[test]
    fn a_report_says_how_long_the_answers_took_and_how_many_there_were_a_second() {
        let times: Vec<_> = (1..=1000).collect();
        let report = report_of(&times);
        let latency = report.latency.unwrap();
        assert_eq!((report.answered, report.requests_per_s), (1000, 500.0));
        assert_eq!((report.params_bytes_per_s, report.results_bytes_per_s), (50_000.0, 150_000.0));
        let told =
            [latency.p50_us, latency.p90_us, latency.p99_us, latency.p999_us, latency.max_us];
        for (told, expected) in told.into_iter().zip([500.0, 900.0, 990.0, 999.0, 1000.0]) {
            assert!((told - expected).abs() < expected / 500.0, "{told} for {expected}");
        }
        assert!((latency.mean_us - 500.5).abs() < 1.0, "{latency:?}");
    }

    #[test]
    fn without_an_answer_no_time_is_told() {
        let report = report_of(&[]);
        assert_eq!((report.latency, report.requests_per_s), (None, 0.0));
        assert_eq!(Meter::default().report().elapsed_s, 0.0, "it has not begun");
    }

    #[test]
    fn bins_have_no_gaps_and_no_empty_ends() {
        let bins = report_of(&[30, 40, 50, 450, 2_000]).histogram;
        let bins: Vec<_> = bins.iter().map(|bin| (bin.up_to_us, bin.answered)).collect();
        assert_eq!(bins, [(50, 3), (100, 0), (200, 0), (500, 1), (1_000, 0), (2_000, 1)]);
    }

    #[test]
    fn failures_are_counted_by_code_and_the_first_one_is_told() {
        let meter = Meter::default();
        let peer: NodeName = "hub".parse().unwrap();
        let failure = Failure::new(Code::Unavailable, "the store takes no writes");
        let method = "people.create".parse().unwrap();
        meter.note_failure(&RequestError::Failed { peer: peer.clone(), method, failure });
        meter.note_failure(&RequestError::NotSent { peer });
        let report = meter.report();
        assert_eq!((report.answered, report.failed_in_all()), (0, 2));
        assert_eq!(report.failed, BTreeMap::from([(Code::Unavailable, 2)]));
        assert!(report.example.unwrap().contains("the store takes no writes"));
    }

    #[test]
    fn a_report_survives_the_wire() {
        let meter = Meter::default();
        meter.note_failure(&RequestError::NotSent { peer: "hub".parse().unwrap() });
        for report in [report_of(&[1, 70, 3_000_000]), meter.report()] {
            assert_eq!(Encoded::of(&report).unwrap().decode::<Report>().unwrap(), report);
        }
    }
}
