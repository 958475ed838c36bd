//! `bothways watch` as a user runs it.

use bothways_tests::{Network, Program, Running, Said};
use serde_json::Value;

fn program() -> Program {
    let (network, name) = (Network::new(), ["hub", "cli"]);
    let program = Program::of(&network);
    name.iter().for_each(|name| program.keep(&network.identity(name)));
    program
}

fn at(hub: &Running) -> String {
    format!("hub@{}", hub.address)
}

async fn create(program: &Program, hub: &Running, name: &str) {
    let name = format!("name={name}");
    let said = program.run_as("cli", "call", &[&at(hub), "people.create", &name]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
}

async fn watch(program: &Program, hub: &Running, more: &[&str]) -> Said {
    let hub = at(hub);
    program.run_as("cli", "watch", &[&[hub.as_str(), "people.*"], more].concat()).await
}

#[tokio::test]
async fn events_are_lines_and_each_has_the_cursor_to_go_on_from() {
    let program = program();
    let hub = program.start("hub", &[]).await;
    for name in ["Ann", "Ben", "Col"] {
        create(&program, &hub, name).await;
    }
    let said = watch(&program, &hub, &["--from", "all", "--count", "2", "-o", "json"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    let lines: Vec<Value> =
        said.data.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(
        (&lines[0]["topic"], &lines[0]["body"]["name"]),
        (&"people.created".into(), &"Ann".into())
    );
    let cursor = lines[1]["cursor"].as_str().unwrap();
    let said = watch(&program, &hub, &["--from", cursor, "--count", "1"]).await;
    assert!(said.data.starts_with("people.created  ") && said.data.contains("Col"), "{said:?}");
    hub.stop().await;
}

#[tokio::test]
async fn what_a_durable_subscription_has_shown_is_not_shown_again() {
    let program = program();
    let hub = program.start("hub", &[]).await;
    for name in ["Ann", "Ben"] {
        create(&program, &hub, name).await;
    }
    let durable = ["--durable", "mine", "--count", "1"];
    assert!(watch(&program, &hub, &durable).await.data.contains("Ann"));
    assert!(watch(&program, &hub, &durable).await.data.contains("Ben"));
    hub.stop().await;
}

#[tokio::test]
async fn an_event_is_acknowledged_only_after_its_command_has_succeeded() {
    let program = program();
    let hub = program.start("hub", &[]).await;
    create(&program, &hub, "Ann").await;
    let durable = ["--durable", "mine", "--count", "1", "--exec"];

    let failed = watch(&program, &hub, &[&durable[..], &["exit 3"]].concat()).await;
    assert_eq!(failed.code, Some(1), "{failed:?}");
    assert!(failed.messages.contains("not acknowledged"), "{failed:?}");

    let command = "read line; echo \"$BOTHWAYS_TOPIC $BOTHWAYS_CURSOR $line\"";
    let said = watch(&program, &hub, &[&durable[..], &[command]].concat()).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.data.starts_with("people.created ") && said.data.contains("Ann"), "{said:?}");
    hub.stop().await;
}

#[tokio::test]
async fn a_durable_subscription_is_ended_and_begins_anew() {
    let program = program();
    let hub = program.start("hub", &[]).await;
    create(&program, &hub, "Ann").await;
    let durable = ["--durable", "mine", "--count", "1"];
    assert!(watch(&program, &hub, &durable).await.data.contains("Ann"));
    let listed = program.run_as("cli", "call", &[&at(&hub), "people.durables"]).await;
    assert!(listed.data.contains("mine") && listed.data.contains("BEHIND"), "{listed:?}");

    let forget = ["--durable", "mine", "--forget"];
    let said = watch(&program, &hub, &forget).await;
    assert_eq!((said.code, said.data.as_str()), (Some(0), ""), "{said:?}");
    assert!(said.messages.contains("hub has forgotten mine of people"), "{said:?}");
    let said = watch(&program, &hub, &forget).await;
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.messages.contains("there is no durable subscription mine"), "{said:?}");
    let said = watch(&program, &hub, &[&["orders.*"], &forget[..]].concat()).await;
    for told in ["at 2 of 2 services", "people: hub answered not_found", "orders: hub answered"] {
        assert!(said.messages.contains(told), "{said:?}");
    }
    assert!(watch(&program, &hub, &durable).await.data.contains("Ann"));
    for wrong in [&["--forget"][..], &["--durable", "mine", "--forget", "--from", "all"]] {
        assert_eq!(watch(&program, &hub, wrong).await.code, Some(2), "{wrong:?}");
    }
    hub.stop().await;
}

#[tokio::test]
async fn what_cannot_be_watched_ends_the_command_with_the_reason() {
    let program = program();
    let hub = program.start("hub", &[]).await;
    let address = at(&hub);
    let table: [(&[&str], i32, &str); 4] = [
        (&[&address, "people.promoted"], 1, "people.created"),
        (&[&address, "nobody.*"], 1, "nobody.watch"),
        (&[&address, "people"], 2, "people.*"),
        (&[&address, "people.*", "--from", "then!"], 2, "neither now nor all nor a cursor"),
    ];
    for (arguments, code, told) in table {
        let said = program.run_as("cli", "watch", arguments).await;
        assert_eq!(said.code, Some(code), "{said:?}");
        assert!(said.messages.contains(told) && said.data.is_empty(), "{said:?}");
    }
    hub.stop().await;
}

#[tokio::test]
async fn a_node_that_was_killed_loses_no_event_of_a_durable_subscription() {
    let program = program();
    let data = program.path("data").display().to_string();
    let hub = program.start("hub", &["--data", &data]).await;
    create(&program, &hub, "Ann").await;
    let durable = ["--durable", "mine", "--count", "1"];
    assert!(watch(&program, &hub, &durable).await.data.contains("Ann"));
    create(&program, &hub, "Ben").await;
    let address = hub.address.to_string();
    hub.kill().await;

    let hub = program.start_at(&address, "hub", &["--data", &data]).await;
    assert!(watch(&program, &hub, &durable).await.data.contains("Ben"));
    hub.stop().await;
}

#[tokio::test]
async fn one_command_watches_on_over_restarts_and_acknowledges_at_its_end_what_it_has_shown() {
    let program = program();
    let data = program.path("data").display().to_string();
    let mut hub = program.start("hub", &["--data", &data]).await;
    let (at, address) = (at(&hub), hub.address.to_string());
    create(&program, &hub, "Ann").await;
    let durable = [&at, "people.*", "--durable", "mine"];
    let mut watch = program.begin_as("cli", "watch", &durable);
    assert!(watch.line().await.contains("Ann"));

    for (killed, name) in [(false, "Ben"), (true, "Col")] {
        match killed {
            true => hub.kill().await,
            false => hub.stop().await,
        }
        hub = program.start_at(&address, "hub", &["--data", &data]).await;
        create(&program, &hub, name).await;
        assert!(watch.line().await.contains(name));
    }

    let said = watch.interrupt().await;
    assert_eq!((said.code, said.data.as_str()), (Some(0), ""), "{said:?}");
    assert!(said.messages.contains("hub is back: people is watched on"), "{said:?}");
    assert!(!said.messages.contains("not acknowledged"), "{said:?}");
    create(&program, &hub, "Dan").await;
    let said = program.run_as("cli", "watch", &[&durable[..], &["--count", "1"]].concat()).await;
    assert!(said.data.contains("Dan"), "{said:?}");
    hub.stop().await;
}
