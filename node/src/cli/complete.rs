//! What a shell offers for the word that is being typed: the peers that the context knows, and what
//! the peer that is named already enables. The script that `bothways completions` prints runs this
//! program for it, with [`VARIABLE`] in its environment.
//!
//! Whoever types waits for it: it takes a second at the most, and where anything fails it offers
//! nothing and says nothing.

use std::ffi::{OsStr, OsString};
use std::time::Duration;

use bothways::service::{DescribeMethods, MethodInfo};
use bothways::visible;
use bothways_protocol::MethodName;
use clap::{ArgMatches, CommandFactory, FromArgMatches};
use clap_complete::engine::CompletionCandidate;
use clap_complete::env::CompleteEnv;

use super::caller::{Caller, CallerArgs};
use super::contexts::Folders;
use super::methods::{is_plain_name, params_of};
use super::peer::PeerArg;
use super::{Cli, Globals, dev, remote};

/// The variable in which the shell's script says which shell asks.
pub(super) const VARIABLE: &str = "BOTHWAYS_COMPLETE";

/// How long a peer may take to tell what it enables.
const PATIENCE: Duration = Duration::from_millis(800);

/// Where a shell asks what could be typed, answers it and ends the program.
pub(super) fn answer_shell() {
    CompleteEnv::with_factory(Cli::command).var(VARIABLE).complete();
}

/// The contexts that there are.
pub(super) fn contexts() -> Vec<CompletionCandidate> {
    let all = Folders::of_user().and_then(|folders| folders.all()).unwrap_or_default();
    all.iter().map(|context| CompletionCandidate::new(context.name.as_str())).collect()
}

/// The peers that the context knows, or the configuration that is named.
pub(super) fn peers() -> Vec<CompletionCandidate> {
    let Some(Typed { globals, caller, .. }) = Typed::so_far() else { return Vec::new() };
    let known = caller.known_peers(&globals).unwrap_or_default();
    known.into_iter().map(CompletionCandidate::new).collect()
}

/// The nodes of the network that `dev up` runs.
pub(super) fn nodes() -> Vec<CompletionCandidate> {
    let globals = read(words()).and_then(|typed| Globals::from_arg_matches(&typed).ok());
    let nodes = globals.and_then(|globals| dev::nodes_of(globals.context.as_deref()).ok());
    nodes.unwrap_or_default().into_iter().map(CompletionCandidate::new).collect()
}

/// The methods that the peer enables.
pub(super) fn methods() -> Vec<CompletionCandidate> {
    let told = Typed::so_far().and_then(|typed| typed.ask(DescribeMethods::default()));
    told.unwrap_or_default().iter().filter_map(method).collect()
}

/// What may be watched at the peer: its topics, and all of a service.
pub(super) fn topics() -> Vec<CompletionCandidate> {
    let told = Typed::so_far().and_then(|typed| typed.ask(DescribeMethods::default()));
    let mut topics = Vec::new();
    for told in told.iter().flatten().filter(|told| !told.topics.is_empty()) {
        if let Ok(method) = told.name.parse::<MethodName>() {
            topics.push(format!("{}.*", method.service()));
        }
        topics.extend(told.topics.iter().filter(|topic| is_name(topic)).cloned());
    }
    topics.into_iter().map(CompletionCandidate::new).collect()
}

/// The params of the method that are not said yet: `name=`, or `limit:=` for what is no text.
pub(super) fn params(word: &OsStr) -> Vec<CompletionCandidate> {
    let Some(typed) = Typed::so_far().filter(|_| !word.as_encoded_bytes().contains(&b'=')) else {
        return Vec::new();
    };
    let offered = typed.params().unwrap_or_default();
    let begins = |offered: &CompletionCandidate| {
        offered.get_value().as_encoded_bytes().starts_with(word.as_encoded_bytes())
    };
    offered.into_iter().filter(begins).collect()
}

/// The command line so far, without the word that is being typed.
#[derive(Debug)]
struct Typed {
    globals: Globals,
    caller: CallerArgs,
    peer: Option<PeerArg>,
    method: Option<MethodName>,
    /// The params that are said already.
    fields: Vec<String>,
}

impl Typed {
    fn so_far() -> Option<Self> {
        Self::of(words())
    }

    fn of(words: Vec<OsString>) -> Option<Self> {
        let matches = read(words)?;
        let (_, command) = matches.subcommand()?;
        let mut globals = Globals::from_arg_matches(&matches).ok()?;
        globals.verbose = 0;
        Some(Self {
            globals,
            caller: CallerArgs::from_arg_matches(command).ok()?,
            peer: one(command, "peer"),
            method: one(command, "method"),
            fields: many(command, "fields"),
        })
    }

