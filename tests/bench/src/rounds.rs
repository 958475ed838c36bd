//! The rounds of a run: every contender in every case, one after the other.

use std::collections::BTreeMap;
use std::env;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::{Context, Result, bail};
use bothways_certs::{Authority, DEFAULT_AUTHORITY_LIFE};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tempfile::TempDir;

use crate::case::{Case, Measure};
use crate::contender::Contender;
use crate::end::{DriverJob, RunFolder, Setting, Threads};
use crate::load::Reading;
use crate::relay::Relay;

/// A run to be made.
pub(crate) struct Rounds {
    rounds: u32,
    threads: Threads,
    cases: Vec<Case>,
    folder: RunFolder,
    /// Removes the folder when the run is over.
    _remove: TempDir,
}

/// A case, and the readings of each round by contender.
pub(crate) struct Measured {
    pub(crate) case: Case,
    pub(crate) rounds: Vec<BTreeMap<Contender, Reading>>,
}

impl Rounds {
    pub(crate) fn of(rounds: u32, threads: Threads, cases: Vec<Case>) -> Result<Self> {
        let remove = tempfile::tempdir()?;
        let folder = RunFolder(remove.path().join("run"));
        Authority::create(&"bench".parse()?, DEFAULT_AUTHORITY_LIFE)?.save(&folder.0)?;
        Ok(Self { rounds, threads, cases, folder, _remove: remove })
    }

    /// Measures, and says on standard error what is being measured.
    pub(crate) fn run(self) -> Result<Vec<Measured>> {
        let mut measured: Vec<_> = self.cases.iter().map(Measured::nothing_of).collect();
        for round in 1..=self.rounds {
            for Measured { case, rounds } in &mut measured {
                if round > case.rounds_max {
                    continue;
                }
                let mut contenders = case.contenders();
                if round % 2 == 0 {
                    contenders.reverse();
                }
                let mut readings = BTreeMap::new();
                for contender in contenders {
                    let name = contender.as_str();
                    eprintln!("round {round} of {}: {}: {name}", self.rounds, case.name);
                    let reading = self.measure(case, contender, round);
                    let doing = || format!("{}: {name}", case.name);
                    readings.insert(contender, reading.with_context(doing)?);
                }
                rounds.push(readings);
            }
        }
        Ok(measured)
    }

    fn measure(&self, case: &Case, contender: Contender, round: u32) -> Result<Reading> {
        let (cores, threads, folder) = (case.cores, self.threads, self.folder.clone());
        let setting = Setting { contender, cores, threads, folder };
        let mut listener = End::start("listener", &setting)?;
        let mut address: SocketAddr = listener.says()?;
        let lossy = |percent| Relay::start(address, percent, round.into());
        let relay = case.loss_percent.map(lossy).transpose()?;
        if let Some(relay) = &relay {
            address = relay.address();
        }
        let (work, pid) = (case.work, listener.child.id());
        let job = DriverJob { setting, work, address, listener: pid };
        let mut driver = End::start("driver", &job)?;
        let reading = driver.says()?;
        driver.finish()?;
        listener.finish()?;
        Ok(reading)
    }
}

impl Measured {
    fn nothing_of(case: &Case) -> Self {
        Self { case: case.clone(), rounds: Vec::new() }
    }

    /// One figure for each round.
    pub(crate) fn values(&self, contender: Contender, measure: Measure) -> Vec<f64> {
        let of = |round: &BTreeMap<Contender, Reading>| {
            let reading = round.get(&contender)?;
            reading.0.get(&measure).copied()
        };
        self.rounds.iter().filter_map(of).collect()
    }
}

/// A process that is one end of a measurement; killed where it is dropped before its end.
struct End {
    child: Child,
    input: Option<ChildStdin>,
}

impl End {
    fn start(end: &str, job: &impl Serialize) -> Result<Self> {
        let mut child = Command::new(env::current_exe()?)
            .arg(end)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut input = child.stdin.take().context("a child without an input")?;
        writeln!(input, "{}", serde_json::to_string(job)?)?;
        Ok(Self { child, input: Some(input) })
    }

    /// Waits for the one line that it says.
    fn says<T: DeserializeOwned>(&mut self) -> Result<T> {
        let output = self.child.stdout.take().context("a child without an output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        serde_json::from_str(&line).context("it said nothing of use: see above")
    }

    /// Ends its input, and waits for its own end.
    fn finish(mut self) -> Result<()> {
        drop(self.input.take());
        let status = self.child.wait()?;
        if !status.success() {
            bail!("an end of the measurement ended with {status}");
        }
        Ok(())
    }
}

impl Drop for End {
    fn drop(&mut self) {
        // One that has ended is not there to be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
