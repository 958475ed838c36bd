//! As whom, where and for how long a short-lived client asks: what `call`, `ping` and `methods`
//! share.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{anyhow, ensure};
use bothways::config::{Flag, Origin, Plan, Settings, Sources, key};
use bothways_protocol::NetworkName;
use clap::Args;

use super::context::no_context;
use super::contexts::{Context, Folders, Kind};
use super::peer::PeerArg;
use super::settings::tell_settings;
use super::{Exit, Globals, Result, Trouble};

/// As whom to ask. Without any of these, as the context says.
#[derive(Debug, Args)]
#[command(next_help_heading = "Identity")]
pub(super) struct CallerArgs {
    /// Take identity and peers from a node's configuration instead of a context
    #[arg(long, env = "BOTHWAYS_CONFIG", hide_env_values = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The certificate to show
    #[arg(long, value_name = "FILE")]
    certificate: Option<String>,
    /// The certificate's private key
    #[arg(long, value_name = "FILE")]
    key: Option<String>,
    /// The certificate of the network's authority
    #[arg(long, value_name = "FILE")]
    authority: Option<String>,
}

/// Whoever asks, ready to.
#[derive(Debug)]
pub(super) struct Caller {
    /// A client that knows the one peer that is asked.
    pub(super) plan: Plan,
    /// Where the caller's end of each request is logged: where the context says.
    pub(super) log: Option<PathBuf>,
    /// The network on this machine that the peer is a node of, where that is known.
    pub(super) network: Option<NetworkName>,
}

impl CallerArgs {
    /// Who asks this peer.
    pub(super) fn caller(&self, peer: &PeerArg, globals: &Globals) -> Result<Caller> {
        let context = self.context(globals)?;
        let settings = self.settings(Some(peer), context.as_ref())?;
        if !settings.peers().any(|(name, _)| name == peer.name.as_str()) {
            return Err(unknown_peer(peer, &settings));
        }
        let of_running = |context: &&Context| context.kind == Kind::Running;
        let network = context.as_ref().filter(of_running).filter(|_| peer.address.is_none());
        let network = network.map(|context| context.name.clone());
        // Somebody else's request is not the context's to record: who asks with another
        // certificate may even ask in another network.
        let context = context.filter(|_| is_of_file(&settings, key::CERTIFICATE));
        let log = context.map(|context| context.log()).transpose().map_err(tell_settings)?;
        let log = log.flatten();
        let plan = settings.of_client(&peer.name).check().map_err(tell_settings)?;
        Ok(Caller { plan, log, network })
    }

    /// The names of the peers that whoever asks knows.
    pub(super) fn known_peers(&self, globals: &Globals) -> Result<Vec<String>> {
        let settings = self.settings(None, self.context(globals)?.as_ref())?;
        Ok(settings.peers().map(|(name, _)| name.to_owned()).collect())
    }

    fn context(&self, globals: &Globals) -> Result<Option<Context>> {
        match &self.config {
            Some(_) => Ok(None),
            None => Context::find(&Folders::of_user()?, globals.context.as_deref()),
        }
    }

    fn settings(&self, peer: Option<&PeerArg>, context: Option<&Context>) -> Result<Settings> {
        let file = self.config.clone().or_else(|| context.map(|context| context.path.clone()));
        let known = file.is_some();
        let environment = std::env::vars_os().collect();
        let sources = Sources { flags: self.flags(peer), environment, file };
        let settings = Settings::gather(&sources).map_err(tell_settings)?;
        match known || settings.get(key::CERTIFICATE).is_some() {
            true => Ok(settings),
            false => Err(no_context()),
        }
    }

    fn flags(&self, peer: Option<&PeerArg>) -> Vec<Flag> {
        let said = [
            ("--certificate", key::CERTIFICATE, &self.certificate),
            ("--key", key::KEY, &self.key),
            ("--authority", key::AUTHORITY, &self.authority),
        ];
        let said = said.into_iter().filter_map(|(flag, key, text)| {
            Some(Flag { flag, key: key.to_owned(), text: text.clone()? })
        });
        let address = peer.and_then(|peer| {
            let (name, text) = (&peer.name, peer.address.as_ref()?.to_string());
            Some(Flag { flag: "PEER", key: format!("peers.{name}"), text })
        });
        said.chain(address).collect()
    }
}

/// Whether a setting is the file's own, and not a flag's or the environment's.
fn is_of_file(settings: &Settings, path: &str) -> bool {
    settings.get(path).is_some_and(|said| matches!(said.origin, Origin::File { .. }))
}

fn unknown_peer(peer: &PeerArg, settings: &Settings) -> Trouble {
    let known: Vec<_> = settings.peers().map(|(name, _)| name).collect();
    let known = match known.as_slice() {
        [] => "no peer is".to_owned(),
        [one] => format!("{one} is"),
        names => format!("{} are", names.join(", ")),
    };
    Trouble::new(Exit::Config, format!("peer {peer} is not known"))
        .with_hint(format!("{known} known here; else write {}@host:port", peer.name))
}

/// Reads `500ms`, `10s` or `1m`.
pub(super) fn duration(text: &str) -> anyhow::Result<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| anyhow!("write it as 500ms, 10s or 1m"))?;
    let unit_ms = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        _ => return Err(anyhow!("write its unit: {number}ms, {number}s or {number}m")),
    };
    let ms = number.checked_mul(unit_ms).ok_or_else(|| anyhow!("that is too long"))?;
    Ok(Duration::from_millis(ms))
}

/// The deadline that was asked for, or the usual one, if the limits allow it.
pub(super) fn deadline(asked: Option<Duration>, plan: &Plan) -> Result<Duration> {
    let limits = plan.limits();
    let deadline = asked.unwrap_or(limits.deadline_default);
    let (min, max) = (limits.deadline_min, limits.deadline_max);
    let check = || {
        ensure!(
            (min..=max).contains(&deadline),
            "the deadline {deadline:?} must lie between {min:?} and {max:?}"
        );
        Ok(deadline)
    };
    check().map_err(|error| Trouble::of(Exit::Usage, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_a_unit() {
        let table = [("500ms", 500), ("10s", 10_000), ("1m", 60_000), ("0s", 0)];
        for (text, ms) in table {
            assert_eq!(duration(text).unwrap(), Duration::from_millis(ms));
        }
        for bad in
            ["", "10", "s", "-1s", "1h", "1.5s", "99999999999999999999s", "999999999999999999m"]
        {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