    /// Asks the peer, as the command that is being typed would. It is nobody's request, and is not
    /// recorded in the context's log.
    fn ask(&self, describe: DescribeMethods) -> Option<Vec<MethodInfo>> {
        let peer = self.peer.as_ref()?;
        let Caller { plan, .. } = self.caller.caller(peer, &self.globals).ok()?;
        let asking = remote::methods(plan, peer.name.clone(), describe, PATIENCE);
        remote::block_on_for(PATIENCE, &self.globals, asking).ok()
    }

    fn params(&self) -> Option<Vec<CompletionCandidate>> {
        let describe = DescribeMethods { method: Some(self.method.clone()?), schemas: false };
        let told = self.ask(describe)?.pop()?;
        let said = |name: &str| self.fields.iter().any(|field| names(field, name));
        let open = params_of(&told).into_iter().filter(|(name, ..)| !said(name));
        Some(open.filter(|(name, ..)| is_plain_name(name)).map(param).collect())
    }
}

/// Reads a line. What is not complete yet breaks rules, and is read all the same.
fn read(words: Vec<OsString>) -> Option<ArgMatches> {
    Cli::command().ignore_errors(true).try_get_matches_from(words).ok()
}

/// What the shell hands over: its words behind `--`, without the one that is being typed.
fn words() -> Vec<OsString> {
    let words = std::env::args_os().skip_while(|word| word != "--").skip(1);
    let mut words: Vec<_> = words.collect();
    let typing = std::env::var("_CLAP_COMPLETE_INDEX").ok().and_then(|at| at.parse().ok());
    words.truncate(typing.unwrap_or_else(|| words.len().saturating_sub(1)));
    words
}

fn method(told: &MethodInfo) -> Option<CompletionCandidate> {
    let about = visible(&told.about).into_owned();
    is_name(&told.name).then(|| CompletionCandidate::new(&told.name).help(Some(about.into())))
}

fn param((name, is_text, what): (String, bool, String)) -> CompletionCandidate {
    let word = if is_text { format!("{name}=") } else { format!("{name}:=") };
    CompletionCandidate::new(word).help(Some(visible(&what).into_owned().into()))
}

/// Whether a word that a peer sent may stand on a command line as it is.
fn is_name(word: &str) -> bool {
    word.parse::<MethodName>().is_ok()
}

/// Whether a word of the command line says this field: `name=…`, `name:=…` or `name.x=…`.
fn names(word: &str, field: &str) -> bool {
    word.strip_prefix(field).is_some_and(|rest| rest.starts_with([':', '=', '.']))
}

fn one<T: Clone + Send + Sync + 'static>(command: &ArgMatches, id: &str) -> Option<T> {
    command.try_get_one(id).ok().flatten().cloned()
}

fn many(command: &ArgMatches, id: &str) -> Vec<String> {
    command.try_get_many(id).ok().flatten().into_iter().flatten().cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(line: &str) -> Option<Typed> {
        Typed::of(line.split(' ').map(OsString::from).collect())
    }

    #[test]
    fn a_line_that_is_not_complete_is_read_as_far_as_it_goes() {
        let typed_call = typed("bothways --context shop call hub people.create name=Ann").unwrap();
        assert_eq!(typed_call.globals.context.as_deref(), Some("shop"));
        assert_eq!(typed_call.peer.unwrap().to_string(), "hub");
        assert_eq!(typed_call.method.unwrap().as_str(), "people.create");
        assert_eq!(typed_call.fields, ["name=Ann"]);
        assert_eq!(typed("bothways call").unwrap().peer, None);
        assert_eq!(typed("bothways methods hub -o json").unwrap().peer.unwrap().to_string(), "hub");
        assert!(typed("bothways").is_none());
        assert_eq!(typed("bothways call NO hub").unwrap().method, None);
    }

    #[test]
    fn a_field_that_is_said_is_known_by_its_name() {
        for said in ["name=Ann", "name:=1", "name.first=Ann"] {
            assert!(names(said, "name"), "{said}");
        }
        for other in ["name", "names=x", "title=name="] {
            assert!(!names(other, "name"), "{other}");
        }
    }

    #[test]
    fn nothing_that_a_shell_would_act_on_is_offered() {
        for bad in ["people.$(reboot)", "a b", "people.create\n", "`x`", "people"] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
