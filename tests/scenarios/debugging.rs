//! What a node leaves behind for those who look for a fault: only where it is asked to.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use bothways::config::DebugPlan;
use bothways_tests::{Lab, Network, Program, soon};
use serde_json::Value;

use crate::support::echo;

fn debug(folder: &Path, node: &str) -> DebugPlan {
    let (qlog, tls_key_log) = (folder.join(node), folder.join(format!("{node}.keys")));
    DebugPlan { qlog: Some(qlog), tls_key_log: Some(tls_key_log) }
}

/// The lines of a key log: label, client random, secret.
fn keys(path: &Path) -> BTreeSet<String> {
    assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    fs::read_to_string(path).unwrap().lines().map(ToOwned::to_owned).collect()
}

/// The records of the only file of a folder: a JSON text sequence (RFC 7464).
fn records(folder: &Path) -> (PathBuf, Vec<Value>) {
    let files: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    let [file] = files.as_slice() else { panic!("{files:?}") };
    assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(file).unwrap();
    let records = text
        .strip_prefix('\u{1e}')
        .unwrap()
        .split('\u{1e}')
        .map(|record| serde_json::from_str(record.strip_suffix('\n').unwrap()).unwrap());
    (file.clone(), records.collect())
}

#[tokio::test]
async fn both_ends_leave_the_same_keys_and_what_happened_to_their_packets() {
    let (network, lab) = (Network::new(), Lab::new());
    let folder = tempfile::tempdir().unwrap();
    let hub = network.node("hub").listening().answering(lab.routes());
    let hub = hub.debug(debug(folder.path(), "hub")).start().await;
    let desk = network.node("desk").dialing(&hub).debug(debug(folder.path(), "desk"));
    let desk = desk.start().await;
    echo(&desk, "hub").await.unwrap();
    soon("a stop", desk.stop()).await;
    soon("a stop", hub.stop()).await;

    let (ours, theirs) =
        (keys(&folder.path().join("desk.keys")), keys(&folder.path().join("hub.keys")));
    assert_eq!(ours, theirs);
    let labels: BTreeSet<_> = ours.iter().map(|line| line.split(' ').next().unwrap()).collect();
    for label in [
        "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
        "CLIENT_TRAFFIC_SECRET_0",
        "SERVER_HANDSHAKE_TRAFFIC_SECRET",
        "SERVER_TRAFFIC_SECRET_0",
    ] {
        assert!(labels.contains(label), "{label}: {labels:?}");
    }
    for line in &ours {
        let words: Vec<_> = line.split(' ').collect();
        let is_hex = |word: &str| word.chars().all(|c| c.is_ascii_hexdigit());
        assert!(words.len() == 3 && words[1].len() == 64 && is_hex(words[1]) && is_hex(words[2]));
    }
    for (node, named) in [("hub", "-from-127.0.0.1-"), ("desk", "-to-hub")] {
        let (file, records) = records(&folder.path().join(node));
        assert!(file.to_str().unwrap().contains(named), "{file:?}");
        assert_eq!(records[0]["qlog_format"], "JSON-SEQ");
        for event in ["transport:packet_sent", "transport:packet_received"] {
            let count = records.iter().filter(|record| record["name"] == event).count();
            assert!(count > 3, "{node}: {count} of {event}: {:?}", records.get(1));
        }
    }
}

#[tokio::test]
async fn a_node_that_is_not_asked_leaves_nothing_and_one_that_is_warns() {
    let network = Network::new();
    let program = Program::of(&network);
    ["hub", "cli"].iter().for_each(|name| program.keep(&network.identity(name)));
    let arguments = ["--qlog", "q", "--tls-key-log", "k"];
    let mut hub = program.launch_at("127.0.0.1:0", "hub", &arguments);
    let asked = DebugPlan { qlog: Some("q".into()), tls_key_log: Some("k".into()) };
    for warning in asked.warnings() {
        hub.logged(&warning).await;
    }
    hub.address = hub.logged("started").await["listening"].as_str().unwrap().parse().unwrap();
    let hub_at = format!("hub@{}", hub.address);
    let said = program.run_as("cli", "call", &[&hub_at, "people.list"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    hub.logged("session ends").await;
    hub.stop().await;

    assert!(!keys(&program.path("k")).is_empty());
    assert!(records(&program.path("q")).1.len() > 3);
    assert!(DebugPlan::default().warnings().is_empty());
    let kept: Vec<_> = fs::read_dir(program.path(".")).unwrap().collect();
    let plain = program.start("hub", &[]).await;
    program.run_as("cli", "call", &[&format!("hub@{}", plain.address), "people.list"]).await;
    plain.stop().await;
    assert_eq!(fs::read_dir(program.path(".")).unwrap().count(), kept.len());
}

#[tokio::test]
async fn a_folder_or_a_file_that_cannot_be_had_keeps_the_node_from_starting() {
    let network = Network::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "mine").unwrap();
    for (debug, part) in [
        (DebugPlan { qlog: Some(file.join("q")), tls_key_log: None }, "debug.qlog"),
        (DebugPlan { qlog: None, tls_key_log: Some(file.join("k")) }, "debug.tls_key_log"),
    ] {
        let failed = network.node("desk").debug(debug).try_start().await.unwrap_err();
        assert!(failed.to_string().contains(part), "{failed}");
    }
}
