//! Where the records are: logs of nodes, folders, standard input, or the network that runs here.

use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::PathBuf;

use anstyle::AnsiColor;
use anyhow::Context;
use bothways::exchange::{Exchanges, Fault, Log, Record, merge};
use bothways::visible;
use bothways_protocol::NetworkName;
use clap::Args;

use crate::cli::dev;
use crate::cli::merged::logs_in;
use crate::cli::{Exit, Result, Trouble};

/// Where to read.
#[derive(Debug, Args)]
pub(super) struct Source {
    /// JSON logs of nodes, folders that hold some (a node's data folder, too), or - for standard
    /// input [default: the logs of the network that runs here]
    #[arg(long, num_args = 1.., value_name = "LOG")]
    from: Vec<PathBuf>,
    /// The network of `dev up` [default: the only one that runs]
    #[arg(long, value_name = "NETWORK", conflicts_with = "from")]
    name: Option<NetworkName>,
}

impl Source {
    /// What was named, or else the folder of the running network's logs.
    pub(super) fn places(&self) -> Result<Vec<PathBuf>> {
        if !self.from.is_empty() {
            return Ok(self.from.clone());
        }
        let logs = dev::logs_of(self.name.as_ref()).map_err(|trouble| {
            trouble.with_hint("name logs with --from, or start a network with `bothways dev up`")
        })?;
        Ok(vec![logs])
    }

    /// All that is recorded there, merged.
    pub(super) fn exchanges(&self) -> Result<Exchanges> {
        let places = self.places()?;
        let records = read_all(&places)?;
        if records.is_empty() { Err(nothing_recorded(&places)) } else { Ok(merge(records)) }
    }
}

fn read_all(from: &[PathBuf]) -> Result<Vec<Record>> {
    let mut records = Vec::new();
    for path in from {
        if path.as_os_str() == "-" {
            let log = Log::read(io::stdin().lock()).context("cannot read standard input")?;
            tell_of_broken_lines("standard input", &log);
            records.extend(log.records);
            continue;
        }
        for file in logs_in(path)? {
            let place = file.display().to_string();
            let opened = match File::open(&file) {
                // One that was too old or too much has gone since it was listed.
                Err(error) if error.kind() == io::ErrorKind::NotFound && file != *path => continue,
                opened => opened.with_context(|| format!("cannot open {place}"))?,
            };
            let log = Log::read(BufReader::with_capacity(1 << 16, opened))
                .with_context(|| format!("cannot read {place}"))?;
            tell_of_broken_lines(&place, &log);
            records.extend(log.records);
        }
    }
    Ok(records)
}

fn tell_of_broken_lines(place: &str, log: &Log) {
    // A node that writes on, or was killed, has begun a last line.
    let cut_off = log.named.last().is_some_and(|line| line.fault == Fault::CutOff);
    if log.broken == u64::from(cut_off) {
        return;
    }
    let yellow = AnsiColor::Yellow.on_default().bold();
    let named: Vec<_> = log.named.iter().map(ToString::to_string).collect();
    let more = log.broken - log.named.len() as u64;
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    let text = format!("{place}: passed over what cannot be read: {}{more}", named.join(", "));
    let line = format!("{yellow}warning:{yellow:#} {}\n", visible(&text));
    // Where standard error is closed there is nobody left to tell.
    let _ = anstream::stderr().lock().write_all(line.as_bytes());
}

fn nothing_recorded(from: &[PathBuf]) -> Trouble {
    let places: Vec<_> = from.iter().map(|path| path.display().to_string()).collect();
    let what = format!("no request is recorded in {}", places.join(", "));
    Trouble::new(Exit::Nothing, what).with_hint(
        "name JSON logs of nodes, or a folder with *.log or *.jsonl files: a node writes JSON, one \
         line for each request, when its log goes to a file",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_found_has_an_exit_code_of_its_own() {
        assert_eq!(nothing_recorded(&["hub.log".into()]).exit(), Exit::Nothing);
    }
}
