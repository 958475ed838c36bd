//! `bothways cert` as a user runs it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use bothways_certs::{Authority, DEFAULT_AUTHORITY_LIFE};
use serde_json::Value;
use tempfile::TempDir;

const DAY: Duration = Duration::from_secs(86_400);

/// What a run of `bothways cert` came to.
struct Ran {
    code: i32,
    data: String,
    messages: String,
}

/// Runs `bothways cert` with arguments, split at spaces, in a folder.
fn cert(arguments: &str, folder: &Path) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_bothways"))
        .arg("cert")
        .args(arguments.split(' '))
        .current_dir(folder)
        .env("RUST_BACKTRACE", "0")
        .output()
        .unwrap();
    Ran {
        code: output.status.code().unwrap(),
        data: String::from_utf8(output.stdout).unwrap(),
        messages: String::from_utf8(output.stderr).unwrap(),
    }
}

fn json(ran: &Ran) -> Vec<Value> {
    assert_eq!(ran.code, 0, "{}", ran.messages);
    ran.data.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A folder with the authority of `demo` and the identity `hub` in `certs`.
fn demo() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(cert("init --network demo", folder.path()).code, 0);
    assert_eq!(cert("issue hub", folder.path()).code, 0);
    folder
}

#[test]
fn an_authority_and_an_identity_are_made_with_two_commands_that_name_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let made = cert("init --network demo", folder.path());
    assert!(made.data.contains("the authority"), "{}", made.data);
    assert_eq!(made.messages, "next: bothways cert issue hub\n");

    let issued = cert("issue hub --days 30 -o json", folder.path());
    let [facts] = &json(&issued)[..] else { panic!("{}", issued.data) };
    assert_eq!((&facts["name"], &facts["network"]), (&"hub".into(), &"demo".into()));
    assert_eq!((&facts["state"], &facts["key"]), (&"good".into(), &"safe".into()));
    assert_eq!(facts["days_left"], 29);
    assert!(issued.messages.contains("certs/hub.pem, certs/hub.key and certs/authority.pem"));
}

#[test]
fn a_folder_that_is_not_the_default_is_named_in_the_next_command() {
    let folder = tempfile::tempdir().unwrap();
    let made = cert("init --network demo --dir x/y", folder.path());
    assert_eq!(made.messages, "next: bothways cert issue hub --dir x/y\n");
    assert_eq!(cert("issue hub --dir x/y", folder.path()).code, 0);
    assert_eq!(json(&cert("list --dir x/y -o json", folder.path())).len(), 2);
}

#[test]
fn an_identity_that_is_cut_short_by_its_authority_says_so() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(cert("init --network demo --days 100", folder.path()).code, 0);
    let cut = cert("issue hub --days 101 -o json", folder.path());
    assert_eq!(json(&cut)[0]["days_left"], 99);
    assert!(cut.messages.contains("note: it ends with its authority"), "{}", cut.messages);
    let whole = cert("issue ann --days 99", folder.path());
    assert!(!whole.messages.contains("note:"), "{}", whole.messages);
}

#[test]
fn nothing_is_issued_twice_over() {
    let folder = demo();
    let key = fs::read(folder.path().join("certs/hub.key")).unwrap();
    let again = cert("issue hub", folder.path());
    assert_eq!((again.code, again.data.as_str()), (1, ""));
    assert!(again.messages.contains("certs/hub.pem is there already"), "{}", again.messages);
    assert!(again.messages.contains("hint: to renew hub, move"), "{}", again.messages);
    assert_eq!(fs::read(folder.path().join("certs/hub.key")).unwrap(), key);

    let again = cert("init --network demo", folder.path());
    assert_eq!(again.code, 1);
    assert!(again.messages.contains("hint: issue identities with it"), "{}", again.messages);
}

#[test]
fn without_an_authority_nothing_is_issued_and_the_command_that_makes_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let refused = cert("issue hub", folder.path());
    assert_eq!(refused.code, 1);
    assert!(refused.messages.contains("hint: bothways cert init --network NAME"));
    assert!(!folder.path().join("certs").exists());
}

#[test]
fn wrong_names_and_lives_are_wrong_usage() {
    let folder = demo();
    for wrong in
        ["issue Hub", "issue a.b", "issue a --days 0", "issue 7", "init --network -x-", "inspect"]
    {
        let refused = cert(wrong, folder.path());
        assert_eq!((refused.code, refused.data.as_str()), (2, ""), "{wrong}");
    }
    let taken = cert("issue authority", folder.path());
    assert_eq!(taken.code, 1);
    assert!(taken.messages.contains("name"), "{}", taken.messages);
}

