//! The rules of a call, one after the other: role, addressee, method, size, key, handler.

use std::any::Any;
use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use bothways_protocol::{
    Code, Effect, Encoded, Failure, MethodName, NodeName, Request, Retry, Role,
};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sha2::{Digest, Sha256};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinHandle;
use tokio::time::timeout_at;
use tokio_util::task::TaskTracker;

use super::built_in::with_built_in;
use super::nearest::{did_you_mean, nearest};
use super::records::Records;
use super::router::{Beginning, Route};
use super::watch::{Begin, Watching};
use super::writers::Writers;
use super::{Context, Router};
use crate::client::Outbound;
use crate::config::Limits;
use crate::session::{AnsweringPlace, Session, Way};
use crate::store::{Once, StoreState};

/// What a response needs around its result, in bytes.
const RESPONSE_HEAD: usize = 32;

/// Answers requests: those that sessions hand on, and those of the node to itself.
#[derive(Debug)]
pub(crate) struct Inbound {
    /// The asking half, for handlers that ask in turn; name, role and bounds are the node's.
    pub(super) outbound: Arc<Outbound>,
    router: Router,
    message_bytes: usize,
    /// Handlers that write: they end even when their caller is gone.
    writes: TaskTracker,
    writers: Writers,
    pub(super) watching: Arc<Watching>,
}

/// Who asks.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) peer: NodeName,
    pub(crate) role: Role,
    /// `None` where the node asks itself.
    pub(crate) session: Option<Session>,
    pub(crate) way: Way,
}

/// A call that has begun.
pub(super) enum Call {
    /// And has ended.
    Answered(Result<Encoded, Failure>),
    /// And ends with this.
    AtWork(BoxFuture<'static, Result<Encoded, Failure>>),
    /// And ends with a subscription.
    Watches(Begin),
}

impl Inbound {
    pub(crate) fn new(
        outbound: Arc<Outbound>,
        router: Router,
        readers: &BTreeSet<NodeName>,
    ) -> Self {
        let records = Records::new(outbound.clone(), readers.clone());
        let router = with_built_in(router, &records);
        outbound.metrics.inward.know(router.methods());
        let message_bytes = router.request_bytes().min(outbound.limits.message_bytes);
        let Limits { requests_in_flight, connections_per_peer, .. } = outbound.limits;
        let writers = Writers::new(requests_in_flight * connections_per_peer);
        let (writes, watching) = (TaskTracker::new(), Arc::default());
        Self { outbound, router, message_bytes, writes, writers, watching }
    }

    /// The largest request that any method takes, in bytes.
    pub(crate) fn largest_message(&self) -> usize {
        self.message_bytes
    }

    /// How many handlers that write are at work.
    pub(crate) fn writes_at_work(&self) -> usize {
        self.writes.len()
    }

    /// How that is which the methods stand on.
    pub(crate) fn store_state(&self) -> Option<StoreState> {
        self.router.store().map(|store| store.state())
    }

    /// Waits until every handler that writes has ended.
    pub(crate) async fn writes_ended(&self) {
        self.writes.close();
        self.writes.wait().await;
    }

    /// Begins a call that was admitted; a read that needs no wait is answered with that.
    pub(super) fn call(
        &self,
        route: &Route,
        context: &Context,
        place: Option<AnsweringPlace>,
    ) -> Call {
        match route.effect {
            Effect::Reads if route.watches() => {
                let beginning = begun(route, context.clone());
                Call::Watches(until(context, beginning.inspect(move |_| drop(place))))
            }
            Effect::Reads => {
                let mut answering = contained(route, context.clone());
                let mut nobody = std::task::Context::from_waker(Waker::noop());
                match answering.poll_unpin(&mut nobody) {
                    Poll::Ready(answer) => Call::Answered(check_result(route, answer)),
                    Poll::Pending => {
                        let reading = answering.inspect(move |_| drop(place));
                        Call::AtWork(self.wait_for(route, context, reading))
                    }
                }
            }
            Effect::Writes => match self.place_to_write(context) {
                Ok(to_write) => {
                    let writing = self.begin_write(route, context.clone(), (to_write, place));
                    let written = writing.map(|written| written.unwrap_or(Err(stopping())));
                    Call::AtWork(self.wait_for(route, context, written))
                }
                Err(failure) => Call::Answered(Err(failure)),
            },
        }
    }

