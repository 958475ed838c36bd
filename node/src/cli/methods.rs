//! `bothways methods`: what a peer enables, and all of one method.

mod example;
mod page;
mod schema;

use std::time::Duration;

use bothways::service::{DescribeMethods, MethodInfo};
use bothways_protocol::{Effect, MethodName};
use clap::Args;
use clap_complete::engine::ArgValueCandidates;

use super::caller::{Caller, CallerArgs, deadline, duration};
use super::output::Row;
use super::peer::PeerArg;
use super::remote;
use super::{Exit, Globals, Out, Result, Trouble, complete};
pub(super) use example::is_plain_name;
use page::Described;

const EXAMPLES: &str = "\
Examples:
  bothways methods hub                             what it enables
  bothways methods hub people.create               what one takes and answers, and how to ask
  bothways methods hub people.create -o json       the same with its JSON Schemas
  bothways methods hub@127.0.0.1:4433 -o json";

/// List the methods that a peer enables, or describe one
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Methods {
    /// A peer that the context knows, or name@host:port
    #[arg(add = ArgValueCandidates::new(complete::peers))]
    peer: PeerArg,
    /// The one method to describe, such as people.create
    #[arg(add = ArgValueCandidates::new(complete::methods))]
    method: Option<MethodName>,
    /// How long it may take: 500ms, 10s, 1m
    #[arg(long, value_name = "TIME", value_parser = duration)]
    deadline: Option<Duration>,
    #[command(flatten)]
    caller: CallerArgs,
}

impl Row for MethodInfo {
    const HEADINGS: &'static [&'static str] = &["method", "effect", "about"];

    fn cells(&self) -> Vec<String> {
        vec![self.name.clone(), effect(self.effect).to_owned(), self.about.clone()]
    }
}

impl Methods {
    pub(super) fn run(self, globals: &Globals) -> Result {
        let Caller { plan, log, .. } = self.caller.caller(&self.peer, globals)?;
        let deadline = deadline(self.deadline, &plan)?;
        let (peer, out) = (self.peer.to_string(), globals.out());
        let describe = DescribeMethods { method: self.method.clone(), schemas: false };
        let asking = remote::methods(plan, self.peer.name, describe, deadline);
        let told = remote::block_on_logged(globals, log, asking)?;
        match self.method {
            None => Ok(out.list(&told)?),
            Some(method) => show(told, &method, &peer, out),
        }
    }
}

fn show(told: Vec<MethodInfo>, method: &MethodName, peer: &str, out: Out) -> Result {
    let of_method = |told: &MethodInfo| told.name == method.as_str();
    let told = told
        .into_iter()
        .find(of_method)
        .ok_or_else(|| Trouble::new(Exit::Failed, format!("{peer} tells nothing of {method}")))?;
    Ok(out.one(&Described::of(told), |described| described.page(peer, out))?)
}

/// The params of a method as they may be said: each one's name, whether it is text, what it is.
pub(super) fn params_of(told: &MethodInfo) -> Vec<(String, bool, String)> {
    let schema = told.params.as_deref().and_then(|text| serde_json::from_str(text).ok());
    let fields = schema::fields(&schema.unwrap_or_default()).into_iter();
    let outer = fields.filter(|field| !field.path.contains(['.', '[']));
    outer.map(|field| (field.path, field.is_text, field.what)).collect()
}

fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::Reads => "reads",
        Effect::Writes => "writes",
    }
}
