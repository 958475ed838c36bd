//! One node as a child process: its files, its start, its end.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Context;
use bothways::control::{self, Status};
use bothways_certs::Identity;
use bothways_protocol::NodeName;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{ChildStdin, ChildStdout, Command};
use tokio::time::{sleep, timeout};

use super::ground::{Ground, SPACE};
use crate::cli::dev::script::{Answer, GO, Script};
use crate::cli::dev::this_program;
use crate::cli::dev::topology::{Call, NodeSpec};
use crate::cli::merged::last_lines;
use crate::cli::{Exit, Result, Trouble};

/// How long a node may take until it answers on its control socket.
const START_TIMEOUT: Duration = Duration::from_secs(20);
/// How often it is asked.
const ASK_EVERY: Duration = Duration::from_millis(20);
/// How many last lines of a node that died are shown.
const LAST_LINES: usize = 5;

/// A node in a process of its own. Dropped, it is killed.
#[derive(Debug)]
pub(in crate::cli::dev) struct Child {
    pub(in crate::cli::dev) name: NodeName,
    pub(in crate::cli::dev) pid: u32,
    pub(in crate::cli::dev) control: PathBuf,
    log: PathBuf,
    process: tokio::process::Child,
    /// The node stops when this closes, whatever becomes of the supervisor.
    leash: ChildStdin,
    /// What the node answers where it is to ask another one.
    answers: BufReader<ChildStdout>,
    pub(in crate::cli::dev) ended: Option<ExitStatus>,
}

impl Child {
    /// Starts a node that knows these addresses: of those that it dials, and its own, if it had
    /// one before; it logs at the usual level, or at one more for each `verbose`.
    pub(in crate::cli::dev) fn spawn(
        ground: &Ground,
        name: &NodeName,
        spec: &NodeSpec,
        addresses: &BTreeMap<NodeName, String>,
        verbose: u8,
    ) -> Result<Self> {
        let home = ground.node(name);
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&home);
        made.with_context(|| format!("cannot make {}", home.display()))?;
        let (config, script) = (home.join("node.toml"), home.join("script.json"));
        write(&config, &configuration(ground, name, spec, addresses)?)?;
        write(&script, &serde_json::to_string(&Script::of(spec))?)?;
        let log = ground.log(name);
        let opened = File::options().append(true).create(true).open(&log);
        let opened = opened.with_context(|| format!("cannot open {}", log.display()))?;

        let mut command = Command::new(this_program().context("this program's path")?);
        command.args(["run", "--log-format", "json", "--config"]).arg(&config);
        command.args((0..verbose).map(|_| "-v"));
        command.arg("--script").arg(&script).current_dir(&home).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(opened);
        // Ctrl-C at the terminal is the supervisor's: it stops the nodes in order.
        command.process_group(0);
        let settings = std::env::vars_os().map(|(name, _)| name);
        for name in settings.filter(|name| name.to_string_lossy().starts_with("BOTHWAYS_")) {
            command.env_remove(name);
        }
        let mut process = command.spawn().with_context(|| format!("cannot start {name}"))?;
        let pid = process.id().context("a process has an id")?;
        let leash = process.stdin.take().context("the pipe asked for above")?;
        let answers = process.stdout.take().context("the other pipe asked for above")?;
        let (control, answers) = (home.join(SOCKET), BufReader::new(answers));
        Ok(Self { name: name.clone(), pid, control, log, process, leash, answers, ended: None })
    }

    /// Waits until the node answers.
    pub(in crate::cli::dev) async fn until_up(&mut self) -> Result<Status> {
        let asking = async {
            loop {
                tokio::select! {
                    biased;
                    ended = self.process.wait() => return Err(ended),
                    () = sleep(ASK_EVERY) => if let Ok(status) = control::status(&self.control).await {
                        return Ok(status);
                    },
                }
            }
        };
        let (name, why) = match timeout(START_TIMEOUT, asking).await {
            Ok(Ok(status)) => return Ok(status),
            Ok(Err(ended)) => {
                let ended = ended.with_context(|| format!("cannot wait for {}", self.name))?;
                self.ended = Some(ended);
                (&self.name, told(ended))
            }
            Err(_) => (&self.name, format!("no sign of life in {} s", START_TIMEOUT.as_secs())),
        };
        let trouble = Trouble::new(Exit::Failed, format!("{name} did not start: {why}"));
        match self.last_lines() {
            last if last.is_empty() => Err(trouble.with_hint(SPACE)),
            last => Err(trouble.details(last)),
        }
    }

    /// Lets the node's script begin.
    pub(in crate::cli::dev) async fn go(&mut self) {
        // A node that is gone is told of by its end.
        let _ = self.leash.write_all(GO).await;
    }

    /// Has the node ask another one. Given up, it leaves an answer that nobody expects: nothing
    /// more may be asked.
    pub(in crate::cli::dev) async fn ask(&mut self, call: &Call) -> Result<Answer> {
        let line = serde_json::to_string(call)? + "\n";
        let gone = || format!("{} cannot be asked", self.name);
        self.leash.write_all(line.as_bytes()).await.with_context(gone)?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer).await.with_context(gone)?;
        Ok(serde_json::from_str(&answer).with_context(gone)?)
    }

    /// Waits until the process ends; cancelling the wait loses nothing.
    pub(in crate::cli::dev) async fn wait(&mut self) -> io::Result<ExitStatus> {
        let ended = self.process.wait().await?;
        self.ended = Some(ended);
        Ok(ended)
    }

    /// Stops the process, and kills it where it does not end in time.
    pub(in crate::cli::dev) async fn stop(&mut self, within: Duration) -> io::Result<()> {
        self.signal(Signal::TERM);
        if self.runs() && timeout(within, self.wait()).await.is_err() {
            self.signal(Signal::KILL);
            self.wait().await?;
        }
        Ok(())
    }

    pub(in crate::cli::dev) fn runs(&self) -> bool {
        self.ended.is_none()
    }

    /// Sends a signal, if the process runs.
    pub(in crate::cli::dev) fn signal(&self, signal: Signal) {
        let pid = self.process.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
        if let Some(pid) = pid {
            // It is not waited for yet, so the id is still its own, and it may have ended.
            let _ = kill_process(pid, signal);
        }
    }

    /// The last lines that it wrote.
    pub(in crate::cli::dev) fn last_lines(&self) -> Vec<String> {
        last_lines(&self.log, LAST_LINES)
    }
}

