use bothways::{LogStatus, RequestsStatus, SessionStatus, StoreStatus};

use super::*;

const NOW_MS: u64 = 1_800_000_000_000;

fn session(peer: &str, role: &str, address: &str) -> SessionStatus {
    SessionStatus {
        peer: peer.to_owned(),
        role: role.to_owned(),
        dialed: "them".to_owned(),
        address: address.to_owned(),
        age_s: 200,
        round_trip_us: 312,
        sent_packets: 1_000,
        streams: 3,
        requests_out: 12,
        requests_in: 12_345,
        certificate_ends_unix_s: NOW_MS / 1000 + 90 * 24 * 60 * 60,
        ..SessionStatus::default()
    }
}

fn status() -> Status {
    let counts = |total, failed| RequestCounts { total, failed, in_flight: 1 };
    Status {
        http: None,
        name: "hub".to_owned(),
        role: "server".to_owned(),
        network: "roles".to_owned(),
        version: "0.1.0".to_owned(),
        pid: 4321,
        started_ms: NOW_MS - 7_000_000,
        listening: vec!["127.0.0.1:43512".to_owned()],
        sessions: vec![
            session("desk", "peer", "127.0.0.1:56004"),
            SessionStatus {
                lost_packets: 30,
                certificate_ends_unix_s: NOW_MS / 1000 - 1,
                ..session("kiosk", "client", "203.0.113.255:65535")
            },
            SessionStatus { draining: true, ..session("you", "client", "127.0.0.1:9") },
        ],
        dials: vec![DialStatus {
            peer: "store".to_owned(),
            address: "store.example:4433".to_owned(),
            state: "waiting".to_owned(),
            failures: 3,
            why: Some("no node answers at 127.0.0.1:1 (UDP): nothing listens on this port".into()),
        }],
        requests: RequestsStatus { out: counts(7, 0), inward: counts(12_347, 2) },
        writes: 1,
        store: Some(StoreStatus { revision: 1_234, bytes: 1_589_248, read_only: true }),
        subscriptions: 2,
        watching: 0,
        log: LogStatus { dropped: 5 },
    }
}

fn screen(width: usize) -> Screen {
    Screen { width, styled: false, now_ms: NOW_MS }
}

#[test]
fn a_handful_of_sessions_fit_a_small_terminal_with_all_that_is_asked_of_them() {
    let lines = screen(80).lines(&status());
    let expected = "\
hub  server of network roles, up 1 h, bothways 0.1.0, process 4321
listens on 127.0.0.1:43512

PEER         ROLE   DIALED ADDRESS             RTT    LOST  STREAMS AGE   CERT
desk         peer   them   127.0.0.1:56004     312 µs 0 %   3       3 min 90 d
kiosk        client them   203.0.113.255:65535 312 µs 3.0 % 3       3 min ended
you (drains) client them   127.0.0.1:9         312 µs 0 %   3       3 min 90 d

no session with store at store.example:4433: waiting, 3 dials have failed
  no node answers at 127.0.0.1:1 (UDP): nothing listens on this port

issued    7 requests, 0 failed, 1 in flight
answered  12,347 requests, 2 failed, 1 in flight
queues    1 write at work, 2 subscriptions here, 0 at peers, 5 log lines lost
store     revision 1,234, 1.5 MiB, read-only: it takes no writes";
    let expected: Vec<_> = expected.lines().collect();
    assert!(lines.len() <= 24);
    for (line, expected) in lines.iter().zip(&expected) {
        assert_eq!(line, &cut(expected, 80));
    }
    assert_eq!(lines.len(), expected.len());
}

#[test]
fn no_line_is_wider_than_the_screen_and_with_room_there_is_more() {
    for width in [40, 57, 80, 120, 200] {
        for line in screen(width).lines(&status()) {
            assert!(line.chars().count() <= width, "{width}: {line}");
        }
    }
    let wide = screen(120).lines(&status());
    let heading = wide.iter().find(|line| line.starts_with("PEER")).unwrap();
    assert!(heading.contains("OUT  IN"), "{heading}");
}

#[test]
fn a_node_with_nothing_to_tell_says_so_and_one_of_an_earlier_version_tells_what_it_can() {
    let old = Status { name: "old".into(), role: "client".into(), pid: 7, ..Status::default() };
    let lines = screen(80).lines(&old);
    assert_eq!(&lines[..4], ["old  client, process 7", "no listener", "", "no session"]);
    assert!(!lines.iter().any(|line| line.starts_with("store")));
}

#[test]
fn colour_is_there_where_it_is_asked_for_and_what_comes_from_elsewhere_is_escaped() {
    let mut status = status();
    status.sessions[0].address = "a\n\u{1b}[2Jb".to_owned();
    status.dials[0].why = Some("x\n\u{1b}[2Jy".to_owned());
    let plain = screen(120).lines(&status);
    assert!(!plain.iter().any(|line| line.contains(['\u{1b}', '\n'])), "{plain:?}");
    let coloured = Screen { styled: true, ..screen(120) }.lines(&status);
    assert!(coloured.iter().any(|line| line.contains("\u{1b}[33m")));
    assert!(!coloured.iter().any(|line| line.contains("\u{1b}[2J")));
}
