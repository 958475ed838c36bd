//! A certificate as people and programs see it: what it says, how long it still holds, whether
//! the key beside it is safe.

use std::ffi::OsStr;
use std::fmt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use bothways_certs::{
    Authority, CLOCK_SKEW, CertificateFacts, Identity, LoadError, Moment, Subject, Trust, Verdict,
    check_key_file, load_certificates,
};
use bothways_protocol::{NetworkName, NodeName};
use rustls::pki_types::CertificateDer;
use serde::Serialize;

use super::tell;
use crate::cli::output::{Row, fields};

const DAY: Duration = Duration::from_secs(86_400);
/// An identity is renewed in good time; an authority earlier, as it cuts short what it issues.
const IDENTITY_ENDS_SOON_DAYS: i64 = 14;
const AUTHORITY_ENDS_SOON_DAYS: i64 = 90;

/// One certificate as it is shown: the same facts in tables and in JSON.
#[derive(Debug, Serialize)]
pub(super) struct Entry {
    file: String,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<NodeName>,
    network: NetworkName,
    /// The SHA-256 of the public key, in hex.
    fingerprint: String,
    serial: String,
    not_before: String,
    not_after: String,
    /// Whole days until the end; negative once it is over.
    days_left: i64,
    usages: Vec<&'static str>,
    state: State,
    key: KeyState,
    /// What needs attention, in sentences that say what to do.
    warnings: Vec<String>,
    #[serde(skip)]
    facts: CertificateFacts,
}

/// Whether peers take a certificate today.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Good,
    EndsSoon,
    Expired,
    NotYetValid,
    /// Signed by another authority than the one beside it.
    Foreign,
    Unusable,
}

/// What is known about the key beside a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum KeyState {
    Safe,
    Absent,
    /// Others than its owner may read it.
    Exposed,
    /// It cannot be read, or belongs to another certificate.
    Unusable,
}

/// Looks at a certificate, at the key beside it, and at what the authority says of it.
pub(super) fn look(path: &Path, trust: Option<&Trust>, now: SystemTime) -> anyhow::Result<Entry> {
    let chain = load_certificates(path)?;
    let facts = CertificateFacts::of(&chain[0])
        .map_err(|source| LoadError::Certificate { path: path.to_owned(), source })?;
    let (state, state_warning) = judge(&facts, &chain, trust, now)?;
    let (key, key_warning) = look_at_key(path, &facts);
    let (kind, name) = match &facts.subject {
        Subject::Authority => ("authority", None),
        Subject::Node(name) => ("node", Some(name.clone())),
    };
    Ok(Entry {
        file: path.display().to_string(),
        kind,
        name,
        network: facts.network.clone(),
        fingerprint: facts.fingerprint.to_string(),
        serial: facts.serial.clone(),
        not_before: Moment(facts.not_before).rfc3339(),
        not_after: Moment(facts.not_after).rfc3339(),
        days_left: days_between(now, facts.not_after),
        usages: facts.usages.clone(),
        state,
        key,
        warnings: state_warning.into_iter().chain(key_warning).collect(),
        facts,
    })
}

