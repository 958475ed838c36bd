//! What the settings say of a node's records: who may read them, and where they go as spans.

use std::collections::BTreeSet;

use bothways_protocol::NodeName;

use super::keys::key;
use super::otlp::{OtlpEndpoint, OtlpEndpointError};
use super::settings::{Problem, Settings};

/// To whom a node gives its records of requests, and where they go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExchangePlan {
    /// The nodes that may read them, beside the node itself. Default: nobody.
    pub readers: BTreeSet<NodeName>,
    /// The OTLP receiver to which they go as spans. Default: none.
    pub otlp: Option<OtlpEndpoint>,
}

impl ExchangePlan {
    /// What is said; what is wrong goes to `problems`.
    pub(super) fn of(settings: &Settings, problems: &mut Vec<Problem>) -> Self {
        let mut plan = Self::default();
        if let Some(said) = settings.list(key::EXCHANGE_READERS) {
            for name in said.value {
                match name.parse() {
                    Ok(name) => _ = plan.readers.insert(name),
                    Err(error) => {
                        let what = format!("`exchange.readers`: {error}");
                        problems.push(Problem::at(&said.origin, what));
                    }
                }
            }
        }
        if let Some(said) = settings.text(key::OTLP_ENDPOINT) {
            let wrong = |error: OtlpEndpointError| {
                problems.push(Problem::at(&said.origin, format!("`otlp.endpoint`: {error}")));
            };
            plan.otlp = said.value.parse().map_err(wrong).ok();
        }
        plan
    }
}