    /// Whether a request may be answered, and how: the rules, in their order.
    pub(super) fn admit(
        &self,
        caller: &Caller,
        request: &Request,
        request_bytes: usize,
    ) -> Result<(&Route, Option<Once>), Failure> {
        self.check_role(caller)?;
        self.check_addressee(request)?;
        let route = self.route(request)?;
        check_way(route, caller)?;
        self.check_size(route, request_bytes)?;
        Ok((route, once(route, caller, request)?))
    }

    /// Waits for an answer until the deadline. Who drops this gives the request up, and so does the
    /// deadline: a read ends, and a write runs on and keeps the request's place.
    fn wait_for(
        &self,
        route: &Route,
        context: &Context,
        answering: impl Future<Output = Result<Encoded, Failure>> + Send + 'static,
    ) -> BoxFuture<'static, Result<Encoded, Failure>> {
        let (route, deadline) = (route.clone(), context.deadline());
        let unless_answered = context.cancel_on_drop();
        async move {
            let answer = timeout_at(deadline.into(), answering).await.map_err(|_| too_late())?;
            unless_answered.disarm();
            check_result(&route, answer)
        }
        .boxed()
    }

    /// The deadline that a request gets of the one that it asks for.
    pub(crate) fn allowed(&self, asked: Duration) -> Duration {
        asked.clamp(self.outbound.limits.deadline_min, self.outbound.limits.deadline_max)
    }

    fn check_role(&self, caller: &Caller) -> Result<(), Failure> {
        if !self.outbound.role.answers() {
            return Err(Failure::new(
                Code::PermissionDenied,
                format!("role {} answers no requests", self.outbound.role),
            )
            .reason("role"));
        }
        // What a node asks itself is no request to a peer.
        let own = matches!(caller.way, Way::Ourselves | Way::OwnStream);
        if !own && !caller.role.asks() {
            return Err(Failure::new(
                Code::PermissionDenied,
                format!("role {} issues no requests", caller.role),
            )
            .reason("role"));
        }
        Ok(())
    }

    fn check_addressee(&self, request: &Request) -> Result<(), Failure> {
        match &request.to {
            Some(to) if *to != self.outbound.name => Err(Failure::new(
                Code::Unimplemented,
                format!("{} passes no requests on", self.outbound.name),
            )
            .reason("to")),
            _ => Ok(()),
        }
    }

    fn route(&self, request: &Request) -> Result<&Route, Failure> {
        self.router.find(&request.method).ok_or_else(|| {
            let known = self.router.methods().map(MethodName::as_str);
            let hint = did_you_mean(&nearest(request.method.as_str(), known));
            let sentence =
                format!("{} does not enable {}{hint}", self.outbound.name, request.method);
            Failure::new(Code::Unimplemented, sentence).reason("method")
        })
    }

    fn check_size(&self, route: &Route, request_bytes: usize) -> Result<(), Failure> {
        if request_bytes <= route.request_bytes {
            return Ok(());
        }
        let (name, max) = (&route.name, route.request_bytes);
        let sentence =
            format!("{name} takes messages of {max} bytes, this one has {request_bytes}");
        Err(too_large(sentence))
    }

    /// A place for one more write of a peer; what the node asks of itself needs none.
    fn place_to_write(&self, context: &Context) -> Result<Option<OwnedSemaphorePermit>, Failure> {
        if *context.peer() == self.outbound.name {
            return Ok(None);
        }
        let busy = || {
            let sentence = "too many writes that were given up are still at work";
            Failure::new(Code::ResourceExhausted, sentence).reason("in_flight")
        };
        self.writers.place_for(context.peer()).map(Some).ok_or_else(busy)
    }

    /// Begins a write, which runs to its end whether or not somebody still waits for it. It keeps the
    /// request's place until then: who gives up one write after the other has no more of them at work
    /// than who waits.
    fn begin_write(
        &self,
        route: &Route,
        context: Context,
        places: (Option<OwnedSemaphorePermit>, Option<AnsweringPlace>),
    ) -> JoinHandle<Result<Encoded, Failure>> {
        let answering = contained(route, context);
        self.writes.spawn(async move {
            let answer = answering.await;
            drop(places);
            answer
        })
    }
}

