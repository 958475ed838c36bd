//! What the settings say of a node's records: who may read them.

use std::collections::BTreeSet;

use bothways_protocol::NodeName;

use super::keys::key;
use super::settings::{Problem, Settings};

/// To whom a node gives its records of requests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExchangePlan {
    /// The nodes that may read them, beside the node itself. Default: nobody.
    pub readers: BTreeSet<NodeName>,
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
        plan
    }
}
