//! Name → handler: the table of contents of what a node answers.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bothways_protocol::{
    Acknowledge, Code, Cursor, Effect, Encoded, Failure, Forget, ListDurables, Method, MethodName,
    ParamsError, Watch, WatchBegan,
};
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Context;
use super::catalog::Described;
use super::watch::{Begin, Feed, Watched, acknowledge, durables, forget, watched};
use crate::store::Store;

/// The largest message of `<service>.watch` and what goes with it, in bytes.
const WATCH_BYTES: usize = 64 * 1024;

/// An async method of a service that answers a request: `People::create`.
///
/// It is implemented for every `async fn(&Service, Context, Params) -> Result<Params::Result,
/// Failure>` whose future is `Send`.
pub trait Handler<'a, S, M: Method>: Send + Sync + 'static {
    /// What answering is.
    type Answer: Future<Output = Result<M::Result, Failure>> + Send + 'a;

    /// Begins to answer.
    fn answer(&self, service: &'a S, context: Context, params: M) -> Self::Answer;
}

impl<'a, S, M, F, A> Handler<'a, S, M> for F
where
    S: 'a,
    M: Method,
    F: Fn(&'a S, Context, M) -> A + Send + Sync + 'static,
    A: Future<Output = Result<M::Result, Failure>> + Send + 'a,
{
    type Answer = A;

    fn answer(&self, service: &'a S, context: Context, params: M) -> A {
        self(service, context, params)
    }
}

pub(super) type Answering = BoxFuture<'static, Result<Encoded, Failure>>;

/// One method that a node answers.
#[derive(Clone)]
pub(crate) struct Route {
    pub(crate) name: MethodName,
    pub(crate) effect: Effect,
    pub(crate) about: &'static str,
    pub(crate) request_bytes: usize,
    pub(crate) message_bytes: usize,
    pub(super) described: Described,
    handler: Does,
    /// What may be watched, where this begins a subscription.
    pub(crate) topics: &'static [&'static str],
}

/// What becomes of a request.
#[derive(Clone)]
enum Does {
    /// It is answered.
    Answers(Arc<dyn Fn(Context, Encoded) -> Answering + Send + Sync>),
    /// It is answered, and events follow.
    Watches(Watched),
}

impl Route {
    /// Begins to answer.
    pub(super) fn begin(&self, context: Context, params: Encoded) -> Beginning {
        match &self.handler {
            Does::Answers(handler) => Beginning::Answer(handler(context, params)),
            Does::Watches(watched) => Beginning::Watch(watched(context, params)),
        }
    }

    /// Whether events follow its response.
    pub(super) fn watches(&self) -> bool {
        matches!(self.handler, Does::Watches(_))
    }
}

/// A handler that has begun.
pub(super) enum Beginning {
    Answer(Answering),
    Watch(Begin),
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route")
            .field("name", &self.name)
            .field("effect", &self.effect)
            .finish_non_exhaustive()
    }
}

/// The methods that a node enables. What is not in it, nobody can ask for.
///
/// ```
/// use std::sync::Arc;
/// use bothways::domain::people::People;
/// use bothways::service::Router;
///
/// fn routes(people: &Arc<People>) -> Router {
///     Router::default()
///         .on(people, People::create)   // people.create
///         .on(people, People::get)      // people.get
/// }
/// ```
#[derive(Debug, Clone, Default)]
pub struct Router {
    routes: BTreeMap<MethodName, Route>,
    /// What the methods stand on, for those who only look.
    store: Option<Arc<dyn Store>>,
}

impl Router {
    /// Adds a method: its params type says the name, the handler answers it.
    ///
    /// # Panics
    /// Where the params type's `NAME` is no method name, or is taken: both are mistakes in the
    /// program that a first start shows.
    #[must_use]
    pub fn on<S, M, H>(mut self, service: &Arc<S>, handler: H) -> Self
    where
        S: Send + Sync + 'static,
        M: Method,
        H: for<'a> Handler<'a, S, M>,
    {
        self.add(Route {
            name: named(M::NAME),
            effect: M::EFFECT,
            about: M::ABOUT,
            request_bytes: M::REQUEST_BYTES,
            message_bytes: M::MESSAGE_BYTES,
            described: Described::of::<M>(),
            handler: Does::Answers(erased(service.clone(), handler)),
            topics: &[],
        });
        self
    }

