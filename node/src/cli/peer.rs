//! PEER on the command line: a name that the context or the configuration knows, or
//! `name@host:port`.

use std::fmt;
use std::str::FromStr;

use anyhow::Context;
use bothways::config::PeerAddress;
use bothways_protocol::NodeName;

/// A peer as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PeerArg {
    /// The name that it must prove.
    pub(crate) name: NodeName,
    /// Where it is; without an address its name must be known.
    pub(crate) address: Option<PeerAddress>,
}

impl FromStr for PeerArg {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let (name, address) = match text.split_once('@') {
            Some((name, address)) => (name, Some(address.parse()?)),
            None if text.contains(':') => {
                return Err(anyhow::anyhow!(
                    "an address alone does not say who must answer there: write name@{text}"
                ));
            }
            None => (text, None),
        };
        Ok(Self { name: name.parse().context("which peer?")?, address })
    }
}

impl fmt::Display for PeerArg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.address {
            Some(address) => write!(f, "{}@{address}", self.name),
            None => self.name.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_a_name_or_a_name_at_an_address() {
        for text in ["hub", "hub@127.0.0.1:4433", "hub@[::1]:4433", "hub@hub.example:1"] {
            assert_eq!(text.parse::<PeerArg>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_names_no_peer_is_refused() {
        for (text, rule) in [
            ("127.0.0.1:4433", "write name@127.0.0.1:4433"),
            ("[::1]:4433", "write name@"),
            ("@a:1", "which peer?"),
            ("Hub", "which peer?"),
            ("hub@a", "host:port"),
            ("hub@::1:4433", "brackets"),
        ] {
            let told = format!("{:#}", text.parse::<PeerArg>().unwrap_err());
            assert!(told.contains(rule), "{told}");
        }
    }
}
