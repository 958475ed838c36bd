//! The two processes of one measurement, and what they are told: one line of JSON in, one out.

use std::io::{self, BufRead, Read};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread;

use anyhow::Result;
use bothways_certs::{Authority, DEFAULT_IDENTITY_LIFE, Identity};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::runtime::{Builder, Runtime};

use crate::case::{Cores, Work};
use crate::contender::Contender;
use crate::usage::stay_on_one_core;

/// The name in the listener's certificate.
pub(crate) const LISTENER: &str = "listener";
/// The name in the driver's certificate.
pub(crate) const DRIVER: &str = "driver";

/// What the listener is told.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ListenerJob {
    pub(crate) contender: Contender,
    pub(crate) cores: Cores,
    pub(crate) trust: TrustFolder,
}

/// What the driver is told.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct DriverJob {
    pub(crate) contender: Contender,
    pub(crate) cores: Cores,
    pub(crate) trust: TrustFolder,
    pub(crate) work: Work,
    pub(crate) address: SocketAddr,
    /// The listener's process, whose CPU time and memory the driver reads.
    pub(crate) listener: u32,
}

/// The folder with the authority of the run; each end issues its own identities from it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct TrustFolder(pub(crate) PathBuf);

impl TrustFolder {
    pub(crate) fn authority(&self) -> Result<Authority> {
        Ok(Authority::load(&self.0)?)
    }

    pub(crate) fn identity(&self, name: &str) -> Result<Identity> {
        Ok(self.authority()?.issue(&name.parse()?, DEFAULT_IDENTITY_LIFE)?)
    }
}

/// Answers until standard input ends: when the run is over, or has died.
pub(crate) fn listen() -> Result<()> {
    let job: ListenerJob = told()?;
    settle(job.cores)?;
    let ended = || match io::stdin().read_to_end(&mut Vec::new()) {
        Ok(_) => std::process::exit(0),
        Err(_) => std::process::exit(1),
    };
    thread::spawn(ended);
    runtime()?.block_on(async {
        let listening = job.contender.listen(&job).await?;
        println!("{}", serde_json::to_string(&listening.address())?);
        std::future::pending().await
    })
}

/// Does the work, and prints the reading.
pub(crate) fn drive() -> Result<()> {
    let job: DriverJob = told()?;
    settle(job.cores)?;
    let reading = runtime()?.block_on(job.contender.drive(&job))?;
    println!("{}", serde_json::to_string(&reading)?);
    Ok(())
}

/// The one runtime of an end, on the thread that calls.
pub(crate) fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

fn settle(cores: Cores) -> Result<()> {
    match cores {
        Cores::Free => Ok(()),
        Cores::One => stay_on_one_core(),
    }
}

fn told<T: DeserializeOwned>() -> Result<T> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    Ok(serde_json::from_str(&line)?)
}
