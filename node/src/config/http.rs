//! Where people with browsers find the node.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

use super::keys::key;
use super::settings::{Problem, Said, Settings};

/// The page and the HTTP interface of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpPlan {
    /// Where it listens; port 0 stands for any free port. It speaks plain HTTP: anything but
    /// loopback belongs behind a proxy with TLS.
    pub listen: SocketAddr,
    /// The names under which it may be opened, besides `localhost` and addresses: lower case, with a
    /// port where it is another than that of `listen`.
    pub hosts: BTreeSet<String>,
    /// The file with the token of programs; without one they cannot use the interface.
    pub token_file: Option<PathBuf>,
}

impl HttpPlan {
    /// The page at this address, and nothing else.
    #[must_use]
    pub fn at(listen: SocketAddr) -> Self {
        Self { listen, hosts: BTreeSet::new(), token_file: None }
    }

    pub(super) fn of(settings: &Settings, problems: &mut Vec<Problem>) -> Option<Self> {
        let token_file = settings.path(key::HTTP_TOKEN_FILE);
        let Some(Said { value, origin }) = settings.text(key::HTTP_LISTEN) else {
            if let Some(Said { origin, .. }) = token_file {
                let what = "`http.token_file` is of use with `http.listen` alone: say both";
                problems.push(Problem::at(&origin, what));
            }
            return None;
        };
        let token_file = token_file.map(|said| said.value);
        let hosts = hosts(settings, problems);
        match address(&value) {
            Ok(listen) => Some(Self { listen, hosts, token_file }),
            Err(why) => {
                let what = format!(
                    "`http.listen` is {value:?}: {why}: write a port, or an address of this machine \
                     and a port, such as 127.0.0.1:8433"
                );
                problems.push(Problem::at(&origin, what));
                None
            }
        }
    }
}

/// The names, as a browser sends them.
fn hosts(settings: &Settings, problems: &mut Vec<Problem>) -> BTreeSet<String> {
    let Some(Said { value, origin }) = settings.list(key::HTTP_HOSTS) else {
        return BTreeSet::new();
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-_:[]".contains(c);
    for host in value.iter().filter(|host| host.is_empty() || !host.chars().all(plain)) {
        let what =
            format!("`http.hosts`: {host:?} is no host: write hub.example, or hub.example:8443");
        problems.push(Problem::at(&origin, what));
    }
    value.iter().map(|host| host.to_ascii_lowercase()).collect()
}

/// An address and a port, or a port of this machine alone.
fn address(text: &str) -> Result<SocketAddr, String> {
    let port = text.strip_prefix(':').unwrap_or(text);
    if port.bytes().all(|byte| byte.is_ascii_digit()) && !port.is_empty() {
        let port = port.parse().map_err(|_| "no port is above 65535".to_owned())?;
        return Ok((Ipv4Addr::LOCALHOST, port).into());
    }
    let found = text.to_socket_addrs().map_err(|error| error.to_string())?.next();
    found.ok_or_else(|| "it has no address".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_is_one_of_this_machine() {
        let table = [
            ("8433", "127.0.0.1:8433"),
            (":0", "127.0.0.1:0"),
            ("0.0.0.0:80", "0.0.0.0:80"),
            ("[::1]:8433", "[::1]:8433"),
        ];
        for (text, expected) in table {
            assert_eq!(address(text), Ok(expected.parse().unwrap()), "{text}");
        }
        for wrong in ["", ":", "70000", "127.0.0.1", "a b:1"] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }
}