#[test]
fn a_list_warns_of_what_needs_attention_and_shows_the_rest_in_peace() {
    let folder = demo();
    let certs = folder.path().join("certs");
    let authority = Authority::load(&certs).unwrap();
    let now = SystemTime::now();
    let issue = |name: &str, from: SystemTime, to: SystemTime| {
        let identity = authority.issue_between(&name.parse().unwrap(), from, to).unwrap();
        identity.save(&certs).unwrap();
    };
    issue("old", now - 9 * DAY, now - DAY);
    issue("late", now - 90 * DAY, now + 3 * DAY + DAY / 2);
    issue("fresh", now, now + 3 * DAY);
    issue("early", now + DAY, now + 9 * DAY);
    let stranger = Authority::create(&"demo".parse().unwrap(), DEFAULT_AUTHORITY_LIFE).unwrap();
    stranger.issue(&"stranger".parse().unwrap(), 90 * DAY).unwrap().save(&certs).unwrap();
    issue("shown", now, now + 90 * DAY);
    fs::set_permissions(certs.join("shown.key"), Permissions::from_mode(0o644)).unwrap();
    fs::copy(certs.join("hub.pem"), certs.join("copy.pem")).unwrap();
    fs::write(certs.join("noise.pem"), "noise").unwrap();

    let listed = cert("list -o json", folder.path());

    let found: Vec<(String, String, String)> = json(&listed)
        .iter()
        .map(|row| {
            let text = |field: &str| row[field].as_str().unwrap_or_default().to_owned();
            (text("file").replace("certs/", ""), text("state"), text("key"))
        })
        .collect();
    let expected = [
        ("authority.pem", "good", "safe"),
        ("copy.pem", "good", "absent"),
        ("early.pem", "not_yet_valid", "safe"),
        ("fresh.pem", "good", "safe"),
        ("hub.pem", "good", "safe"),
        ("late.pem", "ends_soon", "safe"),
        ("old.pem", "expired", "safe"),
        ("shown.pem", "good", "exposed"),
        ("stranger.pem", "foreign", "safe"),
    ]
    .map(|(file, state, key)| (file.to_owned(), state.to_owned(), key.to_owned()));
    assert_eq!(found, expected);
    for warning in [
        "certs/early.pem: its certificate holds only from",
        "certs/late.pem: it ends at",
        "3 days: issue it a new one",
        "certs/old.pem: its certificate expired at",
        "run `chmod 600 certs/shown.key`",
        "certs/stranger.pem: its certificate was not issued by the authority of demo",
        "certs/noise.pem holds no certificate",
    ] {
        assert!(listed.messages.contains(warning), "{warning}: {}", listed.messages);
    }
    assert_eq!(listed.messages.lines().count(), 6, "{}", listed.messages);
}

#[test]
fn inspecting_shows_what_can_be_read_and_fails_for_the_rest() {
    let folder = demo();
    let shown = cert("inspect certs/hub.pem certs/authority.pem absent.pem", folder.path());
    assert_eq!(shown.code, 1);
    let authority = Authority::load(&folder.path().join("certs")).unwrap();
    for part in ["hub", "TLS server, TLS client", &authority.fingerprint().to_string()] {
        assert!(shown.data.contains(part), "{part}: {}", shown.data);
    }
    assert!(shown.messages.contains("1 of 3 files could not be inspected"));
    assert!(shown.messages.contains("there is no certificate at absent.pem"));
}

#[test]
fn an_empty_folder_is_no_error_and_an_absent_one_is() {
    let folder = tempfile::tempdir().unwrap();
    let empty = cert("list --dir .", folder.path());
    assert_eq!((empty.code, empty.data.as_str()), (0, ""));
    assert!(empty.messages.contains("bothways cert init --network NAME --dir ."));
    let absent = cert("list", folder.path());
    assert_eq!(absent.code, 1);
    assert!(absent.messages.contains("the folder certs could not be read"));
}

#[test]
fn each_command_of_the_group_shows_examples() {
    for command in ["--help", "init --help", "issue --help", "inspect --help", "list --help"] {
        let help = cert(command, Path::new("/")).data;
        assert!(help.contains("Examples:\n  bothways cert"), "{command}: {help}");
    }
}
