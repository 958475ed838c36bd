//! Which traces a person wants to see.

use bothways_protocol::NodeName;

use super::super::record::Outcome;
use super::{Exchange, Exchanges};

/// Which traces to keep; what is `None` keeps all. A trace is kept whole, with all that led to the
/// exchange that was looked for, and all that it led to.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// The trace whose id begins with these hexadecimal digits, in lower case.
    pub trace: Option<String>,
    /// Traces in which this method was asked for.
    pub method: Option<String>,
    /// Traces in which this node asked or answered.
    pub peer: Option<NodeName>,
    /// Traces in which a request ended so.
    pub code: Option<Outcome>,
    /// Traces in which a request took longer than this, in microseconds.
    pub slower_than_us: Option<u64>,
    /// No more than the last so many of them.
    pub last: Option<usize>,
}

impl Exchanges {
    /// Keeps the traces that a filter names; clocks and absent nodes stay as they are.
    pub fn keep(&mut self, filter: &Filter) {
        self.trees.retain(|tree| {
            let digits = filter.trace.as_deref();
            digits.is_none_or(|digits| tree.trace_id.to_string().starts_with(digits))
                && tree.exchanges.iter().any(|exchange| filter.wants(exchange))
        });
        if let Some(last) = filter.last {
            let first = self.trees.len().saturating_sub(last);
            self.trees.drain(..first);
        }
    }
}

impl Filter {
    /// Whether this exchange is one that is looked for, whatever its trace is.
    #[must_use]
    pub fn wants(&self, exchange: &Exchange) -> bool {
        let method = self.method.as_deref();
        let ends = [exchange.asker(), exchange.answerer()];
        method.is_none_or(|method| exchange.method().as_str() == method)
            && self.peer.as_ref().is_none_or(|peer| ends.contains(&peer))
            && self.code.is_none_or(|code| exchange.code() == code)
            && self.slower_than_us.is_none_or(|us| exchange.duration_us() > us)
    }
}
