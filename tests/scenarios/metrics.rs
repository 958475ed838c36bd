//! What a node counts is told in Prometheus' text format, each line of it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::UdpSocket;

use bothways::Node;
use bothways::domain::people::{DeletePerson, ListPeople};
use bothways::protocol::{Encoded, WatchFrom};
use bothways_tests::{Network, soon, until_session};

use crate::support::Hub;
use crate::support::ask;
use crate::watching::{create, watch_from};

type Labels = BTreeMap<String, String>;

/// Metrics, parsed as strictly as the format is written.
struct Told {
    kinds: BTreeMap<String, String>,
    samples: Vec<(String, Labels, f64)>,
}

impl Told {
    fn by(node: &Node) -> Self {
        Self::parse(&node.metrics())
    }

    fn parse(text: &str) -> Self {
        let (mut kinds, mut helped) = (BTreeMap::new(), BTreeSet::new());
        let (mut samples, mut seen) = (Vec::new(), BTreeSet::new());
        assert!(text.ends_with('\n') && !text.contains('\r'));
        for line in text.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, help) = help.split_once(' ').unwrap();
                assert!(!help.is_empty() && helped.insert(name.to_owned()), "{line}");
            } else if let Some(kind) = line.strip_prefix("# TYPE ") {
                let (name, kind) = kind.split_once(' ').unwrap();
                assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
                assert!(kinds.insert(name.to_owned(), kind.to_owned()).is_none(), "{line}");
            } else {
                let (name, labels, value) = sample(line);
                let of = family(&name, &kinds);
                assert!(helped.contains(&of), "no HELP before {line}");
                assert_eq!(kinds[&of] == "counter", name.ends_with("_total"), "{line}");
                assert!(seen.insert((name.clone(), labels.clone())), "twice: {line}");
                samples.push((name, labels, value));
            }
        }
        let told = Self { kinds, samples };
        told.check_histograms();
        told
    }

    /// Each has cumulative buckets, of which the last is the count.
    fn check_histograms(&self) {
        for (name, _) in self.kinds.iter().filter(|(_, kind)| *kind == "histogram") {
            for (counted, labels, count) in &self.samples {
                if *counted != format!("{name}_count") {
                    continue;
                }
                let buckets = self.samples.iter().filter_map(|(bucket, of, value)| {
                    let mut of = of.clone();
                    let end = of.remove("le").filter(|_| *bucket == format!("{name}_bucket"))?;
                    (of == *labels).then(|| (end.parse::<f64>().unwrap(), *value))
                });
                let buckets: Vec<_> = buckets.collect();
                assert_eq!(buckets.last(), Some(&(f64::INFINITY, *count)), "{name} {labels:?}");
                let grows = |pair: &[(f64, f64)]| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1;
                assert!(buckets.windows(2).all(grows), "{name} {labels:?}: {buckets:?}");
                assert!(self.one(&format!("{name}_sum"), labels) >= Some(0.0));
            }
        }
    }

    fn one(&self, name: &str, labels: &Labels) -> Option<f64> {
        let found = self.samples.iter().find(|(found, of, _)| found == name && of == labels);
        found.map(|(_, _, value)| *value)
    }

    /// The sum of the samples of this name that have all these labels.
    fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let has = |of: &Labels| {
            labels.iter().all(|(label, value)| of.get(*label).is_some_and(|is| is == value))
        };
        let found = self.samples.iter().filter(|(found, of, _)| found == name && has(of));
        found.map(|(_, _, value)| value).sum()
    }

    /// How many requests of one method ended so.
    fn count(&self, end: &str, method: &str, code: &str) -> f64 {
        let labels = [("rpc_method", method), ("rpc_response_status_code", code)];
        self.sum(&format!("rpc_{end}_call_duration_seconds_count"), &labels)
    }
}

/// `name{label="value",…} value`
fn sample(line: &str) -> (String, Labels, f64) {
    let (of, value) = line.rsplit_once(' ').unwrap();
    let value: f64 = value.parse().unwrap_or_else(|_| panic!("{line}"));
    let (name, labels) = match of.strip_suffix('}') {
        Some(of) => of.split_once('{').unwrap(),
        None => (of, ""),
    };
    let is_name = |name: &str| {
        let rest = |c: char| c.is_ascii_alphanumeric() || c == '_';
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.chars().all(rest)
    };
    assert!(is_name(name), "{line}");
    let labels = labels.split(',').filter(|label| !label.is_empty()).map(|label| {
        let (label, value) = label.split_once('=').unwrap_or_else(|| panic!("{line}"));
        let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
        assert!(is_name(label), "{line}");
        (label.to_owned(), value.unwrap_or_else(|| panic!("{line}")).to_owned())
    });
    (name.to_owned(), labels.collect(), value)
}

