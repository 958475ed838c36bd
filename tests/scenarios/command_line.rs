//! The program as a user runs it: data on standard output, messages on standard error, and an
//! exit code that says what happened.

use std::time::Duration;

use bothways::protocol::{Control, Outgoing};
use bothways_tests::{Network, Program, Running, expired, request};
use serde_json::Value;

/// A folder with a network's certificates: hub, cli, and one of another authority.
fn program(network: &Network) -> Program {
    let program = Program::of(network);
    program.keep(&network.identity("hub"));
    program.keep(&network.identity("cli"));
    program
}

fn at(hub: &Running) -> String {
    format!("hub@{}", hub.address)
}

#[tokio::test]
async fn a_person_created_by_one_command_is_read_by_the_next_after_a_restart_of_the_hub() {
    let program = program(&Network::new());
    let data = program.path("data").display().to_string();
    let hub = program.start("hub", &["--data", &data]).await;
    let create = [&at(&hub), "people.create", "name=Ann", "title=Engineer", "-o", "json"];
    let created = program.run_as("cli", "call", &create).await;
    assert_eq!(created.code, Some(0), "{created:?}");
    let ann: Value = serde_json::from_str(&created.data).unwrap();
    assert_eq!((&ann["name"], &ann["title"]), (&"Ann".into(), &"Engineer".into()));
    hub.stop().await;

    let hub = program.start("hub", &["--data", &data]).await;
    let id = format!("id={}", ann["id"].as_str().unwrap());
    let read = program.run_as("cli", "call", &[&at(&hub), "people.get", &id, "-o", "json"]).await;

    assert_eq!(serde_json::from_str::<Value>(&read.data).unwrap(), ann);
    hub.stop().await;
}

#[tokio::test]
async fn each_kind_of_failure_has_an_exit_code_and_leaves_standard_output_empty() {
    let network = Network::new();
    let program = program(&network);
    program.keep(&expired(&network, "old"));
    let hub = program.start("hub", &[]).await;
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let free = silent.local_addr().unwrap().to_string();
    let (hub_at, store_at) = (at(&hub), format!("store@{}", hub.address));
    let nobody = format!("hub@{free}");
    drop(silent);
    let table: [(&str, &[&str], i32, &str); 8] = [
        ("cli", &[&hub_at, "people.crate", "name=Ann"], 1, "did you mean people.create?"),
        ("cli", &[&hub_at, "people.create", "name:=5"], 1, "name"),
        ("cli", &[&hub_at, "people.get", "id=nobody"], 1, "id"),
        ("cli", &[&hub_at, "no method"], 2, "method"),
        ("cli", &[&hub_at], 2, "METHOD"),
        ("cli", &[&nobody, "people.list"], 4, "check the address"),
        ("cli", &[&store_at, "people.list"], 5, "hub answered where store was expected"),
        ("old", &[&hub_at, "people.list"], 5, "expired"),
    ];
    for (who, arguments, code, part) in table {
        let said = program.run_as(who, "call", arguments).await;
        assert_eq!(said.code, Some(code), "{arguments:?}: {said:?}");
        assert!(said.messages.contains(part), "{arguments:?}: {said:?}");
        assert_eq!(said.data, "", "{arguments:?}");
    }
    hub.stop().await;
}

#[tokio::test]
async fn a_call_that_gets_no_answer_ends_with_its_deadline() {
    let network = Network::new();
    let program = program(&network);
    let hub = network.raw_listener("hub");
    let hub_at = format!("hub@{}", hub.address());
    let arguments = [&hub_at, "node.ping", "--deadline", "2s"];

    let call = program.run_as("cli", "call", &arguments);
    let (said, session) = tokio::join!(call, hub.welcome(|_| {}));

    assert_eq!(said.code, Some(6), "{said:?}");
    drop(session);
}

#[tokio::test]
async fn a_node_that_cannot_start_says_what_to_do() {
    let network = Network::new();
    let program = program(&network);
    let data = program.path("data").display().to_string();
    let hub = program.start("hub", &["--data", &data]).await;
    let taken = hub.address.to_string();
    std::fs::write(program.path("typo.toml"), "nmae = \"hub\"\n").unwrap();
    let typo = program.path("typo.toml").display().to_string();
    let table: [(&[&str], &str); 4] = [
        (&["--listen", &taken], "another program listens there"),
        (&["--listen", "127.0.0.1:0", "--data", &data], "data"),
        (&["--role", "client", "--listen", "127.0.0.1:0"], "role client never listens"),
        (&["--config", &typo], "typo.toml:1: unknown key `nmae`: did you mean `name`?"),
    ];
    for (arguments, part) in table {
        let said = program.run_as("hub", "run", arguments).await;
        assert!(said.code.is_some_and(|code| code != 0), "{arguments:?}: {said:?}");
        assert!(said.messages.contains(part), "{arguments:?}: {said:?}");
        assert_eq!(said.data, "", "{arguments:?}");
    }
    hub.stop().await;
}

#[tokio::test]
async fn a_node_drains_at_the_first_signal_and_ends_at_the_second() {
    let network = Network::new();
    let program = program(&network);
    let mut hub = program.start("hub", &[]).await;
    let mut raw = network.raw("ann").session(hub.address).await;
    // Half a request is in flight for ten seconds.
    let whole = request("people.list", &()).encode();
    let _half = raw.begin(&whole[..10]).await;
    hub.logged("session begins").await;

    hub.terminate();
    assert!(matches!(raw.control.control().await, Control::GoingAway(_)));
    hub.terminate();

    assert_eq!(hub.ended().await, Some(130));
}

#[tokio::test]
async fn a_peer_is_pinged_and_tells_its_methods() {
    let program = program(&Network::new());
    let hub = program.start("hub", &[]).await;

    let pinged = program.run_as("cli", "ping", &[&at(&hub)]).await;
    let methods = program.run_as("cli", "methods", &[&at(&hub)]).await;

    assert_eq!((pinged.code, methods.code), (Some(0), Some(0)), "{pinged:?} {methods:?}");
    assert!(methods.data.contains("people.create"), "{methods:?}");
    hub.stop().await;
}

#[tokio::test]
async fn the_exchange_is_shown_from_the_log_of_a_node() {
    let program = program(&Network::new());
    let mut hub = program.start("hub", &[]).await;
    program.run_as("cli", "call", &[&at(&hub), "people.list"]).await;
    let record = hub.logged("request").await;
    std::fs::write(program.path("hub.jsonl"), format!("{record}\n")).unwrap();

    let shown = program.run(["trace", "show", "--from", "hub.jsonl"]).await;

    assert_eq!(shown.code, Some(0), "{shown:?}");
    for part in ["people.list", "cli", "hub"] {
        assert!(shown.data.contains(part), "{part}: {shown:?}");
    }
    hub.stop().await;
}

#[tokio::test]
async fn a_node_waits_a_moment_for_the_data_folder_of_one_that_was_just_killed() {
    let program = program(&Network::new());
    let data = program.path("data").display().to_string();
    let before = program.start("hub", &["--data", &data]).await;

    let folder = ["--data", data.as_str()];
    let killing = async {
        // Long enough for the next one to find the folder in use.
        tokio::time::sleep(Duration::from_millis(300)).await;
        before.kill().await;
    };
    let (after, ()) = tokio::join!(program.start("hub", &folder), killing);

    after.stop().await;
}
