//! The two processes of one measurement, and what they are told: one line of JSON in, one out.

use std::io::{self, BufRead, Read};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread;

use anyhow::Result;
use bothways_certs::{Authority, DEFAULT_IDENTITY_LIFE, Identity, Trust};
use clap::ValueEnum;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::runtime::{Builder, Runtime};

use crate::case::{Cores, Requests, Work};
use crate::contender::Contender;
use crate::load::Load;
use crate::usage::stay_on_one_core;

/// The name in the listener's certificate.
pub(crate) const LISTENER: &str = "listener";
/// The name in the driver's certificate.
pub(crate) const DRIVER: &str = "driver";

/// What both ends are told, and all that the listener is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Setting {
    pub(crate) contender: Contender,
    pub(crate) cores: Cores,
    pub(crate) threads: Threads,
    pub(crate) folder: RunFolder,
}

/// What the driver is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct DriverJob {
    pub(crate) setting: Setting,
    pub(crate) work: Work,
    pub(crate) address: SocketAddr,
    /// The listener's process, whose CPU time and memory the driver reads.
    pub(crate) listener: u32,
}

/// What tonic and tarpc run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
pub(crate) enum Threads {
    /// A runtime on one thread
    One,
    /// A runtime with a thread for each core
    Many,
}

/// The folder of a run: its authority, from which each end issues its own identities; logs; data.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RunFolder(pub(crate) PathBuf);

impl DriverJob {
    /// The load that the work's requests are.
    pub(crate) fn load(&self, requests: Requests) -> Load {
        Load { requests, answering: self.listener }
    }

    pub(crate) fn folder(&self) -> &RunFolder {
        &self.setting.folder
    }
}

impl Setting {
    /// The runtime of an end, besides what a node starts by itself.
    fn runtime(&self) -> io::Result<Runtime> {
        match self.threads {
            Threads::Many if self.contender.runs_on_many_threads() => {
                Builder::new_multi_thread().enable_all().build()
            }
            Threads::One | Threads::Many => one_thread(),
        }
    }
}

impl RunFolder {
    pub(crate) fn authority(&self) -> Result<Authority> {
        Ok(Authority::load(&self.0)?)
    }

    pub(crate) fn trust(&self) -> Result<Trust> {
        Ok(self.authority()?.trust())
    }

    /// The authority's certificate, as a file.
    pub(crate) fn authority_certificate(&self) -> PathBuf {
        self.0.join("authority.pem")
    }

    /// Where an end writes its log.
    pub(crate) fn log(&self, end: &str) -> PathBuf {
        self.0.join(format!("{end}.log"))
    }

    /// A folder for the data of this process.
    pub(crate) fn data(&self) -> PathBuf {
        self.0.join(format!("data-{}", std::process::id()))
    }

    pub(crate) fn identity(&self, name: &str) -> Result<Identity> {
        Ok(self.authority()?.issue(&name.parse()?, DEFAULT_IDENTITY_LIFE)?)
    }
}

/// Answers until standard input ends: when the run is over, or has died.
pub(crate) fn listen() -> Result<()> {
    let setting: Setting = told()?;
    settle(setting.cores)?;
    let ended = || match io::stdin().read_to_end(&mut Vec::new()) {
        Ok(_) => std::process::exit(0),
        Err(_) => std::process::exit(1),
    };
    thread::spawn(ended);
    setting.runtime()?.block_on(async {
        let listening = setting.contender.listen(&setting).await?;
        println!("{}", serde_json::to_string(&listening.address())?);
        std::future::pending().await
    })
}

/// Does the work, and prints the reading.
pub(crate) fn drive() -> Result<()> {
    let job: DriverJob = told()?;
    settle(job.setting.cores)?;
    let driving = job.setting.contender.drive(&job);
    let reading = job.setting.runtime()?.block_on(driving)?;
    println!("{}", serde_json::to_string(&reading)?);
    Ok(())
}

/// A runtime on the thread that calls, and on no other.
pub(crate) fn one_thread() -> io::Result<Runtime> {
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