    /// Adds `<service>.watch`, `<service>.acknowledge`, `<service>.durables` and
    /// `<service>.forget` of a service that tells of its changes.
    ///
    /// # Panics
    /// As [`Self::on`], and where the feed has more than 64 topics.
    #[must_use]
    pub fn watch<F: Feed>(mut self, feed: &Arc<F>) -> Self {
        assert!(F::TOPICS.len() <= 64, "{} has too many topics", F::SERVICE);
        self.add(Route {
            name: named(&format!("{}.watch", F::SERVICE)),
            effect: Effect::Reads,
            about: F::ABOUT,
            request_bytes: WATCH_BYTES,
            message_bytes: WATCH_BYTES,
            described: Described::with::<Watch, WatchBegan>(watch_example::<F>),
            handler: Does::Watches(watched(feed)),
            topics: F::TOPICS,
        });
        let about = "Says that a subscriber has dealt with an event.";
        self.add(beside(feed, "acknowledge", Effect::Writes, about, acknowledge, || Acknowledge {
            cursor: cursor_example(),
            durable: None,
        }));
        let about = "Lists the caller's durable subscriptions, and how far they are behind.";
        self.add(beside(feed, "durables", Effect::Reads, about, durables, || ListDurables {}));
        let about = "Ends a durable subscription of the caller's.";
        self.add(beside(feed, "forget", Effect::Writes, about, forget, || Forget {
            durable: "laptop".parse().expect("a name"),
        }));
        self
    }

    fn add(&mut self, route: Route) {
        let name = route.name.clone();
        let taken = self.routes.insert(name.clone(), route);
        assert!(taken.is_none(), "two handlers for {name}");
    }

    /// Says what the methods stand on: the node tells of it in its status.
    #[must_use]
    pub fn over(self, store: &Arc<dyn Store>) -> Self {
        Self { store: Some(store.clone()), ..self }
    }

    /// Adds the methods of another router, and takes what they stand on where this one says
    /// nothing of it.
    ///
    /// # Panics
    /// Where both have a method of the same name.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.store = self.store.or(other.store);
        other.routes.into_values().for_each(|route| self.add(route));
        self
    }

    /// The methods' names, in order.
    pub fn methods(&self) -> impl Iterator<Item = &MethodName> {
        self.routes.keys()
    }

    pub(crate) fn store(&self) -> Option<&Arc<dyn Store>> {
        self.store.as_ref()
    }

    pub(crate) fn routes(&self) -> impl Iterator<Item = &Route> {
        self.routes.values()
    }

    pub(crate) fn find(&self, method: &MethodName) -> Option<&Route> {
        self.routes.get(method)
    }

    /// The largest request that any method takes, in bytes.
    pub(crate) fn request_bytes(&self) -> usize {
        self.routes.values().map(|route| route.request_bytes).max().unwrap_or_default()
    }
}

/// A method beside `<service>.watch`, by the word behind the dot.
fn beside<F, P, R, A>(
    feed: &Arc<F>,
    word: &'static str,
    effect: Effect,
    about: &'static str,
    handler: fn(Arc<F>, Context, P) -> A,
    example: fn() -> P,
) -> Route
where
    F: Feed,
    P: Serialize + DeserializeOwned + JsonSchema + Send + 'static,
    R: Serialize + JsonSchema + 'static,
    A: Future<Output = Result<R, Failure>> + Send + 'static,
{
    let feed = feed.clone();
    let answers = move |context, params: Encoded| {
        let params = params.decode().map_err(wrong_params);
        let answering = params.map(|params| handler(feed.clone(), context, params));
        async move { encoded(word, &answering?.await?) }.boxed()
    };
    Route {
        name: named(&format!("{}.{word}", F::SERVICE)),
        effect,
        about,
        request_bytes: WATCH_BYTES,
        message_bytes: WATCH_BYTES,
        described: Described::with::<P, R>(example),
        handler: Does::Answers(Arc::new(answers)),
        topics: &[],
    }
}

fn watch_example<F: Feed>() -> Watch {
    Watch { topics: vec![format!("{}.*", F::SERVICE)], ..Watch::default() }
}

fn cursor_example() -> Cursor {
    Cursor::of_bytes(Bytes::from_static(&[0x01, 0x9a, 0xf4])).expect("a few bytes")
}

/// Forgets the types of a handler: encoded params in, encoded result out.
fn erased<S, M, H>(
    service: Arc<S>,
    handler: H,
) -> Arc<dyn Fn(Context, Encoded) -> Answering + Send + Sync>
where
    S: Send + Sync + 'static,
    M: Method,
    H: for<'a> Handler<'a, S, M>,
{
    let bound = Arc::new((service, handler));
    Arc::new(move |context, params| {
        let bound = bound.clone();
        async move {
            let (service, handler) = &*bound;
            let params = params.decode::<M>().map_err(wrong_params)?;
            let result = handler.answer(service, context, params).await?;
            encoded(M::NAME, &result)
        }
        .boxed()
    })
}

fn named(name: &str) -> MethodName {
    match name.parse() {
        Ok(name) => name,
        Err(error) => panic!("{error}"),
    }
}

fn encoded(method: &str, result: &impl Serialize) -> Result<Encoded, Failure> {
    Encoded::of(result).map_err(|error| {
        tracing::error!(method, %error, "result cannot be encoded");
        Failure::new(Code::Internal, "the result cannot be encoded")
    })
}

pub(super) fn wrong_params(error: ParamsError) -> Failure {
    let failure = Failure::new(Code::InvalidArgument, error.to_string()).reason("params");
    match error.field {
        Some(field) => failure.field(field),
        None => failure,
    }
}
