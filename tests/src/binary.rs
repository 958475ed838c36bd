//! The program as a user runs it.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;

use bothways::certs::Identity;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};

use crate::{Network, soon};

/// A folder with certificates, and the program run in it.
pub struct Program {
    folder: TempDir,
    /// The command that runs the program, where it does not run by itself.
    under: Vec<String>,
}

/// What a command that has ended has said.
#[derive(Debug)]
pub struct Said {
    pub code: Option<i32>,
    pub data: String,
    pub messages: String,
}

/// A command that goes on until it is told to end.
pub struct Ongoing {
    child: Child,
    data: Lines<BufReader<ChildStdout>>,
}

/// A node that runs in a process of its own.
pub struct Running {
    child: Child,
    log: Lines<BufReader<ChildStderr>>,
    pub address: SocketAddr,
}

impl Program {
    /// A folder that holds the network's authority, and what its nodes are given.
    pub fn of(network: &Network) -> Self {
        let folder = tempfile::tempdir().unwrap();
        network.authority.save(&folder.path().join("certs")).unwrap();
        Self { folder, under: Vec::new() }
    }

    /// Has the program run by another command, such as `strace`.
    pub fn under(self, command: &[&str]) -> Self {
        Self { under: command.iter().map(ToString::to_string).collect(), ..self }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn keep(&self, identity: &Identity) {
        identity.save(&self.path("certs")).unwrap();
    }

    /// Runs a command to its end.
    pub async fn run<I: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = I>) -> Said {
        self.run_with(&[], arguments).await
    }

    /// Runs a command to its end, with these variables in its environment.
    pub async fn run_with<I: AsRef<OsStr>>(
        &self,
        variables: &[(&str, &str)],
        arguments: impl IntoIterator<Item = I>,
    ) -> Said {
        let mut command = self.command(arguments);
        let output = command.envs(variables.iter().copied()).output();
        let output = soon("the command's end", output).await.unwrap();
        let said = Said {
            code: output.status.code(),
            data: String::from_utf8(output.stdout).unwrap(),
            messages: String::from_utf8(output.stderr).unwrap(),
        };
        assert!(!said.messages.contains("panicked"), "{said:?}");
        said
    }

    /// Reads the first lines of a command's data, then asks it to end: the lines, and its exit code.
    pub async fn first_lines<I: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = I>,
        count: usize,
    ) -> (Vec<String>, Option<i32>) {
        let (mut ongoing, mut lines) = (self.begin(arguments), Vec::new());
        while lines.len() < count {
            lines.push(ongoing.line().await);
        }
        (lines, ongoing.interrupt().await.code)
    }

    /// Runs a command as this node, whose certificate is in the folder.
    pub async fn run_as(&self, node: &str, command: &str, more: &[&str]) -> Said {
        self.run(self.arguments(node, command, more)).await
    }

    /// Begins a command, and does not wait for its end.
    pub fn begin<I: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = I>) -> Ongoing {
        let mut command = self.command(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let data = BufReader::new(child.stdout.take().unwrap()).lines();
        Ongoing { child, data }
    }

    /// Begins a command as this node, whose certificate is in the folder.
    pub fn begin_as(&self, node: &str, command: &str, more: &[&str]) -> Ongoing {
        self.begin(self.arguments(node, command, more))
    }

    /// Starts a node that logs in JSON, and waits until it listens.
    pub async fn start(&self, node: &str, more: &[&str]) -> Running {
        self.start_at("127.0.0.1:0", node, more).await
    }

    /// Starts a node as [`start`](Self::start) does, on a certain address.
    pub async fn start_at(&self, address: &str, node: &str, more: &[&str]) -> Running {
        let started = self.try_start_at(address, node, more).await;
        started.unwrap_or_else(|log| panic!("{node} does not start: {log:#?}"))
    }

    /// Starts a node that may not be able to: then it tells what that one has logged.
    pub async fn try_start_at(
        &self,
        address: &str,
        node: &str,
        more: &[&str],
    ) -> Result<Running, Vec<String>> {
        let mut running = self.launch_at(address, node, more);
        let started = running.find_logged("started").await?;
        running.address = started["listening"].as_str().unwrap().parse().unwrap();
        Ok(running)
    }

    /// Starts a node, and waits for nothing: whether it listens, and where, is not known.
    pub fn launch_at(&self, address: &str, node: &str, more: &[&str]) -> Running {
        let common = ["--listen", address, "--log-format", "json"];
        let mut command = self.command(self.arguments(node, "run", &[&common, more].concat()));
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        Running { child, log, address: ([0, 0, 0, 0], 0).into() }
    }

    fn arguments(&self, node: &str, command: &str, more: &[&str]) -> Vec<String> {
        let file = |name: String| self.path("certs").join(name).display().to_string();
        let own = [
            command.to_owned(),
            "--certificate".to_owned(),
            file(format!("{node}.pem")),
            "--key".to_owned(),
            file(format!("{node}.key")),
            "--authority".to_owned(),
            file("authority.pem".to_owned()),
        ];
        own.into_iter().chain(more.iter().map(ToString::to_string)).collect()
    }

    fn command<I: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = I>) -> Command {
        let mut words = self.under.iter().map(OsStr::new).chain([program().as_os_str()]);
        let mut command = Command::new(words.next().expect("there is a program"));
        command
            .args(words)
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.folder.path())
            // Networks that somebody runs on this machine are of no concern here.
            .env("XDG_RUNTIME_DIR", self.folder.path().join("run"))
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }
}

