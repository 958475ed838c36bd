//! The command line as a user runs it, as far as it needs no network.

#![allow(clippy::unwrap_used, reason = "in a test it says that the test is wrong")]

use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Output, Stdio};

use bothways_certs::{Authority, DEFAULT_AUTHORITY_LIFE, DEFAULT_IDENTITY_LIFE};

/// A home of its own, in which `bothways` runs.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bothways"));
        command.args(words).current_dir(self.path()).env_clear();
        command.env("HOME", self.path()).env("XDG_RUNTIME_DIR", self.path().join("run"));
        command.stdin(Stdio::null());
        command
    }

    /// Runs a command: its exit code, its data and its messages.
    fn run(&self, words: &[&str]) -> (i32, String, String) {
        told(&self.command(words).output().unwrap())
    }
}

impl Home {
    /// Makes a network's certificates, in `certs`.
    fn issue(&self, names: &[&str]) {
        let certs = self.path().join("certs");
        let authority =
            Authority::create(&"demo".parse().unwrap(), DEFAULT_AUTHORITY_LIFE).unwrap();
        authority.save(&certs).unwrap();
        for name in names {
            let identity = authority.issue(&name.parse().unwrap(), DEFAULT_IDENTITY_LIFE).unwrap();
            identity.save(&certs).unwrap();
        }
    }
}

