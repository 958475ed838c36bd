//! Networks in a home of their own, and the command that runs them.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

/// A home of its own, in which networks run. What is left of them when it goes is ended.
pub(crate) struct Home(pub(crate) tempfile::TempDir);

impl Home {
    pub(crate) fn new() -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        fs::DirBuilder::new().mode(0o700).create(home.runtime()).unwrap();
        home
    }

    pub(crate) fn runtime(&self) -> PathBuf {
        self.0.path().join("run")
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bothways"));
        command.args(words).current_dir(self.0.path()).env_clear();
        command.env("HOME", self.0.path()).env("XDG_RUNTIME_DIR", self.runtime());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs a command: its exit code, its data and its messages.
    pub(crate) fn run(&self, words: &[&str]) -> (i32, String, String) {
        told(&self.command(words).output().unwrap())
    }

    pub(crate) fn topology(&self, name: &str, text: &str) -> String {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// The nodes, as `dev ps` tells of them.
    pub(crate) fn nodes(&self) -> Vec<Value> {
        let (code, data, messages) = self.run(&["dev", "ps", "-o", "json"]);
        assert_eq!(code, 0, "{messages}");
        data.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    pub(crate) fn pid(&self, node: &str) -> String {
        let nodes = self.nodes();
        let node = nodes.iter().find(|listed| listed["name"] == node).unwrap();
        node["pid"].to_string()
    }

    /// The files of networks that there are.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let contexts = self.runtime().join("bothways/contexts");
        let contexts = fs::read_dir(contexts).into_iter().flatten();
        let dev = self.runtime().join("bothways/dev");
        let dev = fs::read_dir(dev).into_iter().flatten();
        contexts.chain(dev).map(|entry| entry.unwrap().path()).collect()
    }

    /// The processes that run in this home.
    pub(crate) fn processes(&self) -> Vec<String> {
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

    pub(crate) fn is_clean(&self) -> bool {
        self.files().is_empty() && self.processes().is_empty()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = self.command(&["dev", "down", "--all"]).output();
    }
}

/// A `dev up` whose merged log is read along.
pub(crate) struct Up {
    pub(crate) process: Child,
    lines: Receiver<String>,
    read: String,
}

impl Up {
    pub(crate) fn start(home: &Home, words: &[&str]) -> Self {
        let mut process = home.command(&[&["dev", "up"], words].concat()).spawn().unwrap();
        let log = BufReader::new(process.stdout.take().unwrap());
        let (send, lines) = channel();
        // It ends with the process.
        spawn(move || log.lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
        Self { process, lines, read: String::new() }
    }

    /// Reads the merged log up to the line in which all these words are.
    pub(crate) fn until(&mut self, words: &[&str]) {
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

    pub(crate) fn signal(&self, signal: &str) {
        kill(signal, &self.process.id().to_string());
    }

    /// Waits for the end: the exit code and the messages.
    pub(crate) fn end(mut self) -> (i32, String) {
        ended(&mut self.process)
    }
}

pub(crate) fn ended(process: &mut Child) -> (i32, String) {
    until("it ends", || process.try_wait().unwrap().is_some());
    let mut messages = String::new();
    process.stderr.take().unwrap().read_to_string(&mut messages).unwrap();
    (process.wait().unwrap().code().unwrap_or(-1), messages)
}

pub(crate) fn told(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

pub(crate) fn kill(signal: &str, pid: &str) {
    assert!(Command::new("kill").args([signal, pid]).status().unwrap().success());
}

pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        sleep(Duration::from_millis(50));
    }
}

pub(crate) fn topologies(name: &str) -> String {
    format!("{}/../scripts/topologies/{name}.toml", env!("CARGO_MANIFEST_DIR"))
}
