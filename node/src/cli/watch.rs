//! `bothways watch`: what changes at a peer, as it changes.

use bothways::json::{Shown, text};
use bothways_protocol::{DurableName, Event, Watch as Params, WatchFrom};
use ciborium::Value;
use clap::Args;
use clap_complete::engine::ArgValueCandidates;
use serde::Serialize;

use super::caller::{Caller, CallerArgs};
use super::peer::PeerArg;
use super::remote::{self, Forgetting, Then, Watching};
use super::topics::by_service;
use super::{Exit, Format, Globals, Result, Trouble, complete};

const EXAMPLES: &str = "\
Examples:
  bothways watch hub 'people.*'
  bothways watch hub people.created people.deleted --from all -o json
  bothways watch hub 'people.*' --durable directory
  bothways watch hub 'people.*' --durable mail --from now --exec 'jq -r .body.name | mail -s new me'
  bothways watch hub 'people.*' --durable mail --forget
  bothways call hub people.durables

It goes on over whatever becomes of the connection and of the peer, until Ctrl-C. A durable
subscription begins behind the last event that was acknowledged: shown, or dealt with by the
command without an error. It keeps its topics; with --from it begins anew, there and with the topics
given.";

/// Watch what changes at a peer
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Watch {
    /// A peer that the context knows, or name@host:port
    #[arg(add = ArgValueCandidates::new(complete::peers))]
    peer: PeerArg,
    /// What to watch: people.created, or people.* for all of people
    #[arg(required = true, add = ArgValueCandidates::new(complete::topics))]
    topics: Vec<String>,
    /// Where to begin: now, all that is kept, or behind the event of a cursor [default: now; with
    /// --durable where it stands, a new one with all]
    #[arg(long, value_name = "now|all|CURSOR")]
    from: Option<WatchFrom>,
    /// Have the peer remember under this name how far it has come
    #[arg(long, value_name = "NAME")]
    durable: Option<DurableName>,
    /// Have the peer forget the durable subscription, and watch nothing
    #[arg(long, requires = "durable", conflicts_with_all = ["from", "exec", "count"])]
    forget: bool,
    /// Run this command for each event: JSON on its standard input, BOTHWAYS_TOPIC and
    /// BOTHWAYS_CURSOR in its environment
    #[arg(long, value_name = "COMMAND")]
    exec: Option<String>,
    /// End after so many events
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    #[command(flatten)]
    caller: CallerArgs,
}

/// One event as programs read it.
#[derive(Serialize)]
struct Line<'a> {
    cursor: String,
    topic: &'a str,
    body: Shown<'a>,
}

impl Watch {
    pub(super) fn run(self, globals: &Globals) -> Result {
        let services = self.services()?;
        let Caller { plan, log, .. } = self.caller.caller(&self.peer, globals)?;
        if let Some(durable) = self.durable.filter(|_| self.forget) {
            let services = services.into_iter().map(|(service, _)| service);
            let forgetting =
                Forgetting { plan, peer: self.peer.name, services: services.collect(), durable };
            let note = |told: &str| globals.note(told);
            return remote::block_on_logged(globals, log, remote::forget(forgetting, note));
        }
        let then = match self.exec {
            Some(command) => Then::Run(command),
            None => Then::Show,
        };
        let watching = Watching { plan, peer: self.peer.name, services, then, count: self.count };
        let show = |event: &Event| show(event, globals);
        let note = |told: &str| globals.note(told);
        remote::block_on_logged_to_its_end(globals, log, remote::watch(watching, show, note))
    }

    /// One subscription for each service that is named.
    fn services(&self) -> Result<Vec<(String, Params)>> {
        let services = by_service(&self.topics).map_err(|topic| {
            Trouble::new(Exit::Usage, format!("{topic} is no topic"))
                .with_hint(format!("write it as {topic}.*, or name one of its topics"))
        })?;
        if services.len() > 1 && matches!(self.from, Some(WatchFrom::Cursor(_))) {
            let what = "a cursor is of one service: name topics of that one alone";
            return Err(Trouble::new(Exit::Usage, what));
        }
        let (from, durable) = (&self.from, &self.durable);
        let params = |topics| Params { topics, from: from.clone(), durable: durable.clone() };
        let params = |(service, topics): (&str, _)| (service.to_owned(), params(topics));
        Ok(services.into_iter().map(params).collect())
    }
}

/// An event as JSON, in one line.
pub(super) fn line(event: &Event) -> Result<String> {
    let body = event.body.value()?;
    let cursor = bothways_protocol::Cursor::of_bytes(event.cursor.clone())?.to_string();
    let line = Line { cursor, topic: &event.topic, body: Shown(&body) };
    Ok(bothways::visible_json(&serde_json::to_string(&line)?).into_owned())
}

fn show(event: &Event, globals: &Globals) -> Result {
    let shown = match globals.output {
        Format::Json => line(event)?,
        Format::Table => human(&event.topic, &event.body.value()?),
    };
    Ok(globals.out().text(&shown)?)
}

/// An event in one line: its topic, and the names and values of its body.
fn human(topic: &str, body: &Value) -> String {
    let told = match body {
        Value::Map(entries) => {
            let pair = |(name, value): &(Value, Value)| format!("{}={}", text(name), text(value));
            entries.iter().map(pair).collect::<Vec<_>>().join("  ")
        }
        other => text(other),
    };
    bothways::visible(&format!("{topic}  {told}")).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bothways::json::parse;

    #[test]
    fn an_event_is_one_line_whatever_stands_in_it() {
        let body = parse(r#"{"name":"Ann\n\u001b[2J","revision":7}"#).unwrap();
        let shown = human("people.created", &body);
        assert!(!shown.contains(['\n', '\u{1b}']), "{shown:?}");
        assert!(shown.starts_with("people.created  name=Ann"), "{shown:?}");
        assert!(shown.ends_with("revision=7"), "{shown:?}");
    }
}