fn told(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn help_names_the_exit_codes_and_every_command_has_examples() {
    let home = Home::new();
    let (code, help, _) = home.run(&["--help"]);
    assert_eq!(code, 0);
    assert!(help.contains("Exit codes:\n  0    done\n"), "{help}");
    for command in ["run", "call", "ping", "bench", "methods", "peers", "config", "context"] {
        let (code, help, _) = home.run(&[command, "--help"]);
        assert_eq!(code, 0);
        assert!(help.contains(&format!("Examples:\n  bothways {command}")), "{help}");
    }
}

#[test]
fn a_wrong_command_line_ends_with_2_and_a_suggestion() {
    let (code, data, messages) = Home::new().run(&["clal", "hub"]);
    assert_eq!((code, data.as_str()), (2, ""));
    assert!(messages.contains("'call'"), "{messages}");
}

#[test]
fn a_typo_in_the_configuration_is_named_with_its_line() {
    let home = Home::new();
    std::fs::write(home.path().join("node.toml"), "\nlissen = []\n").unwrap();
    for command in [["config", "check"].as_slice(), &["config", "show"], &["run"]] {
        let words = [command, &["--config", "node.toml"]].concat();
        let (code, data, messages) = home.run(&words);
        assert_eq!((code, data.as_str()), (3, ""));
        let expected = "error: node.toml:2: unknown key `lissen`: did you mean `listen`?\n";
        assert_eq!(messages, expected);
    }
}

#[test]
fn check_says_what_the_node_would_do() {
    let home = Home::new();
    home.issue(&["hub"]);
    assert_eq!(home.run(&["config", "init"]).0, 0);
    let check = ["config", "check", "--config", "bothways.toml"];

    let (code, data, messages) = home.run(&check);
    assert_eq!(code, 0, "{messages}");
    assert!(data.starts_with("name         hub\nnetwork      demo\nrole         peer\n"), "{data}");
    assert!(messages.starts_with("warning: there is no data folder"), "{messages}");

    let (code, _, messages) = home.run(&["config", "check"]);
    assert_eq!(code, 3);
    assert!(messages.contains("hint: name the file that says it with --config"), "{messages}");

    let (code, _, messages) = home.run(&[check.as_slice(), &["--name", "hug"]].concat());
    assert_eq!(code, 3);
    assert!(messages.starts_with("error: --name: `name` is \"hug\", but the certificate says hub"));
}

#[test]
fn the_configuration_that_init_writes_is_never_overwritten() {
    let home = Home::new();
    assert_eq!(home.run(&["config", "init"]).0, 0);
    let file = home.path().join("bothways.toml");
    std::fs::write(&file, "mine").unwrap();
    let (code, _, messages) = home.run(&["config", "init"]);
    assert_eq!(code, 3);
    assert!(messages.contains("is there already\nhint: "), "{messages}");
    assert_eq!(std::fs::read_to_string(file).unwrap(), "mine");
}

#[test]
fn show_names_each_origin_and_the_flag_wins() {
    let home = Home::new();
    std::fs::write(home.path().join("n.toml"), "listen = ['a:1']\nrole = 'server'\n").unwrap();
    let mut show = home.command(&["config", "show", "--config", "n.toml", "-o", "json"]);
    show.args(["--listen", "none"]).env("BOTHWAYS_LISTEN", "b:2").env("BOTHWAYS_DATA", "d");
    let (code, data, messages) = told(&show.output().unwrap());
    assert_eq!((code, messages.as_str()), (0, ""));
    for line in [
        r#"{"key":"listen","value":[],"origin":"--listen"}"#,
        r#"{"key":"role","value":"server","origin":"n.toml:2"}"#,
        r#"{"key":"data","value":"d","origin":"BOTHWAYS_DATA"}"#,
        r#"{"key":"log.level","value":"info","origin":"default"}"#,
    ] {
        assert!(data.lines().any(|shown| shown == line), "{line} in\n{data}");
    }
}

#[test]
fn a_call_without_a_network_says_how_to_get_one() {
    let (code, _, messages) = Home::new().run(&["call", "hub", "people.list"]);
    assert_eq!(code, 3);
    assert!(messages.contains("hint: run `bothways dev up`"), "{messages}");
}

#[test]
fn without_home_in_the_environment_commands_still_find_their_folders() {
    let home = Home::new();
    for words in [["context", "list"], ["dev", "ps"]] {
        let (code, _, messages) = told(&home.command(&words).env_remove("HOME").output().unwrap());
        assert_eq!(code, 0, "{messages}");
    }
}

#[test]
fn wrong_params_are_told_before_anything_is_sent() {
    let home = Home::new();
    for words in [["a=1", "a=2"], ["a", "b=1"], ["a:={", "b=1"], ["-d", "[1"]] {
        let words = [["call", "hub", "people.list"].as_slice(), &words].concat();
        assert_eq!(home.run(&words).0, 2, "{words:?}");
    }
}

#[test]
fn a_context_that_was_added_and_chosen_is_used() {
    let home = Home::new();
    let identity = ["--certificate", "a.pem", "--key", "a.key", "--authority", "authority.pem"];
    let add = [["context", "add", "prod"].as_slice(), &identity, &["--peer", "hub=h:1"]].concat();
    assert_eq!(home.run(&add).0, 0);
    assert_eq!(home.run(&add).0, 3, "it is not overwritten");
    assert_eq!(home.run(&["context", "use", "prdo"]).0, 3);
    assert_eq!(home.run(&["context", "use", "prod"]).0, 0);
    let (_, list, _) = home.run(&["context", "list"]);
    assert!(list.lines().any(|line| line.starts_with("*     prod  saved  ")), "{list}");
    let (code, _, messages) = home.run(&["call", "hug", "people.list"]);
    assert_eq!(code, 3);
    assert!(messages.contains("hint: hub is known here"), "{messages}");
}

/// A node that runs, its log on standard error, until this is dropped.
struct Running {
    process: Child,
    log: Lines<BufReader<ChildStderr>>,
    /// Its name and address.
    peer: String,
}

impl Running {
    /// Runs the node of `bothways.toml` as the hub.
    fn hub(home: &Home) -> Self {
        assert_eq!(home.run(&["config", "init"]).0, 0);
        let run = ["run", "--config", "bothways.toml", "--listen", "127.0.0.1:0", "--data", "data"];
        let mut process = home.command(&run).stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(process.stderr.take().unwrap()).lines();
        let line = log.next().unwrap().unwrap();
        let started: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(started["message"], "started");
        let peer = format!("hub@{}", started["listening"].as_str().unwrap());
        Self { process, log, peer }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // One that has ended already cannot be killed, and need not be.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_node_that_runs_is_called_and_drains_when_it_is_told_to_stop() {
    let home = Home::new();
    home.issue(&["hub", "cli"]);
    let mut hub = Running::hub(&home);
    let peer = hub.peer.clone();
    let asker = ["--certificate", "certs/cli.pem", "--key", "certs/cli.key", "--authority"];
    let asker = [asker.as_slice(), &["certs/authority.pem", "-o", "json"]].concat();

    let words = ["call", &peer, "people.create", "name=Ann", "title=Engineer"];
    let (code, ann, messages) = home.run(&[words.as_slice(), &asker].concat());
    assert_eq!((code, messages.as_str()), (0, ""));
    let ann: serde_json::Value = serde_json::from_str(&ann).unwrap();
    assert_eq!((&ann["name"], &ann["title"]), (&"Ann".into(), &"Engineer".into()));

    let words = ["call", &peer, "people.create", "name="];
    let (code, data, messages) = home.run(&[words.as_slice(), &asker].concat());
    assert_eq!((code, data.as_str()), (1, ""));
    assert!(messages.contains("error: hub answered invalid_argument"), "{messages}");
    let words = ["call", &peer, "people.list", "limit=10"];
    let (_, _, messages) = home.run(&[words.as_slice(), &asker].concat());
    assert!(messages.ends_with("hint: limit=10 sends text: try limit:=10\n"), "{messages}");
    let (code, methods, _) = home.run(&[["methods", &peer].as_slice(), &asker].concat());
    assert!(code == 0 && methods.contains("people.create"), "{methods}");
    assert_eq!(home.run(&[["ping", &peer].as_slice(), &asker].concat()).0, 0);
    let wrong = peer.replace("hub@", "store@");
    assert_eq!(home.run(&[["ping", &wrong].as_slice(), &asker].concat()).0, 5);
    assert_eq!(home.run(&["peers", "--control", "data/control.sock"]).0, 0);

    let hub_id = rustix::process::Pid::from_child(&hub.process);
    rustix::process::kill_process(hub_id, rustix::process::Signal::TERM).unwrap();
    assert_eq!(hub.process.wait().unwrap().code(), Some(0));
    let last = hub.log.by_ref().map(Result::unwrap).last().unwrap();
    assert!(last.contains("\"stopped\""), "{last}");
    assert_eq!(home.run(&["peers", "--control", "data/control.sock"]).0, 4);
    assert_eq!(home.run(&[["ping", &peer].as_slice(), &asker].concat()).0, 4);
}

#[test]
fn a_request_leaves_its_line_in_the_log_that_the_context_names() {
    let home = Home::new();
    home.issue(&["hub", "cli"]);
    let hub = Running::hub(&home);
    let identity = ["--certificate", "certs/cli.pem", "--key", "certs/cli.key", "--authority"];
    let identity = [identity.as_slice(), &["certs/authority.pem"]].concat();
    let peer = hub.peer.replace('@', "=");
    let use_context = |name, log| {
        let rest = ["--peer", &peer, "--log-file", log];
        let add = [["context", "add", name].as_slice(), &identity, &rest].concat();
        assert_eq!(home.run(&add).0, 0);
        assert_eq!(home.run(&["context", "use", name]).0, 0);
    };

    use_context("demo", "cli.log");
    assert_eq!(home.run(&["call", "hub", "people.create", "name=Ann"]).0, 0);
    assert_eq!(home.run(&["call", "hub", "people.create", "name="]).0, 1);
    let mut as_the_node = home.command(&["methods", "hub"]);
    as_the_node.env("BOTHWAYS_LOG_FILE", home.path().join("node.log"));
    assert!(as_the_node.output().unwrap().status.success());
    let (_, shown, _) = home.run(&["trace", "show", "--from", "cli.log", "-o", "json"]);
    for word in ["people.create", "invalid_argument", "node.methods"] {
        assert!(shown.contains(word), "{word} in {shown}");
    }
    assert!(!home.path().join("node.log").exists(), "that variable is for nodes");

    let another = [["ping", &hub.peer].as_slice(), &identity].concat();
    assert_eq!(home.run(&another).0, 0);
    let log = std::fs::read_to_string(home.path().join("cli.log")).unwrap();
    assert!(!log.contains("node.ping"), "who asks as somebody else is not recorded: {log}");

    use_context("nowhere", "/nowhere/cli.log");
    let (code, data, messages) = home.run(&["ping", "hub"]);
    assert_eq!(code, 0, "{messages}");
    assert!(data.contains("answered"), "{data}");
    let expected = "warning: this request is not recorded: cannot open the log /nowhere/cli.log";
    assert!(messages.starts_with(expected), "{messages}");
}

#[test]
fn a_node_keeps_its_records_in_its_data_folder() {
    let home = Home::new();
    home.issue(&["hub", "cli"]);
    let hub = Running::hub(&home);
    let identity = ["--certificate", "certs/cli.pem", "--key", "certs/cli.key", "--authority"];
    let identity = [identity.as_slice(), &["certs/authority.pem"]].concat();
    for _ in 0..2 {
        assert_eq!(home.run(&[["ping", &hub.peer].as_slice(), &identity].concat()).0, 0);
    }
    let recorded = || home.run(&["trace", "list", "--from", "data"]);
    let pings = || recorded().1.matches("node.ping").count();
    while pings() < 2 {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    drop(hub);
    assert!(pings() >= 2, "a kill costs none of them: {:?}", recorded());
}

#[test]
fn an_identity_of_another_authority_is_distrust() {
    let (home, other) = (Home::new(), Home::new());
    home.issue(&["hub"]);
    other.issue(&["cli"]);
    let of_other = |file: &str| other.path().join("certs").join(file).display().to_string();
    let (certificate, key) = (of_other("cli.pem"), of_other("cli.key"));
    let words = ["ping", "hub@127.0.0.1:9", "--authority", "certs/authority.pem"];
    let identity = ["--certificate", &certificate, "--key", &key];
    let (code, _, messages) = home.run(&[words.as_slice(), &identity].concat());
    assert_eq!(code, 5, "{messages}");
    assert!(messages.contains("was not issued by the authority of demo"), "{messages}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let home = Home::new();
    let mut show = home.command(&["config", "show"]);
    let mut child = show.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(told(&output), (0, String::new(), String::new()));
}

#[test]
fn completions_and_manual_pages_are_made_for_every_command() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish"] {
        let (code, script, _) = home.run(&["completions", shell]);
        assert!(code == 0 && script.contains("bothways"), "{shell}");
    }
    assert_eq!(home.run(&["man", "--out", "man/man1"]).0, 0);
    for page in ["bothways.1", "bothways-call.1", "bothways-config-init.1"] {
        assert!(home.path().join("man/man1").join(page).exists(), "{page}");
    }
}
