//! `bothways dev` as a user runs it: real nodes in processes of their own.
#![allow(clippy::unwrap_used, reason = "in a test it says that the test is wrong")]

mod harness;
mod once;

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use harness::{Home, Up, ended, kill, told, topologies, until};

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

    let (code, status, messages) = home.run(&["status", "hub", "-o", "json"]);
    let status: Value = serde_json::from_str(&status).expect(&messages);
    assert_eq!((code, &status["name"], &status["role"]), (0, &"hub".into(), &"server".into()));
    let (code, _, messages) = home.run(&["status", "hbu"]);
    assert!(code == 2 && messages.contains("its nodes are hub, desk,"), "{messages}");

    let shell = [("BOTHWAYS_COMPLETE", "bash"), ("_CLAP_COMPLETE_INDEX", "2"), ("_CLAP_IFS", "\n")];
    let completing = home.command(&["--", "bothways", "status", "h"]).envs(shell).output();
    assert_eq!(told(&completing.unwrap()).1, "hub");

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
    assert!(home.files().is_empty(), "{:?}", home.files());
    until("nothing is left", || home.is_clean());
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
