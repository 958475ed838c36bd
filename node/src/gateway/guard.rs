//! What every request passes before anything is done for it, and what every reply carries.
//!
//! Against DNS rebinding: a name that is not ours is not answered. Against other pages: what is
//! not of the same origin is not answered below `/v1`, whatever it carries. Another port of the same
//! machine is the same *site* to a browser and gets its cookies, so `SameSite` alone is not enough.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Desk;
use super::problem::Problem;

/// The names under which this gateway is found.
#[derive(Debug)]
pub(super) struct Hosts {
    address: SocketAddr,
    named: BTreeSet<String>,
}

impl Hosts {
    pub(super) fn of(address: SocketAddr, named: &BTreeSet<String>) -> Self {
        Self { address, named: named.clone() }
    }

    /// Whether a browser that asks this host (`name:port`) means us. An address cannot be
    /// rebound, a name can: so addresses are ours where we listen on them, names where they are
    /// `localhost` or were said to be.
    pub(super) fn knows(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let (name, port) = match host.rsplit_once(':') {
            Some((name, port)) if !port.contains(']') => (name, port.parse().ok()),
            _ => (host.as_str(), Some(80)),
        };
        let ours = port == Some(self.address.port());
        let named = |host: &str| self.named.contains(host);
        // A browser leaves out the port that its scheme has anyway.
        let bare =
            !host.contains(':') && (named(&format!("{host}:443")) || named(&format!("{host}:80")));
        if named(&host) || bare || (ours && named(name)) {
            return true;
        }
        let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
        let is_ours = |ip: IpAddr| {
            let bound = self.address.ip();
            ip == bound || bound.is_unspecified()
        };
        ours && (name == "localhost" || bare.parse().is_ok_and(is_ours))
    }
}

/// The bound on a request's way in, and the fields of every reply (but for those to what is no
/// HTTP, which hyper refuses by itself).
pub(super) async fn guard(State(desk): State<Arc<Desk>>, request: Request, next: Next) -> Response {
    let mut response = match refusal(&desk.hosts, &request) {
        Some(problem) => problem.into_response(),
        None => next.run(request).await,
    };
    let headers = response.headers_mut();
    for (name, value) in SECURITY {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

fn refusal(hosts: &Hosts, request: &Request) -> Option<Problem> {
    let (path, headers) = (request.uri().path(), request.headers());
    let Some(host) = only(headers, &header::HOST) else {
        return Some(Problem::bad_request("one Host field is needed"));
    };
    // What the request's own line names counts (RFC 9112 §3.2.2).
    let other = request.uri().authority().is_some_and(|named| named.as_str() != host);
    if other || !hosts.knows(host) {
        return Some(Problem::misdirected());
    }
    if path.contains('%') {
        // No name of a node, method or file needs it.
        return Some(Problem::no_such_path());
    }
    let open = matches!(path, "/" | "/healthz" | "/readyz") || path.starts_with("/assets/");
    let guarded = !open || request.method() != Method::GET;
    let foreign = guarded && !is_same_origin(host, headers);
    foreign.then(Problem::cross_site)
}

/// Whether a browser says that the request comes from a page of ours, or from no page at all.
fn is_same_origin(host: &str, headers: &HeaderMap) -> bool {
    let ours = |origin: &str| {
        let rest = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        rest.is_some_and(|rest| rest.eq_ignore_ascii_case(host))
    };
    said(headers, &SITE, |site| matches!(site, "same-origin" | "none"))
        && said(headers, &header::ORIGIN, ours)
}

/// Whether a field is absent, or stands there once and says the right thing.
fn said(headers: &HeaderMap, name: &HeaderName, right: impl FnOnce(&str) -> bool) -> bool {
    !headers.contains_key(name) || only(headers, name).is_some_and(right)
}

/// Where a request comes from, as browsers say it (W3C Fetch Metadata).
const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The value of a field that stands there once, as text.
pub(super) fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    if values.next().is_some() {
        return None;
    }
    value.to_str().ok()
}

/// The fields of every reply.
const SECURITY: [(HeaderName, &str); 8] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
         connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-embedder-policy"), "require-corp"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(listen: &str) -> Hosts {
        let named = ["hub.example".to_owned(), "proxy.example:443".to_owned()].into();
        Hosts::of(listen.parse().unwrap(), &named)
    }

    #[test]
    fn a_host_that_is_not_ours_is_not_known() {
        let table = [
            ("127.0.0.1:8433", true),
            ("LOCALHOST:8433", true),
            ("hub.example:8433", true),
            ("proxy.example:443", true),
            ("proxy.example", true),
            ("localhost:8434", false),
            ("localhost", false),
            ("127.0.0.2:8433", false),
            ("[::1]:8433", false),
            ("evil.example:8433", false),
            ("localhost.evil.example:8433", false),
            ("127.0.0.1.evil.example:8433", false),
            ("proxy.example:8433", false),
            ("", false),
            (":8433", false),
            ("localhost:", false),
        ];
        for (host, known) in table {
            assert_eq!(hosts("127.0.0.1:8433").knows(host), known, "{host}");
        }
        assert!(hosts("[::]:8433").knows("[2001:db8::1]:8433"));
        assert!(hosts("[::1]:8433").knows("[::1]:8433"));
        assert!(hosts("0.0.0.0:80").knows("192.0.2.1"));
        assert!(!hosts("0.0.0.0:80").knows("evil.example"));
    }

    #[test]
    fn a_page_of_another_origin_is_told_from_ours() {
        let table = [
            (None, None, true),
            (Some("same-origin"), Some("http://localhost:1"), true),
            (Some("none"), None, true),
            (None, Some("https://LOCALHOST:1"), true),
            (Some("same-site"), None, false),
            (Some("cross-site"), Some("http://localhost:1"), false),
            (Some("same-origin"), Some("http://localhost:2"), false),
            (None, Some("null"), false),
            (None, Some("http://localhost:1.evil.example"), false),
            (None, Some("localhost:1"), false),
        ];
        for (site, origin, same) in table {
            let mut headers = HeaderMap::new();
            for (name, value) in [("sec-fetch-site", site), ("origin", origin)] {
                if let Some(value) = value {
                    headers.insert(name, value.parse().unwrap());
                }
            }
            assert_eq!(is_same_origin("localhost:1", &headers), same, "{site:?} {origin:?}");
        }
    }
}
