//! Which requests a person wants to see.

use std::num::NonZeroUsize;
use std::time::Duration;

use bothways::exchange::{Exchanges, Filter, Outcome};
use bothways_protocol::NodeName;
use clap::Args;

use crate::cli::caller::duration;
use crate::cli::{Exit, Result, Trouble};

/// What to look for.
#[derive(Debug, Args)]
pub(super) struct Filters {
    /// Only with requests for this method
    #[arg(long)]
    method: Option<String>,
    /// Only with requests that this node asked or answered
    #[arg(long, value_name = "NODE")]
    peer: Option<NodeName>,
    /// Only with requests that ended so: ok, or an error code such as not_found
    #[arg(long)]
    code: Option<Outcome>,
    /// Only with requests that took longer: 500ms, 10s, 1m
    #[arg(long, value_name = "TIME", value_parser = duration)]
    slower_than: Option<Duration>,
}

impl Filters {
    pub(super) fn filter(&self) -> Filter {
        let us = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        Filter {
            method: self.method.clone(),
            peer: self.peer.clone(),
            code: self.code,
            slower_than_us: self.slower_than.map(us),
            ..Filter::default()
        }
    }
}

/// Which traces, besides.
#[derive(Debug, Args)]
pub(super) struct Choice {
    /// Only the trace whose id begins with these digits
    #[arg(long, value_name = "ID", value_parser = trace_digits)]
    trace: Option<String>,
    /// Only the last so many traces
    #[arg(long, value_name = "COUNT")]
    last: Option<NonZeroUsize>,
    #[command(flatten)]
    filters: Filters,
}

impl Choice {
    pub(super) fn filter(&self) -> Filter {
        let last = self.last.map(NonZeroUsize::get);
        Filter { trace: self.trace.clone(), last, ..self.filters.filter() }
    }

    /// Keeps what was asked for.
    pub(super) fn narrow(&self, exchanges: &mut Exchanges) -> Result<Filter> {
        let (all, filter) = (Traces::of(exchanges), self.filter());
        exchanges.keep(&filter);
        if exchanges.trees.is_empty() { Err(all.without_match()) } else { Ok(filter) }
    }
}

fn trace_digits(text: &str) -> std::result::Result<String, String> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if digits && text.len() <= 32 {
        Ok(text.to_ascii_lowercase())
    } else {
        Err("a trace's id is up to 32 hexadecimal digits".to_owned())
    }
}

/// What there is to choose from, for those who chose what there is not.
struct Traces {
    count: usize,
    methods: Vec<String>,
    nodes: Vec<String>,
}

/// How many methods and nodes are named to choose from.
const NAMED: usize = 12;

impl Traces {
    fn of(exchanges: &Exchanges) -> Self {
        let all = || exchanges.trees.iter().flat_map(|tree| &tree.exchanges);
        let mut methods: Vec<_> = all().map(|exchange| exchange.method().as_str()).collect();
        methods.sort_unstable();
        methods.dedup();
        let methods = methods.into_iter().take(NAMED).map(str::to_owned).collect();
        let nodes = exchanges.clocks.iter().take(NAMED).map(|clock| clock.node.to_string());
        Self { count: exchanges.trees.len(), methods, nodes: nodes.collect() }
    }

    fn without_match(&self) -> Trouble {
        let what = match self.count {
            1 => "the one trace that is recorded is not what was asked for".to_owned(),
            count => format!("none of the {count} traces that are recorded is what was asked for"),
        };
        let (methods, nodes) = (self.methods.join(", "), self.nodes.join(", "));
        let details = [format!("methods: {methods}"), format!("nodes: {nodes}")];
        Trouble::new(Exit::Nothing, what)
            .details(details)
            .with_hint("ask for one of these, or leave some of the filters away")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_fits_has_an_exit_code_of_its_own() {
        let none = Traces { count: 2, methods: vec!["a.b".into()], nodes: vec!["hub".into()] };
        assert_eq!(none.without_match().exit(), Exit::Nothing);
    }

    #[test]
    fn a_trace_is_named_by_the_first_digits_of_its_id() {
        assert_eq!(trace_digits("4BF9").as_deref(), Ok("4bf9"));
        for bad in ["", "xyz", "4b f9", &"a".repeat(33)] {
            assert!(trace_digits(bad).is_err(), "{bad}");
        }
    }
}
