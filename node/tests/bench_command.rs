//! `bothways bench` as a user runs it, against real nodes.
#![allow(clippy::unwrap_used, reason = "in a test it says that the test is wrong")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::spawn;

use bothways_certs::{Authority, DEFAULT_AUTHORITY_LIFE, DEFAULT_IDENTITY_LIFE};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// A home of its own, with the certificates of a hub and of two people.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        let certs = home.path().join("certs");
        let authority =
            Authority::create(&"demo".parse().unwrap(), DEFAULT_AUTHORITY_LIFE).unwrap();
        authority.save(&certs).unwrap();
        for name in ["hub", "ann", "ben"] {
            let identity = authority.issue(&name.parse().unwrap(), DEFAULT_IDENTITY_LIFE).unwrap();
            identity.save(&certs).unwrap();
        }
        home
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bothways"));
        command.args(words).current_dir(self.path()).env_clear();
        command.env("HOME", self.path()).env("XDG_RUNTIME_DIR", self.path().join("run"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// A command of Ann's.
    fn of_ann(&self, words: &[&str]) -> Command {
        self.of("ann", words)
    }

    fn of(&self, who: &str, words: &[&str]) -> Command {
        let (certificate, key) = (format!("certs/{who}.pem"), format!("certs/{who}.key"));
        let identity = ["--certificate", &certificate, "--key", &key];
        let authority = ["--authority", "certs/authority.pem"];
        self.command(&[words, &identity, &authority].concat())
    }

    /// Runs a command of Ann's: its exit code, its data and its messages.
    fn run(&self, words: &[&str]) -> (i32, String, String) {
        told(&self.of_ann(words).output().unwrap())
    }

    /// Runs a bench that must succeed: what it measured.
    fn measured(&self, words: &[&str]) -> Value {
        let (code, data, messages) = self.run(&[&["bench", "-o", "json"], words].concat());
        assert_eq!((code, messages.as_str()), (0, ""));
        serde_json::from_str(&data).unwrap()
    }
}

fn told(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

/// A hub that runs until this is dropped.
struct Hub {
    process: Child,
    /// The lines of its log.
    log: Receiver<String>,
    /// Its name and address.
    peer: String,
}

impl Hub {
    fn start(home: &Home, words: &[&str]) -> Self {
        let identity = ["--certificate", "certs/hub.pem", "--key", "certs/hub.key"];
        let authority = ["--authority", "certs/authority.pem", "--log-format", "json"];
        let run = ["run", "--listen", "127.0.0.1:0", "--data", "data"];
        let words = [run.as_slice(), &identity, &authority, words].concat();
        let mut process = home.command(&words).spawn().unwrap();
        let lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let (send, log) = channel();
        // It reads on until the hub ends, so that the hub never waits for a reader.
        spawn(move || lines.map_while(Result::ok).for_each(|line| drop(send.send(line))));
        let started: Value = serde_json::from_str(&log.recv().unwrap()).unwrap();
        assert_eq!(started["message"], "started");
        let peer = format!("hub@{}", started["listening"].as_str().unwrap());
        Self { process, log, peer }
    }

    /// Waits until it has answered so many pings that whoever sends them 64 at a time has most of
    /// the answers.
    fn has_answered_many(&self) {
        let pings = self.log.iter().filter(|line| line.contains("\"node.ping\""));
        assert_eq!(pings.take(1000).count(), 1000);
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        // One that has ended already cannot be killed, and need not be.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn so_many_requests_are_measured_as_were_asked_for() {
    let home = Home::new();
    let hub = Hub::start(&home, &[]);

    let measured = home.measured(&[&hub.peer, "--count", "200", "--concurrency", "8"]);

    assert_eq!((&measured["peer"], &measured["method"]), (&"hub".into(), &"node.ping".into()));
    assert_eq!((&measured["answered"], &measured["failed"]), (&200.into(), &serde_json::json!({})));
    assert_eq!((&measured["warmed_up"], &measured["peer_asks"]), (&0.into(), &Value::Null));
    assert!(measured["latency"]["p99_us"].is_f64(), "{measured}");
    let bins = measured["histogram"].as_array().unwrap();
    assert_eq!(bins.iter().map(|bin| bin["answered"].as_u64().unwrap()).sum::<u64>(), 200);
}

#[test]
fn at_a_rate_each_request_that_is_due_is_sent_or_counted_as_not_sent() {
    let home = Home::new();
    let hub = Hub::start(&home, &[]);
    let one_in_time = ["--rate", "200", "--duration", "500ms", "--warm-up", "100ms"];

    let measured = home.measured(&[&[hub.peer.as_str()], one_in_time.as_slice()].concat());

    let (answered, unsent) = (measured["answered"].as_u64(), measured["unsent"].as_u64());
    assert_eq!(answered.unwrap() + unsent.unwrap(), 100, "{measured}");
    assert_eq!(measured["rate_per_s"], 200.0);
    let random = ["--rate", "5000", "--poisson", "--count", "50"];
    let measured = home.measured(&[&[hub.peer.as_str()], random.as_slice()].concat());
    assert_eq!((&measured["answered"], &measured["unsent"]), (&50.into(), &0.into()));
}

#[test]
fn a_person_gets_lines_without_colour_or_animation_where_there_is_no_terminal() {
    let home = Home::new();
    let hub = Hub::start(&home, &[]);
    let (code, data, messages) =
        home.run(&["bench", &hub.peer, "people.list", "limit:=1", "--count", "20"]);
    assert_eq!(code, 0, "{messages}");
    assert!(!messages.contains(['\u{1b}', '\r', '%']), "{messages}");
    assert!(
        data.starts_with("ann ──▶ hub  people.list, 64 at a time\n\nanswered  20 in"),
        "{data}"
    );
    assert!(data.contains("latency   p50 ") && !data.contains('\u{1b}'), "{data}");
}

#[test]
fn a_write_needs_leave_and_each_one_acts() {
    let home = Home::new();
    let hub = Hub::start(&home, &[]);
    let write = ["bench", &hub.peer, "people.create", "name=Ann", "--count", "30"];

    let (code, data, messages) = home.run(&write);
    assert_eq!((code, data.as_str()), (2, ""));
    assert!(messages.contains("hint: add --writes"), "{messages}");
    assert_eq!(home.run(&[write.as_slice(), &["--writes"]].concat()).0, 0);

    let list = ["call", &hub.peer, "people.list", "limit:=100", "-o", "json"];
    let people: Value = serde_json::from_str(&home.run(&list).1).unwrap();
    assert_eq!(people["people"].as_array().unwrap().len(), 30);
}

#[test]
fn what_fails_is_told_by_code_and_with_an_example() {
    let home = Home::new();
    let hub = Hub::start(&home, &[]);
    let ann = home.run(&["call", &hub.peer, "people.create", "name=Ann", "-o", "json"]).1;
    let ann: Value = serde_json::from_str(&ann).unwrap();
    let id = format!("id={}", ann["id"].as_str().unwrap());
    let delete = ["bench", &hub.peer, "people.delete", &id, "--count", "5", "--writes"];

    let (code, data, messages) =
        home.run(&[delete.as_slice(), &["--concurrency", "1", "-o", "json"]].concat());

    assert_eq!(code, 1);
    let told = "error: 4 of 5 requests failed\n  not_found: 4\n  for example: hub answers ";
    assert!(messages.starts_with(told), "{messages}");
    let measured: Value = serde_json::from_str(&data).unwrap();
    assert_eq!((&measured["answered"], &measured["failed"]["not_found"]), (&1.into(), &4.into()));
}

#[test]
fn what_cannot_be_measured_is_refused_before_anything_is_sent() {
    let home = Home::new();
    let hub = Hub::start(&home, &[]);
    let table: [(&[&str], i32, &str); 9] = [
        (&["people.crate"], 1, "did you mean people.create?"),
        (&["shop.close"], 1, "`bothways methods hub` lists what it enables"),
        (&["people.get", "id=x"], 1, "field: id"),
        (&["--size", "10"], 1, "services = [\"people\", \"bench\"]"),
        (&["--both-ways"], 1, "services = [\"people\", \"bench\"]"),
        (&["--both-ways", "--duration", "1m"], 2, "--duration may be 48s"),
        (&["--concurrency", "0"], 2, "--concurrency"),
        (&["--rate", "-5"], 2, "it must be above 0"),
        (&["people.list", "limit=:"], 1, "field: limit"),
    ];
    for (words, code, part) in table {
        let (ended, data, messages) = home.run(&[&["bench", hub.peer.as_str()], words].concat());
        assert_eq!((ended, data.as_str()), (code, ""), "{words:?}: {messages}");
        assert!(messages.contains(part), "{words:?}: {messages}");
    }
}

#[test]
fn both_ways_the_peer_asks_as_much_on_the_same_session() {
    let home = Home::new();
    let hub = Hub::start(&home, &["--services", "people,bench"]);
    let asked = [hub.peer.as_str(), "--both-ways", "--count", "100"];

    let measured = home.measured(&asked);
    assert_eq!(measured["answered"], 100);
    assert_eq!(measured["peer_asks"]["answered"], 100, "{measured}");

    let measured = home.measured(&[asked.as_slice(), &["--size", "1000"]].concat());
    assert_eq!(measured["method"], "bench.echo");
    assert_eq!(measured["peer_asks"]["answered"], 100, "{measured}");
    let (_, data, _) = home.run(&[&["bench"], asked.as_slice()].concat());
    assert!(data.contains("\n\nhub ──▶ ann  node.ping, 64 at a time\n"), "{data}");
}

#[test]
fn a_node_makes_load_only_where_it_is_told_to_and_only_for_who_answers() {
    let home = Home::new();
    let usual = Hub::start(&home, &[]);
    let (_, methods, _) = home.run(&["methods", &usual.peer]);
    assert!(methods.contains("people.list") && !methods.contains("bench."), "{methods}");
    drop(usual);

    let named = Hub::start(&home, &["--services", "bench"]);
    let ask = r#"{"concurrency":1,"pace":"as_answered","warm_up_ms":0,"duration_ms":1000,
        "deadline_ms":1000}"#;
    let call = |ask: &str| home.run(&["call", &named.peer, "bench.ask", "-d", ask]);
    let (code, _, messages) = call(ask);
    assert_eq!(code, 1);
    assert!(messages.contains("role client answers no requests"), "{messages}");
    let (code, _, messages) = call(&ask.replace("1000", "60000"));
    assert_eq!(code, 1);
    assert!(messages.contains("field: duration_ms"), "{messages}");
    drop(named);

    let server = Hub::start(&home, &["--role", "server", "--services", "bench"]);
    let (code, _, messages) = home.run(&["bench", &server.peer, "--both-ways"]);
    assert_eq!(code, 1);
    assert!(messages.contains("role server, which issues no requests"), "{messages}");
}

#[test]
fn a_node_asks_one_caller_at_a_time_and_none_that_is_gone() {
    let home = Home::new();
    let hub = Hub::start(&home, &["--services", "bench"]);
    let long = ["bench", &hub.peer, "--both-ways", "--duration", "40s", "--warm-up", "0s"];
    let ann = home.of_ann(&long).spawn().unwrap();
    hub.has_answered_many();
    let short = ["bench", &hub.peer, "--both-ways", "--count", "10"];
    let bens = || told(&home.of("ben", &short).output().unwrap());

    let (code, _, messages) = bens();
    assert_eq!(code, 1);
    assert!(messages.contains("resource_exhausted: this node asks somebody already"), "{messages}");

    kill_process(Pid::from_child(&ann), Signal::INT).unwrap();
    ann.wait_with_output().unwrap();
    let (code, _, messages) = bens();
    assert_eq!(code, 0, "{messages}");
}

#[test]
fn a_peer_that_dies_ends_the_bench() {
    let home = Home::new();
    let mut hub = Hub::start(&home, &[]);
    let bench = ["bench", &hub.peer, "--duration", "10m", "--warm-up", "0s", "-o", "json"];
    // That nobody answers any more is known when it was silent for so long.
    let mut bench = home.of_ann(&bench);
    bench.env("BOTHWAYS_LIMITS_IDLE_MS", "3000").env("BOTHWAYS_LIMITS_KEEP_ALIVE_MS", "1000");
    let bench = bench.spawn().unwrap();
    hub.has_answered_many();

    hub.process.kill().unwrap();

    let (code, data, messages) = told(&bench.wait_with_output().unwrap());
    assert_eq!(code, 4, "{messages}");
    assert!(messages.starts_with("error: ended after "), "{messages}");
    assert!(messages.contains("\n  unavailable: "), "{messages}");
    let measured: Value = serde_json::from_str(&data).unwrap();
    assert!(measured["answered"].as_u64() > Some(0), "{measured}");
}

#[test]
fn an_interrupt_shows_what_was_measured_until_then() {
    let home = Home::new();
    let hub = Hub::start(&home, &["--services", "bench"]);
    for words in [["--warm-up", "0s"].as_slice(), &["--warm-up", "0s", "--both-ways"]] {
        let bench = ["bench", &hub.peer, "--duration", "40s", "-o", "json"];
        let bench = home.of_ann(&[bench.as_slice(), words].concat()).spawn().unwrap();
        hub.has_answered_many();

        kill_process(Pid::from_child(&bench), Signal::INT).unwrap();

        let (code, data, messages) = told(&bench.wait_with_output().unwrap());
        assert_eq!(code, 130, "{messages}");
        let measured: Value = serde_json::from_str(&data).unwrap();
        assert_eq!(measured["interrupted"], true);
        assert!(measured["answered"].as_u64() > Some(0), "{measured}");
    }
}

#[test]
fn a_bench_writes_no_log() {
    let home = Home::new();
    let hub = Hub::start(&home, &[]);
    let identity = ["--certificate", "certs/ann.pem", "--key", "certs/ann.key"];
    let peer = hub.peer.replace('@', "=");
    let rest = ["--authority", "certs/authority.pem", "--peer", &peer, "--log-file", "ann.log"];
    let add = [["context", "add", "demo"].as_slice(), &identity, &rest].concat();
    for words in [&add, ["context", "use", "demo"].as_slice(), &["bench", "hub", "--count", "9"]] {
        let (code, _, messages) = told(&home.command(words).output().unwrap());
        assert_eq!(code, 0, "{messages}");
    }
    assert!(!home.path().join("ann.log").exists());
}
