//! `bothways dev` as a user runs it: real nodes in processes of their own.
#![allow(clippy::unwrap_used, reason = "in a test it says that the test is wrong")]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(40);

/// A home of its own, in which networks run. What is left of them when it goes is ended.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        fs::DirBuilder::new().mode(0o700).create(home.runtime()).unwrap();
        home
    }

    fn runtime(&self) -> PathBuf {
        self.0.path().join("run")
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bothways"));
        command.args(words).current_dir(self.0.path()).env_clear();
        command.env("HOME", self.0.path()).env("XDG_RUNTIME_DIR", self.runtime());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs a command: its exit code, its data and its messages.
    fn run(&self, words: &[&str]) -> (i32, String, String) {
        told(&self.command(words).output().unwrap())
    }

    fn topology(&self, name: &str, text: &str) -> String {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// The nodes, as `dev ps` tells of them.
    fn nodes(&self) -> Vec<Value> {
        let (code, data, messages) = self.run(&["dev", "ps", "-o", "json"]);
        assert_eq!(code, 0, "{messages}");
        data.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn pid(&self, node: &str) -> String {
        let nodes = self.nodes();
        let node = nodes.iter().find(|listed| listed["name"] == node).unwrap();
        node["pid"].to_string()
    }

    /// The files of networks that there are.
    fn files(&self) -> Vec<PathBuf> {
        let contexts = self.runtime().join("bothways/contexts");
        let contexts = fs::read_dir(contexts).into_iter().flatten();
        let dev = self.runtime().join("bothways/dev");
        let dev = fs::read_dir(dev).into_iter().flatten();
        contexts.chain(dev).map(|entry| entry.unwrap().path()).collect()
    }

    /// The processes that run in this home.
    fn processes(&self) -> Vec<String> {
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
            let ours = format!("XDG_RUNTIME_DIR={}", self.runtime().display());
            let process = environment.split(|byte| *byte == 0).any(|said| said == ours.as_bytes());
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            // A process that has ended and was not waited for has no command line.
            if process && !line.is_empty() {
                found.push(String::from_utf8_lossy(&line).replace('\0', " "));
            }
        }
        found
    }

    fn is_clean(&self) -> bool {
        self.files().is_empty() && self.processes().is_empty()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = self.command(&["dev", "down", "--all"]).output();
    }
}

/// A `dev up` whose merged log is read along.
struct Up {
    process: Child,
    lines: Receiver<String>,
    read: String,
}

impl Up {
    fn start(home: &Home, words: &[&str]) -> Self {
        let mut process = home.command(&[&["dev", "up"], words].concat()).spawn().unwrap();
        let log = BufReader::new(process.stdout.take().unwrap());
        let (send, lines) = channel();
        // It ends with the process.
        spawn(move || log.lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
        Self { process, lines, read: String::new() }
    }

    /// Reads the merged log up to the line in which all these words are.
    fn until(&mut self, words: &[&str]) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                panic!("{words:?} is not in\n{}", self.read);
            };
            self.read += &format!("{line}\n");
            if words.iter().all(|word| line.contains(word)) {
                return;
            }
        }
    }

    fn signal(&self, signal: &str) {
        kill(signal, &self.process.id().to_string());
    }

    /// Waits for the end: the exit code and the messages.
    fn end(mut self) -> (i32, String) {
        ended(&mut self.process)
    }
}

fn ended(process: &mut Child) -> (i32, String) {
    until("it ends", || process.try_wait().unwrap().is_some());
    let mut messages = String::new();
    process.stderr.take().unwrap().read_to_string(&mut messages).unwrap();
    (process.wait().unwrap().code().unwrap_or(-1), messages)
}

fn told(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

fn kill(signal: &str, pid: &str) {
    assert!(Command::new("kill").args([signal, pid]).status().unwrap().success());
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        sleep(Duration::from_millis(50));
    }
}