impl Ongoing {
    /// Waits for the next line of its data.
    pub async fn line(&mut self) -> String {
        let line = soon("a line", self.data.next_line()).await.unwrap();
        line.expect("the command has ended")
    }

    /// Presses Ctrl-C, and waits for the end: with the lines that were not asked for.
    pub async fn interrupt(self) -> Said {
        send(&self.child, Signal::INT);
        let ended = soon("the command's end", self.child.wait_with_output()).await.unwrap();
        let mut data = String::new();
        self.data.into_inner().read_to_string(&mut data).await.unwrap();
        let messages = String::from_utf8(ended.stderr).unwrap();
        Said { code: ended.status.code(), data, messages }
    }
}

impl Running {
    /// Waits for a line of the log with this message.
    pub async fn logged(&mut self, message: &str) -> Value {
        let found = self.find_logged(message).await;
        found.unwrap_or_else(|log| panic!("{message:?} is not in the log: {log:#?}"))
    }

    /// Waits for a line of the log with this message; where the log ends without it, tells the log.
    async fn find_logged(&mut self, message: &str) -> Result<Value, Vec<String>> {
        let found = async {
            let mut before = Vec::new();
            loop {
                let Some(line) = self.log.next_line().await.unwrap() else {
                    return Err(before);
                };
                let found: Value = serde_json::from_str(&line).unwrap_or_default();
                if found["message"] == message {
                    return Ok(found);
                }
                before.push(line);
            }
        };
        soon(message, found).await
    }

    /// What the log says from here to the node's end.
    pub async fn rest_of_log(mut self) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(line) = soon("the log's end", self.log.next_line()).await.unwrap() {
            lines.push(line);
        }
        lines
    }

    /// Ends the node's process without a word to anybody.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Asks the node to stop, as a service manager does.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Has the node's process stand still, in whatever it is doing.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Has a process go on that stands still.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// The id of the node's process.
    pub fn process(&self) -> u32 {
        self.child.id().unwrap()
    }

    fn signal(&self, signal: Signal) {
        send(&self.child, signal);
    }

    /// The exit code of the node's process, once it has ended.
    pub async fn ended(mut self) -> Option<i32> {
        soon("the process's end", self.child.wait()).await.unwrap().code()
    }

    pub async fn stop(self) {
        self.terminate();
        assert_eq!(self.ended().await, Some(0));
    }
}

fn send(child: &Child, signal: Signal) {
    let id = i32::try_from(child.id().unwrap()).unwrap();
    kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
}

/// The program beside this executable, built if this runs under Cargo.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let own = std::env::current_exe().unwrap();
        let folder = own.parent().unwrap();
        // A test's executable is one folder down.
        let folder = if folder.ends_with("deps") { folder.parent().unwrap() } else { folder };
        if let Some(cargo) = std::env::var_os("CARGO") {
            let mut build = std::process::Command::new(cargo);
            build.args(["build", "--quiet", "--package", "bothways", "--bin", "bothways"]);
            if folder.ends_with("release") {
                build.arg("--release");
            }
            assert!(build.status().unwrap().success(), "the program cannot be built");
        }
        folder.join("bothways")
    })
}