/// How a process ended.
pub(in crate::cli::dev) fn told(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(9)) => "killed by signal 9 (SIGKILL)".to_owned(),
        (None, Some(signal)) => format!("killed by signal {signal}"),
        (None, None) => status.to_string(),
    }
}

/// The file name of a node's control socket.
pub(super) const SOCKET: &str = "control.sock";

/// The node's configuration, as a person would write it.
fn configuration(
    ground: &Ground,
    name: &NodeName,
    spec: &NodeSpec,
    addresses: &BTreeMap<NodeName, String>,
) -> Result<String> {
    let home = ground.node(name);
    // Any free port at first; the same one when it starts again.
    let address = addresses.get(name).map_or("127.0.0.1:0", String::as_str);
    let listen = if spec.listens { format!("[\"{address}\"]") } else { "[]".to_owned() };
    let mut text = format!("name = \"{name}\"\nrole = \"{}\"\nlisten = {listen}\n", spec.role);
    writeln!(text, "control = {}", quoted(&home.join(SOCKET))?)?;
    if spec.role.answers() {
        writeln!(text, "data = {}", quoted(&home.join("data"))?)?;
    }
    if let Some(services) = &spec.services {
        writeln!(text, "services = {}", toml::Value::from(services.clone()))?;
    }
    text += &toml::to_string(&spec.settings).context("the settings")?;
    text += &identity(ground, name)?;
    for peer in &spec.dials {
        let address = addresses.get(peer).with_context(|| format!("{peer} has no address"))?;
        writeln!(text, "\n[peers.{peer}]\naddress = \"{address}\"")?;
    }
    Ok(text)
}

/// The part of a configuration that says who somebody is in this network.
pub(in crate::cli::dev) fn identity(ground: &Ground, name: &NodeName) -> Result<String> {
    let (certificate, key) = Identity::paths(&ground.certs(), name);
    Ok(format!(
        "\n[identity]\ncertificate = {}\nkey = {}\nauthority = {}\n",
        quoted(&certificate)?,
        quoted(&key)?,
        quoted(&ground.certs().join("authority.pem"))?
    ))
}

pub(super) fn quoted(path: &Path) -> Result<String> {
    let what = || Trouble::new(Exit::Failed, format!("{} is no UTF-8 path", path.display()));
    Ok(toml::Value::from(path.to_str().ok_or_else(what)?).to_string())
}

fn write(path: &Path, text: &str) -> Result {
    Ok(fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?)
}