fn judge(
    facts: &CertificateFacts,
    chain: &[CertificateDer<'_>],
    trust: Option<&Trust>,
    now: SystemTime,
) -> anyhow::Result<(State, Option<String>)> {
    if let (Subject::Node(_), Some(trust)) = (&facts.subject, trust) {
        let verdict = trust.judge(chain, now)?;
        let state = match verdict {
            Verdict::Accepted(_) => return Ok(judge_time(facts, now)),
            Verdict::Expired { .. } => State::Expired,
            Verdict::NotYetValid { .. } => State::NotYetValid,
            Verdict::WrongAuthority { .. } | Verdict::WrongNetwork { .. } => State::Foreign,
            _ => State::Unusable,
        };
        return Ok((state, Some(verdict.to_string())));
    }
    Ok(judge_time(facts, now))
}

fn judge_time(facts: &CertificateFacts, now: SystemTime) -> (State, Option<String>) {
    let (soon, renew) = match facts.subject {
        Subject::Authority => (AUTHORITY_ENDS_SOON_DAYS, "make a new authority in another folder"),
        Subject::Node(_) => {
            (IDENTITY_ENDS_SOON_DAYS, "issue it a new one with `bothways cert issue`")
        }
    };
    let (begin, end) = (Moment(facts.not_before), Moment(facts.not_after));
    let days = days_between(now, facts.not_after);
    if now > facts.not_after {
        (State::Expired, Some(format!("it expired at {end}: {renew}")))
    } else if now < facts.not_before {
        (State::NotYetValid, Some(format!("it holds only from {begin} on: check the clocks")))
    } else if days < soon && !is_young(facts, now) {
        (State::EndsSoon, Some(format!("it ends at {end}, {}: {renew}", Days(days))))
    } else {
        (State::Good, None)
    }
}

/// Whether less than half of a certificate's life is over: short lives are no cause for warnings
/// from their first day on.
fn is_young(facts: &CertificateFacts, now: SystemTime) -> bool {
    let begin = facts.not_before + CLOCK_SKEW;
    let life = facts.not_after.duration_since(begin).unwrap_or_default();
    now.duration_since(begin).unwrap_or_default() < life / 2
}

fn look_at_key(certificate: &Path, facts: &CertificateFacts) -> (KeyState, Option<String>) {
    let key = certificate.with_extension("key");
    let checked =
        check_key_file(&key).and_then(|()| match (&facts.subject, certificate.parent()) {
            (Subject::Node(_), _) => Identity::load(certificate, &key).map(drop),
            (Subject::Authority, Some(folder))
                if key.file_stem() == Some(OsStr::new("authority")) =>
            {
                Authority::load(folder).map(drop)
            }
            (Subject::Authority, _) => Ok(()),
        });
    match checked {
        Ok(()) => (KeyState::Safe, None),
        Err(LoadError::Missing { .. }) => (KeyState::Absent, None),
        Err(error @ LoadError::Exposed { .. }) => (KeyState::Exposed, Some(error.to_string())),
        Err(error) => (KeyState::Unusable, Some(error.to_string())),
    }
}

/// Whole days from one point in time to another: −1 from one second after it to a day after it.
fn days_between(now: SystemTime, end: SystemTime) -> i64 {
    let days = |distance: Duration| i64::try_from(distance.as_secs() / DAY.as_secs());
    match end.duration_since(now) {
        Ok(left) => days(left).unwrap_or(i64::MAX),
        Err(over) => days(over.duration()).map_or(i64::MIN, |over| -1 - over),
    }
}

impl Entry {
    /// All of it for people, a line each.
    pub(super) fn describe(&self) -> String {
        let holder = match &self.name {
            Some(name) => name.to_string(),
            None => "the authority".to_owned(),
        };
        let until = format!("{} ({})", Moment(self.facts.not_after), Days(self.days_left));
        fields([
            ("file", self.file.clone()),
            ("holder", holder),
            ("network", self.network.to_string()),
            ("fingerprint", self.fingerprint.clone()),
            ("serial", self.serial.clone()),
            ("holds from", Moment(self.facts.not_before).to_string()),
            ("holds until", until),
            ("usage", self.usages.join(", ")),
            ("state", self.state.to_string()),
            ("key", self.key.to_string()),
        ])
    }

    /// Tells of what needs attention, on standard error.
    pub(super) fn warn(&self) {
        for warning in &self.warnings {
            tell("warning", &format!("{}: {warning}", self.file));
        }
    }
}

impl Row for Entry {
    const HEADINGS: &'static [&'static str] =
        &["holder", "network", "fingerprint", "holds until", "left", "state", "key", "file"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.as_ref().map_or_else(|| "(authority)".to_owned(), ToString::to_string),
            self.network.to_string(),
            self.facts.fingerprint.short(),
            Moment(self.facts.not_after).to_string(),
            Days(self.days_left).to_string(),
            self.state.to_string(),
            self.key.to_string(),
            self.file.clone(),
        ]
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Good => "good",
            Self::EndsSoon => "ends soon",
            Self::Expired => "expired",
            Self::NotYetValid => "not valid yet",
            Self::Foreign => "of another authority",
            Self::Unusable => "unusable",
        })
    }
}

impl fmt::Display for KeyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Safe => "safe",
            Self::Absent => "not here",
            Self::Exposed => "open to others",
            Self::Unusable => "unusable",
        })
    }
}

/// Days left, in words.
struct Days(i64);

impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ..0 => f.write_str("over"),
            0 => f.write_str("less than a day"),
            1 => f.write_str("1 day"),
            days => write!(f, "{days} days"),
        }
    }
}
