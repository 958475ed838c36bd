//! Who may use the gateway: a browser that was opened by a link, and programs that know a token.
//!
//! A link holds a token that is good once. It stands in the link's fragment, which a browser sends
//! to nobody; the page shows it and gets two things for it: a cookie that no script can read, and a
//! *proof* that only pages of this origin can read. Both are asked for: a cookie goes to every port
//! of the machine, so whoever serves another port could collect it. Both are derived from the
//! identity's key, so a node that comes back knows its browsers again and keeps no list of them.

use std::collections::VecDeque;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign, verify};
use axum::http::{HeaderMap, HeaderName, header};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use thiserror::Error;

use super::GatewayError;
use super::guard::only;
use crate::clock::unix_ms;
use crate::config::{HttpPlan, Plan};

/// How long a link is good.
const LINK_LIFE: Duration = Duration::from_secs(3_600);
/// Links that are good at the same time: the oldest goes.
const LINKS_MAX: usize = 16;
/// How long a browser stays known.
const BROWSER_LIFE_S: u64 = 12 * 3_600;
/// Browsers that were closed and whose cookies would still be good: the oldest is forgotten.
const CLOSED_MAX: usize = 1_024;
/// What a token file holds at the least, in characters.
const TOKEN_MIN_CHARS: usize = 32;
/// What is read of it at the most, in bytes.
const TOKEN_MAX_BYTES: usize = 1_024;

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
    links: Mutex<VecDeque<(String, Instant)>>,
    closed: Mutex<VecDeque<String>>,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Access").field("cookie", &self.cookie).finish_non_exhaustive()
    }
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
        let cookie = format!("bothways-{}-{}", plan.network(), plan.name());
        Ok(Self { browsers, token, cookie, links: Mutex::default(), closed: Mutex::default() })
    }

    /// A token that opens the page once.
    pub(super) fn new_link(&self) -> String {
        let token = drawn();
        let mut links = lock(&self.links);
        links.retain(|(_, until)| *until > Instant::now());
        if links.len() >= LINKS_MAX {
            links.pop_front();
        }
        links.push_back((token.clone(), Instant::now() + LINK_LIFE));
        token
    }

    /// Takes a link's token, which is of no use after that.
    pub(super) fn open(&self, token: &str) -> Option<Opened> {
        let mut links = lock(&self.links);
        links.retain(|(_, until)| *until > Instant::now());
        let digest = |token: &str| mac(&self.browsers, "link", token);
        let at = links.iter().position(|(known, _)| digest(known) == digest(token))?;
        links.remove(at);
        let session = format!("{}.{}", drawn(), unix_ms() / 1000 + BROWSER_LIFE_S);
        let seal = encoded(&mac(&self.browsers, "cookie", &session));
        let proof = encoded(&mac(&self.browsers, "proof", &session));
        let name = &self.cookie;
        let cookie = format!(
            "{name}={session}.{seal}; Path=/v1; Max-Age={BROWSER_LIFE_S}; HttpOnly; SameSite=Strict"
        );
        Some(Opened { cookie, proof })
    }

    /// Closes a browser's session, and says what makes it forget the cookie.
    pub(super) fn close(&self, headers: &HeaderMap) -> String {
        if let Some(session) = self.session(headers) {
            let mut closed = lock(&self.closed);
            if closed.len() >= CLOSED_MAX {
                closed.pop_front();
            }
            closed.push_back(session.to_owned());
        }
        format!("{}=; Path=/v1; Max-Age=0; HttpOnly; SameSite=Strict", self.cookie)
    }

    /// Whether whoever sent these fields may use the gateway.
    pub(super) fn allows(&self, headers: &HeaderMap) -> bool {
        let shown = only(headers, &header::AUTHORIZATION);
        if let Some(shown) = shown.and_then(|shown| shown.strip_prefix("Bearer ")) {
            return self.token.is_some_and(|token| mac(&self.browsers, "token", shown) == token);
        }
        self.is_open(headers)
    }

    fn is_open(&self, headers: &HeaderMap) -> bool {
        let (Some(session), Some(proof)) = (self.session(headers), only(headers, &PROOF)) else {
            return false;
        };
        self.is_sealed("proof", session, proof) && !lock(&self.closed).iter().any(|c| c == session)
    }

    /// The session of a cookie that is ours and still good.
    fn session<'h>(&self, headers: &'h HeaderMap) -> Option<&'h str> {
        let fields = headers.get_all(header::COOKIE).iter();
        let pairs = fields.filter_map(|field| field.to_str().ok()).flat_map(|f| f.split("; "));
        let mut values = pairs.filter_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            (name == self.cookie).then_some(value)
        });
        values.find_map(|value| {
            let (session, seal) = value.rsplit_once('.')?;
            let until: u64 = session.rsplit_once('.')?.1.parse().ok()?;
            let good = until > unix_ms() / 1000 && self.is_sealed("cookie", session, seal);
            good.then_some(session)
        })
    }

    fn is_sealed(&self, what: &str, session: &str, seal: &str) -> bool {
        let Ok(seal) = URL_SAFE_NO_PAD.decode(seal) else { return false };
        verify(&self.browsers, format!("{what} {session}").as_bytes(), &seal).is_ok()
    }
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
    if fs::metadata(path)?.permissions().mode() & 0o077 != 0 {
        return Err(TokenError::Open);
    }
    let text = fs::read_to_string(path)?;
    let token = text.trim();
    let fits = (TOKEN_MIN_CHARS..=TOKEN_MAX_BYTES).contains(&token.len());
    let visible = token.bytes().all(|byte| byte.is_ascii_graphic());
    (fits && visible).then(|| token.to_owned()).ok_or(TokenError::Form)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
