//! `bothways call`: one request to one peer, as a short-lived client.

use std::time::Duration;

use bothways::json::Shown;
use bothways_protocol::{IdempotencyKey, MethodName};
use clap::Args;
use clap_complete::engine::{ArgValueCandidates, ArgValueCompleter};

use super::caller::{Caller, CallerArgs, deadline, duration};
use super::params::{meant_as_json, params};
use super::peer::PeerArg;
use super::present::human;
use super::remote::{self, Request};
use super::{Exit, Globals, Result, Trouble, complete};

const EXAMPLES: &str = "\
Examples:
  bothways call hub people.list
  bothways call hub people.create name=Ann title=Engineer
  bothways call hub people.list limit:=10 -o json
  bothways call hub@[::1]:4433 people.create -d @ann.json --deadline 2s
  echo '{\"name\":\"Ann\"}' | bothways call hub people.create -d -

Params:
  name=Ann       text                    a.b=x    field b within field a
  limit:=10      any JSON                -d       the whole, to which fields are added
`bothways methods PEER METHOD` tells which there are. In JSON, {\"$bytes\": \"aGk\"} (base64url) is bytes.
In the result, what JSON cannot say is shown as CBOR's diagnostic notation: bytes as h'0a0b'.";

/// Send one request to a peer and show the result
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Call {
    /// A peer that the context knows, or name@host:port
    #[arg(add = ArgValueCandidates::new(complete::peers))]
    peer: PeerArg,
    /// The method, such as people.create
    #[arg(add = ArgValueCandidates::new(complete::methods))]
    method: MethodName,
    /// Params: name=text or name:=json
    #[arg(value_name = "NAME=VALUE", add = ArgValueCompleter::new(complete::params))]
    fields: Vec<String>,
    /// Params as JSON: @file (.cbor for CBOR), - for standard input, or the text itself
    #[arg(short, long, value_name = "@FILE|-|JSON", allow_hyphen_values = true)]
    data: Option<String>,
    /// How long it may take: 500ms, 10s, 1m
    #[arg(long, value_name = "TIME", value_parser = duration)]
    deadline: Option<Duration>,
    /// The idempotency key of a write that is sent again: 32 hex digits
    #[arg(long, value_name = "HEX", value_parser = idempotency_key)]
    idempotency_key: Option<IdempotencyKey>,
    #[command(flatten)]
    caller: CallerArgs,
}

fn idempotency_key(text: &str) -> anyhow::Result<IdempotencyKey> {
    text.parse().map_err(|_| anyhow::anyhow!("a key has 32 hex digits"))
}

/// Says how JSON is written, where a field was refused that was sent as text; else where it stands
/// what the method takes, where the params were refused.
fn advise(trouble: Trouble, words: &[String], asked: (&PeerArg, &MethodName)) -> Trouble {
    let is_text = trouble.what().contains("invalid type: string");
    let field = trouble.detail("field").filter(|_| is_text).map(ToOwned::to_owned);
    match field.and_then(|field| meant_as_json(&field, words)) {
        Some((text, json)) => trouble.with_hint(format!("{text} sends text: try {json}")),
        None if trouble.detail("reason") == Some("params") => {
            let (peer, method) = asked;
            trouble.with_hint(format!("bothways methods {peer} {method} shows what it takes"))
        }
        None => trouble,
    }
}

impl Call {
    pub(super) fn run(self, globals: &Globals) -> Result {
        let params = params(self.data.as_deref(), &self.fields)
            .map_err(|error| Trouble::of(Exit::Usage, error))?;
        let Caller { plan, log, .. } = self.caller.caller(&self.peer, globals)?;
        let deadline = deadline(self.deadline, &plan)?;
        let (peer, method) = (self.peer.name.clone(), self.method.clone());
        let key = self.idempotency_key;
        let request = Request { peer, method, params, deadline, key };
        let result = remote::block_on_logged(globals, log, remote::ask(plan, request))
            .map_err(|trouble| advise(trouble, &self.fields, (&self.peer, &self.method)))?;
        let out = globals.out();
        Ok(out.one(&Shown(&result), |_| human(&result, out))?)
    }
}