/// Runs a handler; a panic in it becomes a failure.
fn contained(
    route: &Route,
    context: Context,
) -> impl Future<Output = Result<Encoded, Failure>> + Send + Unpin + use<> {
    let (name, params) = (route.name.clone(), context.request().params.clone());
    let answering = match route.begin(context, params) {
        Beginning::Answer(answering) => answering,
        // Whoever asks here goes by what the route does.
        Beginning::Watch(_) => std::future::ready(Err(no_way())).boxed(),
    };
    let answering = AssertUnwindSafe(answering).catch_unwind();
    answering.map(move |answer| answer.unwrap_or_else(|panic| Err(panicked(&name, &*panic))))
}

/// Begins a subscription; a panic becomes a failure.
fn begun(route: &Route, context: Context) -> Begin {
    let (name, params) = (route.name.clone(), context.request().params.clone());
    match route.begin(context, params) {
        Beginning::Answer(_) => std::future::ready(Err(no_way())).boxed(),
        Beginning::Watch(beginning) => {
            let beginning = AssertUnwindSafe(beginning).catch_unwind();
            let failed = move |panic: Box<dyn Any + Send>| Err(panicked(&name, &*panic));
            beginning.map(|begun| begun.unwrap_or_else(failed)).boxed()
        }
    }
}

/// Waits for a subscription to begin, until the deadline.
fn until(
    context: &Context,
    beginning: impl Future<Output = <Begin as Future>::Output> + Send + 'static,
) -> Begin {
    let deadline = context.deadline();
    let begun = timeout_at(deadline.into(), beginning);
    begun.map(|begun| begun.unwrap_or_else(|_| Err(too_late()))).boxed()
}

/// A subscription needs a stream of its own: elsewhere its events have no place.
fn check_way(route: &Route, caller: &Caller) -> Result<(), Failure> {
    match caller.way {
        Way::Lane | Way::Ourselves if route.watches() => Err(no_way()),
        _ => Ok(()),
    }
}

fn no_way() -> Failure {
    let sentence = "a subscription needs a stream of its own, and no lane";
    Failure::new(Code::InvalidArgument, sentence).reason("stream")
}

fn panicked(method: &MethodName, panic: &(dyn Any + Send)) -> Failure {
    let what = panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    tracing::error!(method = %method, panic = %what, "handler panicked");
    Failure::new(Code::Internal, "the handler failed").reason("panic")
}

/// A result that the caller would refuse to read is no result.
fn check_result(route: &Route, answer: Result<Encoded, Failure>) -> Result<Encoded, Failure> {
    let result = answer?;
    let (bytes, max) = (result.bytes().len(), route.message_bytes.saturating_sub(RESPONSE_HEAD));
    if bytes <= max {
        return Ok(result);
    }
    tracing::error!(method = %route.name, bytes, max, "result too large");
    let sentence = format!("the result of {} has {bytes} bytes, {max} are allowed", route.name);
    Err(too_large(sentence))
}

/// What makes a write act once; a write without a key is refused.
fn once(route: &Route, caller: &Caller, request: &Request) -> Result<Option<Once>, Failure> {
    let key = match (route.effect, request.key) {
        (Effect::Reads, _) => return Ok(None),
        (Effect::Writes, Some(key)) => key,
        (Effect::Writes, None) => {
            let sentence = format!("{} writes: it needs an idempotency key", route.name);
            let failure = Failure::new(Code::InvalidArgument, sentence);
            return Err(failure.reason("key_missing").field("key"));
        }
    };
    Ok(Some(Once {
        caller: caller.peer.clone(),
        method: route.name.clone(),
        key,
        params: Sha256::digest(request.params.bytes()).into(),
    }))
}

fn too_large(sentence: String) -> Failure {
    Failure::new(Code::ResourceExhausted, sentence).reason("message_too_large").retry(Retry::Never)
}

fn too_late() -> Failure {
    Failure::new(Code::DeadlineExceeded, "the time was up before there was an answer")
}

fn stopping() -> Failure {
    Failure::new(Code::Unavailable, "the node is stopping").reason("going_away")
}
