//! `bothways trace` as a user runs it, on logs that are given.
#![allow(clippy::unwrap_used, reason = "in a test it says that the test is wrong")]

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// A folder with the logs of two nodes.
struct Logs(tempfile::TempDir);

/// One end of a request, as a node logs it.
fn line(node: &str, dir: &str, peer: &str, span: u8, code: &str, duration_us: u32) -> String {
    let at_us = 1_764_000_000_000_000_u64 + u64::from(span) * 1_000_000;
    let ended = jiff::Timestamp::from_microsecond(at_us.try_into().unwrap()).unwrap();
    format!(
        "{{\"timestamp\":\"{ended:.6}\",\"level\":\"INFO\",\"message\":\"request\",\
         \"node\":\"{node}\",\"dir\":\"{dir}\",\"peer\":\"{peer}\",\"method\":\"people.create\",\
         \"code\":\"{code}\",\"started_us\":{at_us},\"duration_us\":{duration_us},\
         \"deadline_ms\":10000,\"sent_bytes\":90,\"received_bytes\":40,\
         \"trace_id\":\"{span:032x}\",\"span_id\":\"{span:016x}\",\"attempt\":1,\
         \"target\":\"exchange\"}}\n"
    )
}

impl Logs {
    fn new() -> Self {
        let logs = Self(tempfile::tempdir().unwrap());
        logs.append("desk.log", &line("desk", "out", "hub", 1, "ok", 4_000));
        logs.append("hub.log", &line("hub", "in", "desk", 1, "ok", 3_000));
        logs.append("desk.log", &line("desk", "out", "hub", 2, "not_found", 900));
        logs.append("hub.log", &line("hub", "in", "desk", 2, "not_found", 300));
        logs
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    fn append(&self, name: &str, text: &str) {
        let file = OpenOptions::new().append(true).create(true).open(self.file(name));
        file.unwrap().write_all(text.as_bytes()).unwrap();
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bothways"));
        command.arg("trace").args(words).current_dir(self.path()).env_clear();
        command.env("HOME", self.path()).env("XDG_RUNTIME_DIR", self.path().join("run"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs a command: its exit code, its data and its messages.
    fn run(&self, words: &[&str]) -> (i32, String, String) {
        let output = self.command(words).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    fn json(&self, words: &[&str]) -> Vec<Value> {
        let (code, data, messages) = self.run(&[words, &["-o", "json"]].concat());
        assert_eq!(code, 0, "{messages}");
        data.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

#[test]
fn traces_are_listed_the_newest_last_and_filters_narrow_them() {
    let logs = Logs::new();
    let codes = |words: &[&str]| -> Vec<String> {
        let rows = logs.json(&[&["list", "--from", "."], words].concat());
        rows.iter().map(|row| row["code"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(codes(&[]), ["ok", "not_found"]);
    assert_eq!(codes(&["--last", "1"]), ["not_found"]);
    assert_eq!(codes(&["--slower-than", "1ms"]), ["ok"]);
    assert_eq!(codes(&["--code", "not_found", "--peer", "hub"]), ["not_found"]);
    let (code, _, messages) = logs.run(&["list", "--from", ".", "--method", "no.such"]);
    assert_eq!(code, 7, "{messages}");
    let (_, text, _) = logs.run(&["list", "--from", "."]);
    assert!(text.contains("desk → hub") && text.contains("4.0 ms"), "{text}");
}

#[test]
fn requests_are_counted_with_what_each_end_and_the_way_took() {
    let logs = Logs::new();
    let rows = logs.json(&["stats", "--from", "."]);
    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    assert_eq!((&row["requests"], &row["errors"], &row["lost"]), (&2.into(), &1.into(), &0.into()));
    let longest = |of: &str| row[of]["max_us"].as_u64().unwrap();
    assert_eq!([longest("asked"), longest("answered"), longest("way")], [4_000, 3_000, 1_000]);
}

#[test]
fn a_subscription_is_one_exchange_with_the_events_that_came_until_now() {
    let logs = Logs::new();
    let told = |dir: &str, duration_us: u32, events: u32| {
        let (node, peer) = if dir == "out" { ("desk", "hub") } else { ("hub", "desk") };
        let line = line(node, dir, peer, 7, "ok", duration_us).replace("create", "watch");
        line.replace("\"attempt\":1", &format!("\"attempt\":1,\"events\":{events}"))
    };
    for (dir, duration_us, events) in
        [("out", 900, 0), ("in", 700, 0), ("out", 5_000_000, 12), ("in", 4_000_000, 12)]
    {
        logs.append("watch.log", &told(dir, duration_us, events));
    }
    let rows = logs.json(&["stats", "--from", ".", "--method", "people.watch"]);
    assert_eq!((&rows[0]["requests"], &rows[0]["events"]), (&1.into(), &12.into()));
    let (_, drawn, _) = logs.run(&["show", "--from", "watch.log", "--width", "80"]);
    assert!(drawn.contains("◀═") && drawn.contains(" 12 events in 5.0 s "), "{drawn}");
    let document = logs.json(&["show", "--from", "watch.log"]);
    assert_eq!(document[0]["traces"][0]["exchanges"][0]["events"], 12);
}

#[test]
fn the_graph_and_the_pictures_are_made_of_the_same_records() {
    let logs = Logs::new();
    let table = [
        (["graph", "--format", "text"], "desk\n  ──▶ hub\n"),
        (["graph", "--format", "mermaid"], "flowchart LR\n"),
        (["show", "--format", "svg"], "<svg xmlns="),
        (["show", "--format", "html"], "<!doctype html>\n"),
        (["show", "--format", "otlp"], "{\"resourceSpans\":[{"),
    ];
    for (words, begins) in table {
        let (code, data, messages) = logs.run(&[words.as_slice(), &["--from", "."]].concat());
        assert!(code == 0 && data.starts_with(begins), "{words:?}: {data} {messages}");
    }
}

#[test]
fn requests_are_followed_as_the_logs_grow_and_ctrl_c_is_a_good_end() {
    let logs = Logs::new();
    let words = ["tail", "--from", ".", "-o", "json", "--last", "1", "--code", "not_found"];
    let mut tail = logs.command(&words).spawn().unwrap();
    let mut lines = BufReader::new(tail.stdout.take().unwrap()).lines();
    let mut next = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(next()["ends"], "both");

    logs.append("desk.log", &line("desk", "out", "hub", 3, "ok", 80));
    logs.append("hub.log", &line("hub", "in", "desk", 3, "ok", 8));
    logs.append("phone.log", &line("phone", "in", "desk", 4, "not_found", 70));
    logs.append("desk.log", &line("desk", "out", "phone", 4, "not_found", 77));
    let told = next();
    assert_eq!((&told["answerer"], &told["code"]), (&"phone".into(), &"not_found".into()));

    let pid = tail.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    assert_eq!(tail.wait().unwrap().code(), Some(0));
}

#[test]
fn segments_of_a_data_folder_are_read_and_a_torn_last_line_is_passed_over_in_silence() {
    let logs = Logs::new();
    fs::create_dir_all(logs.file("data/exchange")).unwrap();
    logs.append("data/exchange/0000000001.jsonl", &line("hub", "in", "desk", 9, "ok", 5));
    logs.append("data/exchange/0000000001.jsonl", "{\"timestamp\":\"2026-");
    let (code, data, messages) = logs.run(&["list", "--from", "data"]);
    assert_eq!((code, messages.as_str()), (0, ""));
    assert_eq!(data.lines().count(), 2, "{data}");
}

#[test]
fn without_logs_and_without_a_network_it_says_what_to_do() {
    let (code, _, messages) = Logs::new().run(&["list"]);
    assert_eq!(code, 7);
    assert!(messages.contains("hint: name logs or nodes with --from"), "{messages}");
}
