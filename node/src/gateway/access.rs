//! Who may use the gateway: a browser that was opened by a link, and programs that know a token.
//!
//! A link holds a token that is good once. It stands in the link's fragment, which a browser sends
//! to nobody; the page shows it and gets two things for it: a cookie that no script can read, and a
//! *proof* that only pages of this origin can read. Both are asked for: a cookie goes to every port
//! of the machine, so whoever serves another port could collect it. All of them are MACs under a key
//! that is derived from the identity's, so a node that comes back knows its links and its browsers,
//! and keeps no list but of what has been spent.
//!
//! What this does not keep out: another user of the machine who takes the very port while the node
//! is down, and to whom an open page then shows both.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign, verify};
use axum::http::{HeaderMap, HeaderName, header};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use thiserror::Error;

use super::GatewayError;
use super::guard::only;
use super::spent::Spent;
use crate::clock::unix_ms;
use crate::config::{HttpPlan, Plan};

/// How long a link is good.
const LINK_LIFE_S: u64 = 3_600;
/// How long a browser stays known.
const BROWSER_LIFE_S: u64 = 12 * 3_600;
/// What a token file holds at the least, in characters.
const TOKEN_MIN_CHARS: usize = 32;
/// What is read of it at the most, in bytes.
const TOKEN_MAX_BYTES: u64 = 1_024;

/// The field that holds a page's proof.
pub(super) const PROOF: HeaderName = HeaderName::from_static("bothways-proof");

/// What is wrong with a token file.
#[derive(Debug, Error)]
pub enum TokenError {
    /// It can be neither read nor made.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Others can read it.
    #[error("others can read this token: chmod 600")]
    Open,
    /// What is in it is no token.
    #[error(
        "a token has {TOKEN_MIN_CHARS} to 1024 visible characters: remove the file, and it is made anew"
    )]
    Form,
}

/// Who may use it.
pub(super) struct Access {
    browsers: Key,
    /// The programs' token, as its MAC, so that comparing takes the same time for all.
    token: Option<[u8; 32]>,
    cookie: String,
    /// The links that were used, and the browsers that have left.
    spent: Spent,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Access").field("cookie", &self.cookie).finish_non_exhaustive()
    }
}

/// A browser's session, as its cookie names it.
#[derive(Debug, Clone)]
pub(super) struct BrowserSession(String);

/// Whom a request comes from.
#[derive(Debug, Clone)]
pub(super) enum Who {
    /// A program that has shown the token.
    Program,
    /// A browser that has shown cookie and proof.
    Browser(BrowserSession),
}

/// What a browser is given for a link's token.
#[derive(Debug)]
pub(super) struct Opened {
    /// The whole `Set-Cookie` field.
    pub(super) cookie: String,
    pub(super) proof: String,
}

impl Access {
    pub(super) fn new(http: &HttpPlan, plan: &Plan) -> Result<Self, GatewayError> {
        let secret = Key::new(HMAC_SHA256, plan.identity().key().secret_der());
        let browsers = Key::new(HMAC_SHA256, sign(&secret, b"bothways/1 browsers").as_ref());
        let token = match &http.token_file {
            Some(path) => Some(token(path).map_err(|source| {
                let path = path.clone();
                GatewayError::Token { path, source }
            })?),
            None => None,
        };
        let token = token.map(|token| mac(&browsers, "token", &token));
        // Cookies know no ports: nodes of the same name in other networks have others.
        let fingerprint = plan.identity().fingerprint().to_string().replace(':', "");
        let mark = fingerprint.get(..8).unwrap_or(&fingerprint);
        let cookie = format!("bothways-{}-{}-{mark}", plan.network(), plan.name());
        let spent = Spent::kept_in(plan.data());
        Ok(Self { browsers, token, cookie, spent })
    }

    /// A token that opens the page once.
    pub(super) fn new_link(&self) -> String {
        self.sealed("link", LINK_LIFE_S)
    }

    /// Takes a link's token, which is of no use after that.
    pub(super) fn open(&self, token: &str) -> Option<Opened> {
        let (link, until) = self.unsealed("link", token)?;
        if !self.spent.spend(link, until) {
            return None;
        }
        let cookie = self.sealed("cookie", BROWSER_LIFE_S);
        let (session, _) = self.unsealed("cookie", &cookie)?;
        let proof = encoded(&mac(&self.browsers, "proof", session));
        let name = &self.cookie;
        let cookie = format!(
            "{name}={cookie}; Path=/v1; Max-Age={BROWSER_LIFE_S}; HttpOnly; SameSite=Strict"
        );
        Some(Opened { cookie, proof })
    }

