//! What a bench measured: a few lines and a histogram for people, one JSON object for programs.

use bothways::bench::{Ask, Bin, Echo, Latency, Load, Pace, Report};
use bothways::service::Ping;
use bothways_protocol::{Method, NodeName};
use serde::Serialize;

use super::numbers::{bytes_per_s, grouped, rate, time};
use super::watch::Cpu;
use crate::cli::output::{Out, OutputError, fields};
use crate::cli::remote::Measured;
use crate::cli::{Exit, Trouble};

/// The longest bar of the histogram, in columns.
const BAR_COLUMNS: u64 = 40;

/// What was asked for, as it is shown.
#[derive(Debug)]
pub(super) struct Shown {
    us: NodeName,
    peer: NodeName,
    method: String,
    /// The method that the peer asks of us, where it does.
    back: Option<&'static str>,
    concurrency: usize,
    pace: Pace,
}

/// The JSON object: programs rely on its names.
#[derive(Debug, Serialize)]
struct Answer<'a> {
    peer: &'a NodeName,
    method: &'a str,
    concurrency: usize,
    /// As it was asked for; null in a closed loop.
    rate_per_s: Option<f64>,
    interrupted: bool,
    #[serde(flatten)]
    report: &'a Report,
    cpu_us_per_request: Option<f64>,
    peer_cpu_us_per_request: Option<f64>,
    /// What the peer measured, that asked us; null where it did not.
    peer_asks: Option<&'a Report>,
}

impl Shown {
    pub(super) fn of(us: &NodeName, peer: &NodeName, load: &Load, back: Option<&Ask>) -> Self {
        let method_back = |ask: &Ask| match ask.body_bytes {
            Some(_) => Echo::NAME,
            None => Ping::NAME,
        };
        Self {
            us: us.clone(),
            peer: peer.clone(),
            method: load.method.to_string(),
            back: back.map(method_back),
            concurrency: load.concurrency,
            pace: load.pace,
        }
    }

    /// Whether both ends have told what they measured.
    pub(super) fn is_whole(&self, measured: &Measured) -> bool {
        self.back.is_some() == measured.back.is_some()
    }

    /// Shows what was measured; nothing where it ended without an answer.
    pub(super) fn show(&self, measured: &Measured, cpu: Cpu, out: Out) -> Result<(), OutputError> {
        let Measured { report, back, ended } = measured;
        if report.answered == 0 && ended.is_some() {
            return Ok(());
        }
        let interrupted = |trouble: &Trouble| trouble.exit() == Exit::Interrupted;
        let answer = Answer {
            peer: &self.peer,
            method: &self.method,
            concurrency: self.concurrency,
            rate_per_s: self.pace.per_s(),
            interrupted: ended.as_ref().is_some_and(interrupted),
            report,
            cpu_us_per_request: cpu.here_us,
            peer_cpu_us_per_request: cpu.at_peer_us,
            peer_asks: back.as_ref(),
        };
        out.one(&answer, |_| self.text(measured, cpu))
    }

    fn text(&self, Measured { report, back, .. }: &Measured, cpu: Cpu) -> String {
        let (us, peer) = (&self.us, &self.peer);
        let mut text = self.title(us, peer, &self.method);
        text += &block(report, Some(self.cpu(cpu)));
        if let Some(method) = self.back {
            text += &format!("\n{}", self.title(peer, us, method));
            text += &match back {
                Some(report) => block(report, None),
                None => format!("not known: {peer} tells only when it is done\n"),
            };
        }
        text
    }

    fn title(&self, asker: &NodeName, asked: &NodeName, method: &str) -> String {
        let pace = match self.pace {
            Pace::AsAnswered => format!("{} at a time", self.concurrency),
            Pace::Regular { per_s } => format!("{per_s} a second"),
            Pace::Poisson { per_s } => format!("{per_s} a second, at random times"),
        };
        format!("{asker} ──▶ {asked}  {method}, {pace}\n\n")
    }

    fn cpu(&self, cpu: Cpu) -> String {
        let each = |us: f64| format!("{} a request", time(us));
        let told = |us: Option<f64>| us.map_or_else(|| "not known".to_owned(), each);
        format!("{} here, {} at {}", told(cpu.here_us), told(cpu.at_peer_us), self.peer)
    }
}

/// What was measured in one direction.
fn block(report: &Report, cpu: Option<String>) -> String {
    let failed = match report.failed_in_all() {
        0 => "none".to_owned(),
        failed => grouped(failed),
    };
    let mut lines = vec![
        ("answered", format!("{} in {:.1} s", grouped(report.answered), report.elapsed_s)),
        ("failed", failed),
    ];
    if report.unsent > 0 {
        let why = "were due, and too many waited for their answer";
        lines.push(("not sent", format!("{} {why}", grouped(report.unsent))));
    }
    let bytes = [report.params_bytes_per_s, report.results_bytes_per_s].map(bytes_per_s);
    lines.push(("rate", format!("{} requests/s", rate(report.requests_per_s))));
    lines.push(("data", format!("{} params, {} results", bytes[0], bytes[1])));
    if let Some(Latency { mean_us, p50_us, p90_us, p99_us, p999_us, max_us }) = report.latency {
        let [p50, p90, p99, p999] = [p50_us, p90_us, p99_us, p999_us].map(time);
        lines.push(("latency", format!("p50 {p50}, p90 {p90}, p99 {p99}, p99.9 {p999}")));
        lines.push(("", format!("mean {}, max {}", time(mean_us), time(max_us))));
    }
    lines.extend(cpu.map(|cpu| ("CPU", cpu)));
    let histogram = histogram(&report.histogram);
    fields(lines) + if histogram.is_empty() { "" } else { "\n" } + &histogram
}