fn topologies(name: &str) -> String {
    format!("{}/../scripts/topologies/{name}.toml", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn once_sees_all_that_the_topology_promises_and_leaves_nothing() {
    let home = Home::new();
    let (code, log, messages) = home.run(&["dev", "up", "--once"]);
    assert_eq!(code, 0, "{messages}\n{log}");
    for seen in [
        " requests in 6 directions, each seen at both ends",
        "seen  over a connection that the other side opened: desk → phone people.list",
        "seen  refused by a role: desk → kiosk people.list",
        "seen  answered: desk → hub people.create, people.update, messages.send, orders.ship",
        "seen  answered: phone → hub messages.read, orders.place",
        "seen  away, and back again: phone",
        "seen  events: hub ⇒ desk messages.delivered, messages.read, orders.placed",
        "seen  events: hub ⇒ phone messages.sent, orders.shipped",
        "seen  failed as it should: phone → hub orders.place invalid_argument (\"cofee\" is not on",
        "roles is down: no process, port or file is left",
    ] {
        assert!(messages.contains(seen), "{seen} in\n{messages}");
    }
    let place = |words: &[&str]| {
        let is_it = |line: &str| words.iter().all(|word| line.contains(word));
        log.lines().position(is_it).unwrap_or_else(|| panic!("{words:?} in\n{log}"))
    };
    let away = place(&["phone goes away"]);
    let sent = place(&["desk ──▶ hub", "messages.send", "ok"]);
    let back = place(&["phone comes back"]);
    let received = place(&["hub ══▶ phone", "messages.sent", "event"]);
    assert!(away < sent && sent < back && back < received, "{log}");
    assert!(sent < place(&["hub ══▶ desk", "messages.read"]), "{log}");
    assert!(place(&["orders.placed"]) < place(&["hub ══▶ phone", "orders.shipped"]), "{log}");
    place(&["phone  ╰─ hub", "invalid_argument: \"cofee\" is not on the price list"]);
    assert!(!log.contains("Lunch at noon?"), "no params, no results, no events' bodies");
    assert!(!log.contains('\u{1b}') && !messages.contains('\u{1b}'), "no colour in a pipe");
    assert!(home.is_clean(), "{:?} {:?}", home.files(), home.processes());
}

#[test]
fn once_says_what_was_not_seen() {
    let home = Home::new();
    let topology = "[nodes.hub]\nrole = 'server'\nservices = []\n[nodes.desk]\ndials = ['hub']\n\
                    [[nodes.desk.calls]]\nto = 'hub'\nmethod = 'people.list'\nevery = '60s'\n";
    let file = home.topology("t.toml", topology);
    let (code, log, messages) = home.run(&["dev", "up", "--once", "-f", &file]);
    assert_eq!(code, 1, "{messages}");
    assert!(
        messages.contains("error: not all was seen that the topology promises\n"),
        "{messages}"
    );
    let missing = "desk → hub people.list ok: seen at both ends 0 of 1 times";
    assert!(messages.contains(missing), "{messages}");
    assert!(log.contains("unimplemented"), "{log}");
    assert!(home.is_clean(), "{:?} {:?}", home.files(), home.processes());
}

#[test]
fn once_fails_with_the_step_of_the_story_that_ends_otherwise() {
    let home = Home::new();
    let topology = "[nodes.hub]\nrole = 'server'\n[nodes.desk]\ndials = ['hub']\n\
                    [[story]]\nnode = 'desk'\nto = 'hub'\nmethod = 'people.create'\n\
                    params = { name = 'Ann' }\nas = 'ann'\n\
                    [[story]]\nnode = 'desk'\nto = 'hub'\nmethod = 'people.update'\n\
                    params = { id = '$ann.id', title = 'Director' }\ngives = { title = 'Boss' }\n";
    let file = home.topology("t.toml", topology);
    let (code, log, messages) = home.run(&["dev", "up", "--once", "-f", &file]);
    let told = "step 2 of the story, desk → hub people.update: `title` of the result is \
                \"Director\", and should be \"Boss\"";
    assert!(code == 1 && messages.contains(&format!("error: {told}\n")), "{messages}");
    assert!(log.contains(&format!("desk WARN {told}")), "{log}");

    let file = home.topology("t.toml", &topology.replace("$ann.id", "$anne.id"));
    let (code, _, messages) = home.run(&["dev", "up", "--once", "-f", &file]);
    let told = "t.toml:11: step 2 of the story, desk → hub people.update: no earlier step has \
                `as = \"anne\"`: did you mean `ann`?\n";
    assert!(code == 3 && messages.ends_with(told), "{messages}");
    assert!(home.is_clean(), "{:?} {:?}", home.files(), home.processes());
}

#[test]
fn a_running_network_is_the_context_of_the_other_commands() {
    let home = Home::new();
    let (code, nodes, messages) = home.run(&["dev", "up", "--detach", "-o", "json"]);
    assert_eq!(code, 0, "{messages}");
    assert_eq!(nodes.lines().count(), 4);
    assert!(messages.contains(" call hub people.create name=Ann title=Engineer\n"), "{messages}");

    let call = ["call", "hub", "people.create", "name=Zoe", "title=Engineer"];
    let (code, person, messages) = home.run(&call);
    assert_eq!(code, 0, "{messages}");
    assert!(person.contains("created_by  you"), "{person}");

    let nodes = home.nodes();
    let roles: Vec<_> = nodes.iter().map(|node| (&node["name"], &node["role"])).collect();
    assert_eq!(roles[0], (&"hub".into(), &"server".into()));
    until("all are up, whoever was away", || home.nodes().iter().all(|node| node["state"] == "up"));

    let shown = || home.run(&["dev", "logs", "hub"]).1;
    until("the log tells of the call, as both ends saw it", || {
        shown().lines().any(|line| line.contains("you ──▶ hub") && line.contains("people.create"))
    });
    let logs = home.runtime().join("bothways/dev/roles/logs");
    let (_, traces, _) =
        home.run(&["trace", "show", "--from", logs.to_str().unwrap(), "--peer", "you"]);
    assert!(traces.contains("people.create") && !traces.contains("missing"), "{traces}");
    assert!(!shown().contains("desk   people.get"), "only what concerns hub");

    let (code, _, messages) = home.run(&["dev", "up"]);
    assert_eq!(code, 1);
    assert!(messages.contains("error: network roles runs already\nhint: "), "{messages}");

    assert_eq!(home.run(&["dev", "down"]).0, 0);
    until("nothing is left", || home.is_clean());
    assert_eq!(home.run(&["dev", "down"]).0, 7);
}

#[test]
fn a_node_that_is_restarted_keeps_its_address_and_its_data_even_when_it_was_killed() {
    let home = Home::new();
    assert_eq!(home.run(&["dev", "up", "-d", "-f", &topologies("hub")]).0, 0);
    let call = ["call", "hub", "people.create", "name=Zoe", "-o", "json"];
    let (_, person, messages) = home.run(&call);
    let person: Value = serde_json::from_str(&person).expect(&messages);
    let id = format!("id={}", person["id"].as_str().unwrap());
    let hub = || home.nodes().into_iter().find(|node| node["name"] == "hub").unwrap();
    let before = hub();
    for killed in [false, true] {
        let pid = home.pid("hub");
        if killed {
            kill("-9", &pid);
            until("it is dead", || hub()["state"] != "up");
        }
        let (code, _, messages) = home.run(&["dev", "restart", "hub"]);
        assert_eq!((code, messages.as_str()), (0, "hub is up again\n"));
        let (code, found, messages) = home.run(&["call", "hub", "people.get", &id]);
        assert!(code == 0 && found.contains("Zoe"), "{messages}");
        assert_eq!(hub()["address"], before["address"]);
        assert_ne!(home.pid("hub"), pid);
    }
    assert_eq!(home.run(&["dev", "restart", "hbu"]).0, 2);
    assert_eq!(home.run(&["dev", "down"]).0, 0);
    until("nothing is left", || home.is_clean());
}

#[test]
fn the_folder_of_a_network_is_closed_to_others() {
    let home = Home::new();
    let (code, _, messages) = home.run(&["dev", "up", "-d", "-f", &topologies("duo")]);
    assert_eq!(code, 0, "{messages}");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let folder = home.runtime().join("bothways/dev/duo");
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(mode(&folder.join("certs/authority.key")), 0o600);
}

#[test]
fn two_networks_run_beside_each_other_and_are_told_apart_by_name() {
    let home = Home::new();
    for name in ["duo", "hub"] {
        let (code, _, messages) = home.run(&["dev", "up", "-d", "-f", &topologies(name)]);
        assert_eq!(code, 0, "{messages}");
    }
    let (code, _, messages) = home.run(&["call", "desk", "people.list"]);
    assert_eq!(code, 3);
    assert!(messages.contains("duo, hub"), "{messages}");
    assert_eq!(home.run(&["--context", "duo", "call", "desk", "people.list"]).0, 0);
    assert_eq!(home.run(&["--context", "hub", "call", "hub", "people.list"]).0, 0);
    assert_eq!(home.run(&["dev", "down"]).0, 2, "which one?");
    assert_eq!(home.run(&["dev", "down", "--name", "duo"]).0, 0);
    assert!(home.nodes().iter().all(|node| node["network"] == "hub"));
    assert_eq!(home.run(&["dev", "down"]).0, 0);
    until("nothing is left", || home.is_clean());
}

#[test]
fn a_node_that_dies_is_named_with_its_last_lines_and_the_others_go_on() {
    let home = Home::new();
    let mut up = Up::start(&home, &["-f", &topologies("duo")]);
    up.until(&["desk ──▶ phone", "people.list", "ok", "over phone's connection"]);
    kill("-9", &home.pid("phone"));
    up.until(&["phone", "died: killed by signal 9 (SIGKILL); its last lines:"]);
    up.until(&["phone", "│ "]);
    let states: Vec<_> = home.nodes().iter().map(|node| node["state"].to_string()).collect();
    assert_eq!(states, ["\"up\"", "\"killed by signal 9 (SIGKILL)\""]);
    kill("-9", &home.pid("desk"));
    let (code, messages) = up.end();
    assert_eq!(code, 1);
    assert!(messages.contains("error: all nodes have ended\n"), "{messages}");
    assert!(home.is_clean(), "{:?} {:?}", home.files(), home.processes());
}

#[test]
fn an_interrupt_leaves_nothing_whenever_it_comes() {
    let home = Home::new();
    for wait_ms in [0, 10, 30, 60, 100, 150, 250, 400, 600] {
        let up = Up::start(&home, &[]);
        // It may be anywhere: what is left is the same.
        sleep(Duration::from_millis(wait_ms));
        up.signal("-INT");
        let (code, messages) = up.end();
        // Before it has begun to listen to signals, the signal itself ends it.
        assert!([0, 130, -1].contains(&code), "after {wait_ms} ms: {code} {messages}");
        assert!(home.is_clean(), "after {wait_ms} ms: {:?} {:?}", home.files(), home.processes());
    }
}

#[test]
fn the_nodes_of_a_killed_supervisor_end_and_what_it_left_is_removed() {
    let home = Home::new();
    let mut up = Up::start(&home, &["-f", &topologies("duo")]);
    up.until(&["people.create", "ok"]);
    up.signal("-9");
    up.process.wait().unwrap();
    until("the nodes end", || home.processes().is_empty());
    assert!(home.nodes().is_empty() && !home.files().is_empty());

    let (code, _, messages) = home.run(&["dev", "up", "-d", "-f", &topologies("duo")]);
    assert_eq!(code, 0, "{messages}");
    assert_eq!(home.nodes().len(), 2);
    assert_eq!(home.run(&["dev", "down"]).0, 0);
    until("nothing is left", || home.is_clean());
}

#[test]
fn down_removes_what_a_killed_supervisor_left() {
    let home = Home::new();
    let mut up = Up::start(&home, &["-f", &topologies("duo")]);
    up.until(&["people.create", "ok"]);
    up.signal("-9");
    up.process.wait().unwrap();
    let (code, _, messages) = home.run(&["dev", "down"]);
    assert_eq!(code, 0, "{messages}");
    assert!(messages.contains("removed what a killed network duo left behind"), "{messages}");
    assert!(home.is_clean(), "{:?} {:?}", home.files(), home.processes());
}

#[test]
fn a_reader_that_goes_away_ends_the_network() {
    let home = Home::new();
    let mut process = home.command(&["dev", "up"]).spawn().unwrap();
    let mut log = BufReader::new(process.stdout.take().unwrap());
    log.read_line(&mut String::new()).unwrap();
    drop(log);
    let (code, messages) = ended(&mut process);
    assert_eq!(code, 0, "{messages}");
    assert!(home.is_clean(), "{:?} {:?}", home.files(), home.processes());
}

#[test]
fn a_node_that_cannot_start_is_told_with_its_own_words() {
    let home = Home::new();
    assert_eq!(home.run(&["dev", "up", "-d", "-f", &topologies("duo")]).0, 0);
    fs::remove_file(home.runtime().join("bothways/dev/duo/certs/phone.key")).unwrap();
    let (code, _, messages) = home.run(&["dev", "restart", "phone"]);
    assert_eq!(code, 1);
    assert!(messages.starts_with("error: phone did not start: exit code 3; "), "{messages}");
    assert!(messages.contains("phone.key"), "{messages}");
    let states: Vec<_> = home.nodes().iter().map(|node| node["state"].to_string()).collect();
    assert_eq!(states, ["\"up\"", "\"exit code 3\""]);
}

#[test]
fn a_folder_with_too_long_a_path_for_sockets_is_told_before_anything_starts() {
    let home = Home::new();
    let long = home.0.path().join("x".repeat(90));
    fs::DirBuilder::new().mode(0o700).create(&long).unwrap();
    let mut up = home.command(&["dev", "up", "-d", "-f", &topologies("duo")]);
    let (code, _, messages) = told(&up.env("XDG_RUNTIME_DIR", &long).output().unwrap());
    assert_eq!(code, 1, "{messages}");
    assert!(messages.contains("is too long for a socket's path\nhint: set XDG_RUNTIME_DIR"));
    assert!(!long.join("bothways/dev").exists());
}

#[test]
fn a_wrong_topology_is_told_before_anything_starts() {
    let home = Home::new();
    let file = home.topology("shop.toml", "[nodes.hub]\nrole = 'server'\ndails = ['x']\n");
    for words in [["dev", "up", "-f", &file].as_slice(), &["dev", "up", "-d", "-f", &file]] {
        let (code, data, messages) = home.run(words);
        assert_eq!((code, data.as_str()), (3, ""));
        assert!(messages.ends_with("shop.toml:3: unknown key `dails`: did you mean `dials`?\n"));
    }
    let file = home.topology("My Shop.toml", "[nodes.hub]");
    let (code, _, messages) = home.run(&["dev", "up", "-f", &file]);
    assert_eq!(code, 2);
    assert!(messages.contains("hint: say what to call the network with --name NAME"), "{messages}");
    assert!(home.is_clean());
}