    /// Closes a browser's session, and says what makes it forget the cookie.
    pub(super) fn close(&self, session: Option<&BrowserSession>) -> String {
        if let Some(BrowserSession(session)) = session {
            self.spent.spend(session, until_of(session).unwrap_or_default());
        }
        format!("{}=; Path=/v1; Max-Age=0; HttpOnly; SameSite=Strict", self.cookie)
    }

    /// Who sent these fields, if it may use the gateway.
    pub(super) fn who(&self, headers: &HeaderMap) -> Option<Who> {
        if headers.contains_key(header::AUTHORIZATION) {
            let (scheme, shown) = only(headers, &header::AUTHORIZATION)?.split_once(' ')?;
            let known = scheme.eq_ignore_ascii_case("bearer")
                && self.token.is_some_and(|token| mac(&self.browsers, "token", shown) == token);
            return known.then_some(Who::Program);
        }
        let (session, proof) = (self.session(headers)?, only(headers, &PROOF)?);
        let shown = self.is_sealed("proof", session, proof) && !self.spent.holds(session);
        shown.then(|| Who::Browser(BrowserSession(session.to_owned())))
    }

    /// Waits until a session is over: closed, or too old.
    pub(super) async fn ended(&self, BrowserSession(session): &BrowserSession) {
        let left = until_of(session).unwrap_or_default().saturating_sub(now_s());
        let closed = self.spent.until_spent(session);
        // Either is an end.
        let _ = tokio::time::timeout(std::time::Duration::from_secs(left), closed).await;
    }

    /// The session of a cookie that is ours and still good.
    fn session<'h>(&self, headers: &'h HeaderMap) -> Option<&'h str> {
        let fields = headers.get_all(header::COOKIE).iter();
        let pairs = fields.filter_map(|field| field.to_str().ok()).flat_map(|f| f.split("; "));
        let mut values = pairs.filter_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            (name == self.cookie).then_some(value)
        });
        values.find_map(|value| Some(self.unsealed("cookie", value)?.0))
    }

    /// Something drawn, until when it is good, and the seal on both.
    fn sealed(&self, what: &str, life_s: u64) -> String {
        let text = format!("{}.{}", drawn(), now_s() + life_s);
        format!("{text}.{}", encoded(&mac(&self.browsers, what, &text)))
    }

    /// What was sealed, without its seal, and until when it is good, if it still is.
    fn unsealed<'t>(&self, what: &str, sealed: &'t str) -> Option<(&'t str, u64)> {
        let (text, seal) = sealed.rsplit_once('.')?;
        let until = until_of(text)?;
        (until > now_s() && self.is_sealed(what, text, seal)).then_some((text, until))
    }

    fn is_sealed(&self, what: &str, text: &str, seal: &str) -> bool {
        let Ok(seal) = URL_SAFE_NO_PAD.decode(seal) else { return false };
        verify(&self.browsers, format!("{what} {text}").as_bytes(), &seal).is_ok()
    }
}

/// Until when something that is sealed is good, in seconds since 1970.
fn until_of(text: &str) -> Option<u64> {
    text.rsplit_once('.')?.1.parse().ok()
}

fn now_s() -> u64 {
    unix_ms() / 1000
}

fn mac(key: &Key, what: &str, text: &str) -> [u8; 32] {
    let tag = sign(key, format!("{what} {text}").as_bytes());
    *tag.as_ref().first_chunk().expect("HMAC-SHA256 gives 32 bytes")
}

/// 256 random bits.
fn drawn() -> String {
    encoded(&rand::random::<[u8; 32]>())
}

fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The token in a file that only its owner can read; made where it is missing.
fn token(path: &Path) -> Result<String, TokenError> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(mut file) => {
            let token = drawn();
            file.write_all(format!("{token}\n").as_bytes())?;
            file.sync_all()?;
            return Ok(token);
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error.into()),
    }
    let file = File::open(path)?;
    let about = file.metadata()?;
    if !about.is_file() {
        return Err(TokenError::Form);
    }
    if about.permissions().mode() & 0o077 != 0 {
        return Err(TokenError::Open);
    }
    let mut text = String::new();
    file.take(TOKEN_MAX_BYTES + 1).read_to_string(&mut text)?;
    let token = text.trim();
    let visible = token.bytes().all(|byte| byte.is_ascii_graphic());
    let fits = token.len() >= TOKEN_MIN_CHARS && text.len() as u64 <= TOKEN_MAX_BYTES;
    (fits && visible).then(|| token.to_owned()).ok_or(TokenError::Form)
}

#[cfg(test)]
mod tests;
