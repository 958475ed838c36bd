//! Where the records are: logs of nodes, folders, standard input, nodes that give theirs over the
//! network, or the network that runs here.

use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};

use anstyle::AnsiColor;
use anyhow::Context;
use bothways::exchange::{Exchanges, Fault, Log, Record, merge};
use bothways::visible;
use bothways_protocol::{NetworkName, NodeName};
use clap::Args;

use crate::cli::caller::{CallerArgs, deadline};
use crate::cli::merged::logs_in;
use crate::cli::peer::PeerArg;
use crate::cli::remote::{self, Read, Reader};
use crate::cli::{Exit, Globals, Result, Trouble, dev};

/// Where to read.
#[derive(Debug, Args)]
pub(super) struct Source {
    /// JSON logs of nodes, folders that hold some (a node's data folder, too), - for standard
    /// input, or nodes that let you read their newest records: a name, or name@host:port. A path
    /// wins over a node of the same name [default: the logs of the network that runs here]
    #[arg(long, num_args = 1.., value_name = "LOG|NODE")]
    from: Vec<PathBuf>,
    /// The network of `dev up` [default: the only one that runs]
    #[arg(long, value_name = "NETWORK", conflicts_with = "from")]
    name: Option<NetworkName>,
    #[command(flatten)]
    caller: CallerArgs,
}

/// Where there is something to read.
#[derive(Debug, Default)]
pub(super) struct Places {
    pub(super) paths: Vec<PathBuf>,
    pub(super) nodes: Vec<PeerArg>,
}

impl Source {
    /// What was named, or else the folder of the running network's logs.
    pub(super) fn places(&self, globals: &Globals) -> Result<Places> {
        let mut places = Places::default();
        for from in &self.from {
            match node_of(from) {
                Some(peer) if !from.exists() => places.nodes.push(peer),
                peer => {
                    self.tell_of_path(peer.as_ref(), globals);
                    places.paths.push(from.clone());
                }
            }
        }
        if self.from.is_empty() {
            places.paths.push(dev::logs_of(self.name.as_ref()).map_err(|trouble| {
                trouble.with_hint(
                    "name logs or nodes with --from, or start a network with `bothways dev up`",
                )
            })?);
        }
        Ok(places)
    }

    /// Says that it is a path that is read, where there is a node of this name as well.
    fn tell_of_path(&self, peer: Option<&PeerArg>, globals: &Globals) {
        if let Some(peer) = peer.filter(|peer| self.caller.caller(peer, globals).is_ok()) {
            globals.note(&format!(
                "{peer} is a path here, and read as one; the node is meant by {peer}@host:port"
            ));
        }
    }

    /// All that is recorded there, merged.
    pub(super) fn exchanges(&self, globals: &Globals) -> Result<Exchanges> {
        let places = self.places(globals)?;
        let mut records = read_all(&places.paths)?;
        if !places.nodes.is_empty() {
            let read = remote::block_on(globals, self.read_nodes(&places.nodes, globals))?;
            records.extend(read);
        }
        if records.is_empty() { Err(nothing_recorded(&places)) } else { Ok(merge(records)) }
    }

    /// Begins to read the records of a node.
    pub(super) async fn reader(&self, peer: &PeerArg, globals: &Globals) -> Result<Reader> {
        let plan = self.caller.caller(peer, globals)?.plan;
        let deadline = deadline(None, &plan)?;
        Reader::start(plan, peer.name.clone(), deadline).await
    }

    async fn read_nodes(&self, nodes: &[PeerArg], globals: &Globals) -> Result<Vec<Record>> {
        let mut records = Vec::new();
        for peer in nodes {
            let mut reader = self.reader(peer, globals).await?;
            let read = reader.read().await;
            reader.stop().await;
            records.extend(told(&peer.name, read?, globals));
        }
        Ok(records)
    }
}

/// The records that were read of a node, after it was said what is missing of them.
pub(super) fn told(node: &NodeName, read: Read, globals: &Globals) -> Vec<Record> {
    let Read { records, missed, broken } = read;
    if missed > 0 {
        globals.note(&format!("{node}: {missed} older requests are no longer in its memory"));
    }
    if broken > 0 {
        globals.warn_all(&[format!("{node}: passed over {broken} records that cannot be read")]);
    }
    records
}

/// The node that is meant, where a node may be: no path has its form.
fn node_of(from: &Path) -> Option<PeerArg> {
    from.to_str()?.parse().ok()
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

fn nothing_recorded(places: &Places) -> Trouble {
    let paths = places.paths.iter().map(|path| path.display().to_string());
    let places: Vec<_> = paths.chain(places.nodes.iter().map(ToString::to_string)).collect();
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
    fn a_name_is_a_nodes_and_what_looks_like_a_file_is_none() {
        let node = |text: &str| node_of(Path::new(text)).map(|peer| peer.to_string());
        for text in ["hub", "hub@[::1]:4433"] {
            assert_eq!(node(text).as_deref(), Some(text));
        }
        for text in ["hub.log", "./hub", "logs/", "/var/log/hub", "-", "a_b"] {
            assert_eq!(node(text), None, "{text}");
        }
    }

    #[test]
    fn nothing_found_has_an_exit_code_of_its_own() {
        assert_eq!(nothing_recorded(&Places::default()).exit(), Exit::Nothing);
    }
}
