//! `bothways trace --from NODE` as a user runs it.

use bothways_tests::{Network, Program, Running};
use serde_json::Value;

/// A folder in which cli may read hub's records, and phone may not.
fn program() -> Program {
    let network = Network::new();
    let program = Program::of(&network);
    ["hub", "cli", "phone"].iter().for_each(|name| program.keep(&network.identity(name)));
    std::fs::write(program.path("hub.toml"), "[exchange]\nreaders = ['cli']\n").unwrap();
    program
}

async fn start(program: &Program) -> Running {
    program.start("hub", &["--config", "hub.toml"]).await
}

async fn create(program: &Program, hub: &Running, name: &str) {
    let (hub, name) = (format!("hub@{}", hub.address), format!("name={name}"));
    let said = program.run_as("phone", "call", &[&hub, "people.create", &name]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
}

/// The words of `bothways trace …` of this node.
fn words<'a>(node: &str, command: &'a str, from: &'a str, more: &[&'a str]) -> Vec<String> {
    let certs = |name: String| format!("certs/{name}");
    let (certificate, key) = (certs(format!("{node}.pem")), certs(format!("{node}.key")));
    let own = ["trace", command, "--from", from, "--certificate", &certificate, "--key", &key];
    let own = own.into_iter().chain(["--authority", "certs/authority.pem", "-o", "json"]);
    own.chain(more.iter().copied()).map(ToOwned::to_owned).collect()
}

fn json(lines: &str) -> Vec<Value> {
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn traces_are_read_from_a_node_that_lets_its_reader_read_them() {
    let program = program();
    let hub = start(&program).await;
    create(&program, &hub, "Ann").await;
    create(&program, &hub, "Ben").await;
    let from = format!("hub@{}", hub.address);

    let said = program.run(words("cli", "list", &from, &[])).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    let rows = json(&said.data);
    assert_eq!(rows.len(), 2, "{said:?}");
    assert!(rows.iter().all(|row| row["method"] == "people.create" && row["asker"] == "phone"));

    let refused = program.run(words("phone", "list", &from, &[])).await;
    assert_ne!(refused.code, Some(0));
    assert!(refused.messages.contains("exchange.readers"), "{refused:?}");
    hub.stop().await;
}

#[tokio::test]
async fn records_of_a_node_and_of_a_log_are_merged_and_a_path_wins_over_a_node() {
    let program = program();
    let hub = start(&program).await;
    create(&program, &hub, "Ann").await;
    let at = format!("hub@{}", hub.address);
    let document = program.run(words("cli", "show", &at, &[])).await.data;
    let [document] = json(&document).try_into().unwrap();
    let exchange = &document["traces"][0]["exchanges"][0];
    let id = |of: &Value, key: &str| of[key].as_str().unwrap().to_owned();
    let line = serde_json::json!({
        "target": "exchange", "message": "request", "node": "phone", "dir": "out", "peer": "hub",
        "method": "people.create", "code": "ok", "deadline_ms": 10_000, "attempt": 1,
        "started_us": exchange["answered"]["started_us"], "duration_us": 90_000,
        "sent_bytes": 90, "received_bytes": 40,
        "trace_id": id(&document["traces"][0], "trace_id"), "span_id": id(exchange, "span_id"),
    });
    std::fs::write(program.path("phone.log"), format!("{line}\n")).unwrap();

    let both = program.run(words("cli", "show", &at, &["--from", "phone.log"])).await;
    let [both] = json(&both.data).try_into().unwrap();
    let exchange = &both["traces"][0]["exchanges"][0];
    assert!(exchange["asked"].is_object() && exchange["answered"].is_object(), "{both}");

    std::fs::create_dir(program.path("hub")).unwrap();
    let empty = program.run(words("cli", "list", "hub", &[])).await;
    assert!(empty.messages.contains("no request is recorded in hub"), "{empty:?}");
    hub.stop().await;
}

#[tokio::test]
async fn requests_of_a_node_are_followed_as_they_end() {
    let program = program();
    let hub = start(&program).await;
    create(&program, &hub, "Ann").await;
    let at = format!("hub@{}", hub.address);
    let follow = program.first_lines(words("cli", "tail", &at, &[]), 2);
    let (lines, ()) = tokio::join!(follow, async {
        // The first one is there already: whether the second one is, nobody has to know.
        create(&program, &hub, "Ben").await;
    });
    assert_eq!(lines.1, Some(0));
    let lines = json(&lines.0.join("\n"));
    assert!(lines.iter().all(|line| line["method"] == "people.create"), "{lines:?}");
    hub.stop().await;
}
