//! Where a node's spans go: an OTLP receiver.

use std::fmt;
use std::str::FromStr;

use hyper::Uri;
use thiserror::Error;

/// The port of receivers of OTLP over HTTP.
const PORT: u16 = 4318;
/// Where they take spans, below their own path.
const TRACES: &str = "/v1/traces";

/// A receiver of OTLP over HTTP, such as `http://127.0.0.1:4318`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtlpEndpoint {
    host: String,
    port: u16,
    /// What stands before `/v1/traces`.
    path: String,
}

/// A text that names no receiver.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OtlpEndpointError {
    /// It is no such address.
    #[error("{0:?} is no OTLP endpoint: write http://host:port, such as http://127.0.0.1:4318")]
    Form(String),
    /// It asks for TLS.
    #[error(
        "{0:?}: spans are sent over plain HTTP alone: have a collector on this machine take them, \
         which speaks https to where they go on"
    )]
    Https(String),
}

impl OtlpEndpoint {
    /// The host to connect to; an IPv6 address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    /// The port to connect to.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Host and port, as a `Host` header has them.
    #[must_use]
    pub fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// The path to which spans are posted.
    #[must_use]
    pub fn traces_path(&self) -> String {
        format!("{}{TRACES}", self.path)
    }
}

impl FromStr for OtlpEndpoint {
    type Err = OtlpEndpointError;

    fn from_str(text: &str) -> Result<Self, OtlpEndpointError> {
        let wrong = || OtlpEndpointError::Form(text.to_owned());
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => return Err(OtlpEndpointError::Https(text.to_owned())),
            _ => return Err(wrong()),
        }
        let authority = uri.authority().ok_or_else(wrong)?;
        let host = authority.host().to_owned();
        let port = match authority.port_u16() {
            Some(port) => port,
            None if authority.as_str() == host => PORT,
            None => return Err(wrong()),
        };
        if host.is_empty() || authority.as_str().contains('@') || uri.query().is_some() {
            return Err(wrong());
        }
        Ok(Self { host, port, path: uri.path().trim_end_matches('/').to_owned() })
    }
}

impl fmt::Display for OtlpEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority(), self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_http_and_has_a_port_and_a_path_for_spans() {
        let table = [
            ("http://127.0.0.1:4318", "127.0.0.1", 4318, "/v1/traces"),
            ("http://collector", "collector", 4318, "/v1/traces"),
            ("http://[::1]:9/", "::1", 9, "/v1/traces"),
            ("http://gate:80/otel/", "gate", 80, "/otel/v1/traces"),
        ];
        for (text, host, port, path) in table {
            let endpoint: OtlpEndpoint = text.parse().unwrap();
            assert_eq!((endpoint.host(), endpoint.port()), (host, port), "{text}");
            assert_eq!(endpoint.traces_path(), path);
            assert_eq!(endpoint.to_string().parse(), Ok(endpoint));
        }
        assert_eq!("http://[::1]:9".parse::<OtlpEndpoint>().unwrap().authority(), "[::1]:9");
    }

    #[test]
    fn what_is_no_endpoint_is_told_with_what_would_be_one() {
        for text in ["", "127.0.0.1:4318", "ftp://a:1", "http://", "http://a:x", "http://u@a:1"] {
            let told = text.parse::<OtlpEndpoint>().unwrap_err().to_string();
            assert!(told.contains("http://127.0.0.1:4318"), "{told}");
        }
        let told = "https://a:4318".parse::<OtlpEndpoint>().unwrap_err().to_string();
        assert!(told.contains("collector"), "{told}");
    }
}