/// The metric that a sample is of: a histogram's have endings.
fn family(name: &str, kinds: &BTreeMap<String, String>) -> String {
    let endings = ["_bucket", "_sum", "_count"];
    let stem = endings.iter().find_map(|ending| name.strip_suffix(ending));
    let histogram = stem.filter(|stem| kinds.get(*stem).is_some_and(|kind| kind == "histogram"));
    let of = histogram.unwrap_or(name).to_owned();
    assert!(kinds.contains_key(&of), "no TYPE before {name}");
    of
}

async fn until_told(node: &Node, what: &str, holds: impl Fn(&Told) -> bool) -> Told {
    let holding = async {
        loop {
            let told = Told::by(node);
            if holds(&told) {
                return told;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    soon(what, holding).await
}

#[tokio::test]
async fn each_request_is_counted_once_at_each_end_under_its_method_and_its_code() {
    let network = Network::new();
    let folder = tempfile::tempdir().unwrap();
    let hub = Hub::on(&network, folder.path()).await;
    let desk = network.node("desk").dialing(&hub.node).start().await;
    let ann = create(&desk, "Ann").await;
    for _ in 0..30 {
        ask(&desk, "hub", ListPeople { after: None, limit: None }).await.unwrap();
    }
    for _ in 0..2 {
        ask(&desk, "hub", DeletePerson { id: ann.id, expect: Some(9) }).await.unwrap_err();
    }
    // What the hub does not enable has one name there, and its own at the end that asked.
    for method in ["made.up", "also.made_up"] {
        desk.peer("hub").call(method, Encoded::empty_map()).await.unwrap_err();
    }
    let mut watching = desk.peer("hub").subscribe("people", watch_from(WatchFrom::All));
    soon("an event", watching.next()).await.unwrap();

    let at_hub = until_told(&hub.node, "35 answered", |told| {
        told.sum("rpc_server_call_duration_seconds_count", &[]) == 35.0
    });
    let at_hub = at_hub.await;
    let at_desk = Told::by(&desk);

    for (end, told) in [("server", &at_hub), ("client", &at_desk)] {
        assert_eq!(told.count(end, "people.list", "ok"), 30.0, "{end}");
        assert_eq!(told.count(end, "people.create", "ok"), 1.0, "{end}");
        assert_eq!(told.count(end, "people.delete", "aborted"), 2.0, "{end}");
        let aborted = [("error_type", "aborted"), ("rpc_system_name", "bothways")];
        let name = format!("rpc_{end}_call_duration_seconds_count");
        assert_eq!(told.sum(&name, &aborted), 2.0, "{end}");
    }
    assert_eq!(at_hub.count("server", "_OTHER", "unimplemented"), 2.0);
    assert_eq!(at_desk.count("client", "also.made_up", "unimplemented"), 1.0);
    assert_eq!(at_hub.sum("rpc_client_call_duration_seconds_count", &[]), 0.0);
    assert_eq!(at_hub.sum("bothways_subscriptions", &[("direction", "in")]), 1.0);
    assert_eq!(at_hub.sum("bothways_requests_in_flight", &[]), 0.0);
    assert_eq!(at_hub.sum("bothways_store_revision", &[]), 1.0);
    assert!(at_hub.sum("bothways_store_bytes", &[]) > 0.0);
    assert_eq!(at_hub.sum("bothways_sessions", &[("peer_role", "peer"), ("dialed", "them")]), 1.0);
    assert!(at_hub.sum("bothways_session_round_trip_seconds", &[("peer", "desk")]) > 0.0);
    assert_eq!(at_hub.sum("bothways_node_info", &[("node", "hub"), ("network", "demo")]), 1.0);
    assert!(at_hub.sum("process_start_time_seconds", &[]) > 1.0e9);
    hub.stop().await;
}

#[tokio::test]
async fn dials_and_handshakes_that_fail_are_counted_by_why() {
    let (network, other) = (Network::new(), Network::called("other"));
    let hub = network.node("hub").listening().start().await;
    let address = hub.listening().next().unwrap();
    let free = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let desk = network.node("desk").dialing(&hub).dialing_at("nobody", free).start().await;
    until_session(&desk, "hub").await;
    let stranger = other.node("stranger").dialing_at("hub", address).start().await;

    let failures = |reason: &'static str| {
        move |told: &Told| told.sum("bothways_dial_failures_total", &[("reason", reason)]) > 0.0
    };
    let at_desk = until_told(&desk, "a dial that nobody answers", failures("unreachable")).await;
    until_told(&stranger, "a certificate of another network", failures("certificate")).await;
    until_told(&hub, "a handshake that fails", |told| {
        told.sum("bothways_handshakes_refused_total", &[("reason", "failed")]) > 0.0
    })
    .await;

    assert_eq!(at_desk.sum("bothways_dials", &[]), 1.0, "the one of nobody");
    assert_eq!(at_desk.sum("bothways_handshakes_refused_total", &[]), 0.0);
}
