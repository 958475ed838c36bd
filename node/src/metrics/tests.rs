use std::time::Duration;

use bothways_protocol::{Code, MethodName};

use super::*;
use crate::exchange::Outcome;

fn nothing() -> Now {
    let none = Counts { total: 0, failed: 0, in_flight: 0, watching: 0 };
    Now {
        node: "hub".into(),
        role: "server".into(),
        network: "demo".into(),
        version: "0.1.0".into(),
        sessions: Vec::new(),
        dialing: 0,
        waiting: 0,
        out: none,
        inward: none,
        writes: 0,
        store: None,
        log_dropped: 0,
    }
}

fn session(peer: &str, streams: u64) -> SessionNow {
    SessionNow {
        peer: peer.to_owned(),
        role: "peer".to_owned(),
        dialed: "us".to_owned(),
        round_trip_s: 0.001,
        sent_packets: 1,
        lost_packets: 0,
        streams,
        certificate_ends_unix_s: 1,
    }
}

fn end(requests: &Requests, method: &str, outcome: Outcome) {
    let method: MethodName = method.parse().unwrap();
    requests.begin();
    let took = Duration::from_micros(300);
    requests.end(Ended { method: &method, took, outcome, watched: false });
}

fn lines<'t>(text: &'t str, start: &str) -> Vec<&'t str> {
    text.lines().filter(|line| line.starts_with(start)).collect()
}

#[test]
fn what_a_peer_makes_up_is_counted_together_and_what_is_asked_up_to_a_bound() {
    let metrics = Metrics::new();
    metrics.inward.know(&["people.list".parse().unwrap()]);
    end(&metrics.inward, "people.list", Outcome::Ok);
    for nth in 0..2 * ASKED_MAX {
        end(&metrics.inward, &format!("made.up{nth}"), Outcome::Failed(Code::Unimplemented));
        end(&metrics.out, &format!("asked.for{nth}"), Outcome::Ok);
    }
    let text = metrics.text(&nothing());
    let inward = lines(&text, "rpc_server_call_duration_seconds_count");
    let other = "rpc_server_call_duration_seconds_count{error_type=\"unimplemented\",\
        rpc_method=\"_OTHER\",rpc_response_status_code=\"unimplemented\",\
        rpc_system_name=\"bothways\"} 512";
    assert_eq!(inward.len(), 2);
    assert!(inward.contains(&other), "{inward:?}");
    let out = lines(&text, "rpc_client_call_duration_seconds_count");
    assert_eq!(out.len(), ASKED_MAX + 1);
    assert!(out.iter().any(|line| line.contains("_OTHER") && line.ends_with(" 256")));
}

#[test]
fn a_session_that_is_gone_is_told_of_no_more_and_very_many_are_bounded() {
    let metrics = Metrics::new();
    let peers = || (0..200).map(|nth| session(&format!("peer{nth:03}"), 1));
    let text = metrics.text(&Now { sessions: peers().collect(), ..nothing() });
    assert_eq!(lines(&text, "bothways_session_streams{").len(), 128);
    assert_eq!(
        lines(&text, "bothways_sessions{"),
        ["bothways_sessions{dialed=\"us\",peer_role=\"peer\"} 200"]
    );
    // One of two with the same peer drains: the newest is told of.
    let two = vec![session("desk", 1), session("desk", 7)];
    let text = metrics.text(&Now { sessions: two, ..nothing() });
    assert_eq!(
        lines(&text, "bothways_session_streams{"),
        ["bothways_session_streams{peer=\"desk\"} 7"]
    );
    assert!(lines(&text, "bothways_store_").is_empty());
}

#[test]
fn what_a_log_has_lost_only_grows() {
    let metrics = Metrics::new();
    for (dropped, told) in [(3, "3"), (5, "5"), (5, "5")] {
        let text = metrics.text(&Now { log_dropped: dropped, ..nothing() });
        let expected = format!("bothways_log_lines_dropped_total {told}");
        assert_eq!(lines(&text, "bothways_log_lines_dropped_total"), [expected]);
    }
}