/// A bar for each bin, the longest for the fullest.
fn histogram(bins: &[Bin]) -> String {
    let most = bins.iter().map(|bin| bin.answered).max().unwrap_or(0).max(1);
    let width = grouped(most).len();
    let bar = |bin: &Bin| {
        let columns = (bin.answered * BAR_COLUMNS).div_ceil(most);
        let bar = "█".repeat(usize::try_from(columns).unwrap_or(0));
        #[allow(clippy::cast_precision_loss, reason = "edges are round numbers")]
        let edge = time(bin.up_to_us as f64);
        let line = format!("  up to {edge:>7}  {:>width$}  {bar}", grouped(bin.answered));
        format!("{}\n", line.trim_end())
    };
    bins.iter().map(bar).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use bothways_protocol::Code;

    use super::*;

    fn report() -> Report {
        Report {
            elapsed_s: 10.0,
            answered: 412_034,
            failed: BTreeMap::new(),
            example: None,
            unsent: 0,
            warmed_up: 0,
            requests_per_s: 41_203.4,
            params_bytes_per_s: 41_203.4,
            results_bytes_per_s: 12_400_000.0,
            latency: Some(Latency {
                mean_us: 1_520.4,
                p50_us: 480.0,
                p90_us: 1_900.0,
                p99_us: 10_040.0,
                p999_us: 999_900.0,
                max_us: 3_000_000.0,
            }),
            histogram: vec![
                Bin { up_to_us: 500, answered: 20 },
                Bin { up_to_us: 1_000, answered: 1_000 },
                Bin { up_to_us: 2_000, answered: 0 },
                Bin { up_to_us: 5_000, answered: 1 },
            ],
        }
    }

    fn shown() -> Shown {
        Shown {
            us: "you".parse().unwrap(),
            peer: "hub".parse().unwrap(),
            method: "node.ping".to_owned(),
            back: None,
            concurrency: 64,
            pace: Pace::AsAnswered,
        }
    }

    fn measured(report: Report, back: Option<Report>) -> Measured {
        Measured { report, back, ended: None }
    }

    #[test]
    fn a_person_sees_the_rate_the_latency_and_its_shape() {
        let cpu = Cpu { here_us: Some(12.1), at_peer_us: None };
        let text = shown().text(&measured(report(), None), cpu);
        let expected = "\
you ──▶ hub  node.ping, 64 at a time

answered  412,034 in 10.0 s
failed    none
rate      41,203 requests/s
data      41.2 kB/s params, 12.4 MB/s results
latency   p50 480 µs, p90 1.90 ms, p99 10.0 ms, p99.9 1.00 s
          mean 1.52 ms, max 3 s
CPU       12.1 µs a request here, not known at hub

  up to  500 µs     20  █
  up to    1 ms  1,000  ████████████████████████████████████████
  up to    2 ms      0
  up to    5 ms      1  █
";
        assert_eq!(text, expected);
    }

    #[test]
    fn what_failed_and_what_was_not_sent_is_said() {
        let failed = BTreeMap::from([(Code::Unavailable, 1_000), (Code::DeadlineExceeded, 2)]);
        let report = Report { failed, unsent: 7, latency: None, histogram: Vec::new(), ..report() };
        let text = shown().text(&measured(report, None), Cpu::default());
        assert!(text.contains("failed    1,002\n"), "{text}");
        assert!(text.contains("not sent  7 were due"), "{text}");
        assert!(!text.contains("latency") && !text.contains("up to"), "{text}");
    }

    #[test]
    fn both_ways_are_two_blocks() {
        let both = Shown { back: Some("bench.echo"), ..shown() };
        let text = both.text(&measured(report(), Some(report())), Cpu::default());
        assert!(text.contains("\n\nhub ──▶ you  bench.echo, 64 at a time\n\nanswered"), "{text}");
        let text = both.text(&measured(report(), None), Cpu::default());
        assert!(text.ends_with("\n\nnot known: hub tells only when it is done\n"), "{text}");
    }

    #[test]
    fn a_program_finds_units_in_the_names() {
        let (report, peer) = (report(), "hub".parse().unwrap());
        let answer = Answer {
            peer: &peer,
            method: "node.ping",
            concurrency: 64,
            rate_per_s: None,
            interrupted: false,
            report: &report,
            cpu_us_per_request: Some(12.1),
            peer_cpu_us_per_request: None,
            peer_asks: None,
        };
        let json = serde_json::to_value(&answer).unwrap();
        let mut names: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
        let mut expected = [
            "peer",
            "method",
            "concurrency",
            "rate_per_s",
            "interrupted",
            "elapsed_s",
            "answered",
            "failed",
            "example",
            "unsent",
            "warmed_up",
            "requests_per_s",
            "params_bytes_per_s",
            "results_bytes_per_s",
            "latency",
            "histogram",
            "cpu_us_per_request",
            "peer_cpu_us_per_request",
            "peer_asks",
        ];
        expected.sort_unstable();
        names.sort_unstable();
        assert_eq!(names, expected);
        assert_eq!(json["latency"]["p99_us"], 10_040.0);
    }
}
