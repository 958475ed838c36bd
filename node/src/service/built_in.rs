//! What every node that answers enables: `node.ping` and `node.methods`, and `node.records`, which
//! stands in a file of its own.

use std::ops::Not;
use std::sync::{Arc, OnceLock};

use bothways_protocol::{Code, Effect, Failure, Method, MethodName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::catalog::Described;
use super::nearest::{did_you_mean, nearest};
use super::records::Records;
use super::router::Route;
use super::{Context, Router};

/// Asks a peer for a sign of life.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ping {}

/// A sign of life.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Pong {}

impl Method for Ping {
    const NAME: &'static str = "node.ping";
    const EFFECT: Effect = Effect::Reads;
    const ABOUT: &'static str = "Answers at once: a sign of life";
    type Result = Pong;

    fn example() -> Self {
        Self {}
    }
}

/// Asks a peer what it enables.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DescribeMethods {
    /// The one method to tell of, with its schemas; all of them where none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<MethodName>,
    /// Whether to tell the schemas and an example of each.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub schemas: bool,
}

/// What a node enables, in the order of the names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MethodList {
    /// The methods.
    pub methods: Vec<MethodInfo>,
}

/// One method that a node enables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
    /// The JSON Schema of its params, as JSON text (draft 2020-12, without references); there
    /// where schemas were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("contentMediaType" = "application/schema+json"))]
    pub params: Option<String>,
    /// The JSON Schema of its result, in the same way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("contentMediaType" = "application/schema+json"))]
    pub result: Option<String>,
    /// Params as somebody may send them, as JSON text; bytes as `{"$bytes": "base64url"}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("contentMediaType" = "application/json"))]
    pub example: Option<String>,
}

impl Method for DescribeMethods {
    const NAME: &'static str = "node.methods";
    const EFFECT: Effect = Effect::Reads;
    const ABOUT: &'static str = "Lists the methods that this node enables, or describes one.";
    const MESSAGE_BYTES: usize = 1024 * 1024;
    const REQUEST_BYTES: usize = 64 * 1024;
    type Result = MethodList;

    fn example() -> Self {
        Self { method: Self::NAME.parse().ok(), schemas: false }
    }
}

/// The service behind the built-in methods.
#[derive(Debug, Default)]
struct BuiltIn {
    methods: Vec<Entry>,
}

/// One method, as it is told.
#[derive(Debug)]
struct Entry {
    short: MethodInfo,
    described: Described,
    /// With its schemas: made when somebody asks, once.
    whole: OnceLock<MethodInfo>,
}

impl BuiltIn {
    #[allow(clippy::unused_async, reason = "a handler is an async method")]
    async fn ping(&self, _: Context, Ping {}: Ping) -> Result<Pong, Failure> {
        Ok(Pong {})
    }

    #[allow(clippy::unused_async, reason = "a handler is an async method")]
    async fn methods(&self, _: Context, asked: DescribeMethods) -> Result<MethodList, Failure> {
        let DescribeMethods { method, schemas } = asked;
        let methods = match method {
            Some(method) => vec![self.find(&method)?.whole().clone()],
            None if schemas => self.methods.iter().map(|entry| entry.whole().clone()).collect(),
            None => self.methods.iter().map(|entry| entry.short.clone()).collect(),
        };
        Ok(MethodList { methods })
    }

    fn find(&self, method: &MethodName) -> Result<&Entry, Failure> {
        let names = || self.methods.iter().map(|entry| entry.short.name.as_str());
        let found = self.methods.iter().find(|entry| entry.short.name == method.as_str());
        found.ok_or_else(|| {
            let hint = did_you_mean(&nearest(method.as_str(), names()));
            let sentence = format!("{method} is not enabled here{hint}");
            Failure::new(Code::NotFound, sentence).reason("method").field("method")
        })
    }
}

impl Entry {
    fn of(route: &Route) -> Self {
        let short = MethodInfo {
            name: route.name.to_string(),
            effect: route.effect,
            about: route.about.to_owned(),
            topics: route.topics.iter().map(ToString::to_string).collect(),
            params: None,
            result: None,
            example: None,
        };
        Self { short, described: route.described.clone(), whole: OnceLock::new() }
    }

    fn whole(&self) -> &MethodInfo {
        self.whole.get_or_init(|| MethodInfo {
            params: Some(self.described.params()),
            result: Some(self.described.result()),
            example: Some(self.described.example()),
            ..self.short.clone()
        })
    }
}

/// The router with the built-in methods added, which list all of it.
pub(super) fn with_built_in(router: Router, records: &Arc<Records>) -> Router {
    let routes = |built_in: &Arc<BuiltIn>| {
        let own = Router::default().on(built_in, BuiltIn::ping).on(built_in, BuiltIn::methods);
        own.and(records.routes())
    };
    let all = router.clone().and(routes(&Arc::default()));
    let methods = all.routes().map(Entry::of).collect();
    router.and(routes(&Arc::new(BuiltIn { methods })))
}
