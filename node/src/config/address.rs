//! Where a peer is reached.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use thiserror::Error;

/// A host and a port: `hub.example:4433`, `127.0.0.1:4433`, `[::1]:4433`.
///
/// The host is resolved anew for each dial: what a name stands for may change.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerAddress {
    host: String,
    port: u16,
}

/// A text that is no address of a peer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{text:?} is no address: {rule}")]
pub struct AddressError {
    /// The text as it was given.
    pub text: String,
    /// What would have been right.
    pub rule: &'static str,
}

impl PeerAddress {
    /// The host: a name or an IP address, IPv6 without its brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The UDP port, never 0.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for PeerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl From<std::net::SocketAddr> for PeerAddress {
    fn from(address: std::net::SocketAddr) -> Self {
        Self { host: address.ip().to_string(), port: address.port() }
    }
}

impl FromStr for PeerAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let wrong = |rule| AddressError { text: text.to_owned(), rule };
        let (host, port) =
            text.rsplit_once(':').ok_or_else(|| wrong("write host:port, such as hub:4433"))?;
        let port = match port.parse() {
            Ok(0) | Err(_) => return Err(wrong("the port is a number from 1 to 65535")),
            Ok(port) => port,
        };
        let host = check_host(host).map_err(wrong)?;
        Ok(Self { host: host.to_owned(), port })
    }
}

fn check_host(host: &str) -> Result<&str, &'static str> {
    if let Some(inner) = host.strip_prefix('[') {
        let inner = inner.strip_suffix(']').ok_or("the bracket is not closed")?;
        return match inner.parse::<Ipv6Addr>() {
            Ok(_) => Ok(inner),
            Err(_) => Err("only IPv6 addresses stand in brackets"),
        };
    }
    if host.contains(':') {
        return Err("write IPv6 addresses in brackets, such as [::1]:4433");
    }
    if host.parse::<Ipv4Addr>().is_ok() || is_host_name(host) {
        Ok(host)
    } else {
        Err("the host is a name or an IP address")
    }
}

/// RFC 1123 §2.1, and the underscore that container networks use.
fn is_host_name(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let numeric = |label: &str| label.bytes().all(|c| c.is_ascii_digit());
    // A name whose last label is a number is meant as an IPv4 address (RFC 1123 §2.1).
    let last_is_numeric = host.rsplit('.').next().is_some_and(numeric);
    host.len() <= 253 && host.split('.').all(label) && !last_is_numeric
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_reads_and_writes_the_same() {
        for text in ["hub:4433", "a.b_c.example:1", "127.0.0.1:65535", "[::1]:4433"] {
            let address: PeerAddress = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
        }
        let six: PeerAddress = "[fe80::1]:9".parse().unwrap();
        assert_eq!((six.host(), six.port()), ("fe80::1", 9));
    }

    #[test]
    fn what_cannot_be_dialed_is_refused_with_the_rule() {
        let table = [
            ("hub", "host:port"),
            ("hub:", "port"),
            ("hub:0", "port"),
            ("hub:65536", "port"),
            ("hub:http", "port"),
            (":4433", "host is"),
            ("::1:4433", "brackets"),
            ("[::1:4433", "closed"),
            ("[hub]:4433", "brackets"),
            ("a b:1", "host is"),
            ("-a:1", "host is"),
            ("256.1.1.1:1", "host is"),
            ("https://hub:1", "brackets"),
            ("a..b:1", "host is"),
        ];
        for (text, rule) in table {
            let told = text.parse::<PeerAddress>().unwrap_err().to_string();
            assert!(told.contains(rule), "{text}: {told}");
        }
    }
}
