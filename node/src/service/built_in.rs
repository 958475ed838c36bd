//! What every node that answers enables: `node.ping` and `node.methods`.

use std::sync::Arc;

use bothways_protocol::{Effect, Failure, Method};
use serde::{Deserialize, Serialize};

use super::{Context, Router};

/// Asks a peer for a sign of life.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ping {}

/// A sign of life.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pong {}

impl Method for Ping {
    const NAME: &'static str = "node.ping";
    const EFFECT: Effect = Effect::Reads;
    const ABOUT: &'static str = "Answers at once: a sign of life";
    type Result = Pong;
}

/// Asks a peer what it enables.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DescribeMethods {}

/// What a node enables, in the order of the names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MethodList {
    /// The methods.
    pub methods: Vec<MethodInfo>,
}

/// One method that a node enables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MethodInfo {
    /// The name to ask for.
    pub name: String,
    /// Whether it reads or writes.
    pub effect: Effect,
    /// What it does, in one sentence.
    pub about: String,
    /// What may be watched with it, where it begins a subscription.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub topics: Vec<String>,
}

impl Method for DescribeMethods {
    const NAME: &'static str = "node.methods";
    const EFFECT: Effect = Effect::Reads;
    const ABOUT: &'static str = "Lists the methods that this node enables";
    type Result = MethodList;
}

/// The service behind the built-in methods.
#[derive(Debug, Default)]
struct BuiltIn {
    list: MethodList,
}

impl BuiltIn {
    #[allow(clippy::unused_async, reason = "a handler is an async method")]
    async fn ping(&self, _: Context, Ping {}: Ping) -> Result<Pong, Failure> {
        Ok(Pong {})
    }

    #[allow(clippy::unused_async, reason = "a handler is an async method")]
    async fn methods(&self, _: Context, _: DescribeMethods) -> Result<MethodList, Failure> {
        Ok(self.list.clone())
    }
}

/// The router with the built-in methods added, which list all of it.
pub(super) fn with_built_in(router: Router) -> Router {
    let routes = |built_in: &Arc<BuiltIn>| {
        Router::default().on(built_in, BuiltIn::ping).on(built_in, BuiltIn::methods)
    };
    let all = router.clone().and(routes(&Arc::default()));
    let info = all.routes().map(|route| MethodInfo {
        name: route.name.to_string(),
        effect: route.effect,
        about: route.about.to_owned(),
        topics: route.topics.iter().map(ToString::to_string).collect(),
    });
    let list = MethodList { methods: info.collect() };
    router.and(routes(&Arc::new(BuiltIn { list })))
}
