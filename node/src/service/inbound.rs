//! The rules of a call, one after the other: role, deadline, method, size, key, handler, record.

use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use bothways_protocol::{
    Code, Effect, Encoded, Failure, MessageError, NodeName, Outgoing, Reply, Request, ResetCode,
    Role,
};
use futures_util::FutureExt;
use sha2::{Digest, Sha256};
use tokio::time::timeout_at;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::built_in::with_built_in;
use super::router::Route;
use super::{Context, Router};
use crate::config::Limits;
use crate::exchange::{Direction, MethodText, Outcome, Record, emit, is_wanted};
use crate::node::WeakNode;
use crate::session::{Arrival, Dispatch, Session};
use crate::store::Once;
use crate::transport::{MessageReader, ReadError};

/// Answers requests: those that sessions hand on, and those of the node to itself.
#[derive(Debug)]
pub(crate) struct Inbound {
    node: WeakNode,
    name: NodeName,
    role: Role,
    router: Router,
    limits: Limits,
    message_bytes: usize,
    /// Handlers that write: they end even when their caller is gone.
    writes: TaskTracker,
}

/// Who asks.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) peer: NodeName,
    pub(crate) role: Role,
    /// `None` where the node asks itself.
    pub(crate) session: Option<Session>,
}

impl Inbound {
    pub(crate) fn new(
        node: WeakNode,
        name: NodeName,
        role: Role,
        router: Router,
        limits: Limits,
    ) -> Self {
        let router = with_built_in(router);
        let message_bytes = router.message_bytes().min(limits.large_message_bytes);
        let writes = TaskTracker::new();
        Self { node, name, role, router, limits, message_bytes, writes }
    }

    /// The largest message that any method takes, in bytes.
    pub(crate) fn largest_message(&self) -> usize {
        self.message_bytes
    }

    /// Waits until every handler that writes has ended.
    pub(crate) async fn writes_ended(&self) {
        self.writes.close();
        self.writes.wait().await;
    }

    /// Answers one request by the rules, in their order.
    pub(crate) async fn decide(
        &self,
        caller: Caller,
        request: &Request,
        request_bytes: usize,
        cancelled: &CancellationToken,
    ) -> Result<Encoded, Failure> {
        let deadline = Instant::now() + self.allowed(request.deadline);
        self.check_role(&caller)?;
        self.check_addressee(request)?;
        let route = self.route(request)?;
        self.check_size(route, request_bytes)?;
        let once = once(route, &caller, request)?;
        let node = self.node.upgrade().ok_or_else(stopping)?;
        let context = Context::new(node, caller, deadline, request.trace, once, cancelled.clone());
        let params = request.params.clone();
        match route.effect {
            Effect::Reads => self.read(route, context, params, deadline, cancelled).await,
            Effect::Writes => self.write(route, context, params, deadline, cancelled).await,
        }
    }

    /// Answers a request of the node to itself.
    pub(crate) async fn answer_ourselves(&self, request: &Request) -> Result<Encoded, Failure> {
        let caller = Caller { peer: self.name.clone(), role: self.role, session: None };
        self.decide(caller, request, request.params.bytes().len(), &CancellationToken::new()).await
    }

    /// The deadline that a request gets of the one that it asks for.
    pub(crate) fn allowed(&self, asked: Duration) -> Duration {
        asked.clamp(self.limits.deadline_min, self.limits.deadline_max)
    }

    fn check_role(&self, caller: &Caller) -> Result<(), Failure> {
        if !self.role.answers() {
            return Err(Failure::new(
                Code::PermissionDenied,
                format!("role {} answers no requests", self.role),
            )
            .reason("role"));
        }
        if !caller.role.asks() {
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
            Some(to) if *to != self.name => Err(Failure::new(
                Code::Unimplemented,
                format!("{} passes no requests on", self.name),
            )
            .reason("to")),
            _ => Ok(()),
        }
    }

    fn route(&self, request: &Request) -> Result<&Route, Failure> {
        self.router.find(&request.method).ok_or_else(|| {
            let near = nearest(request.method.as_str(), self.router.methods());
            let hint = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
            let sentence = format!("{} does not enable {}{hint}", self.name, request.method);
            Failure::new(Code::Unimplemented, sentence).reason("method")
        })
    }

    fn check_size(&self, route: &Route, request_bytes: usize) -> Result<(), Failure> {
        if request_bytes <= route.message_bytes {
            return Ok(());
        }
        let (name, max) = (&route.name, route.message_bytes);
        let sentence =
            format!("{name} takes messages of {max} bytes, this one has {request_bytes}");
        Err(too_large(sentence))
    }

    /// A read is dropped when nobody waits for it any more.
    async fn read(
        &self,
        route: &Route,
        context: Context,
        params: Encoded,
        deadline: Instant,
        cancelled: &CancellationToken,
    ) -> Result<Encoded, Failure> {
        let answering = contained(route, context, params);
        tokio::select! {
            biased;
            answer = timeout_at(deadline.into(), answering) => answer.unwrap_or_else(|_| Err(too_late())),
            () = cancelled.cancelled() => Err(gone()),
        }
    }

    /// A write runs to its end, and is remembered, whether or not somebody still waits for it.
    async fn write(
        &self,
        route: &Route,
        context: Context,
        params: Encoded,
        deadline: Instant,
        cancelled: &CancellationToken,
    ) -> Result<Encoded, Failure> {
        let route = route.clone();
        let writing = self.writes.spawn(async move { contained(&route, context, params).await });
        tokio::select! {
            biased;
            answer = timeout_at(deadline.into(), writing) => match answer {
                Ok(Ok(answer)) => answer,
                Ok(Err(_)) => Err(stopping()),
                Err(_) => Err(too_late()),
            },
            () = cancelled.cancelled() => Err(gone()),
        }
    }

    /// Reads the one message of a request stream, in time and whole.
    async fn receive(&self, reader: &mut MessageReader) -> Result<(Request, usize), Unread> {
        let limit = self.limits.message_send;
        let message = match reader.next_within(limit).await {
            Ok(Some(message)) => message,
            Ok(None) => return Err(malformed("the stream ended without a request".to_owned())),
            Err(error) => return Err(unread(error)),
        };
        let request = Request::decode(&message).map_err(|error| Unread::Answer(wrong(&error)))?;
        Ok((request, message.len()))
    }

    fn record(&self, arrival: &Arrival, began: Instant, request: &Request, code: Outcome) {
        if !is_wanted() {
            return;
        }
        let duration = began.elapsed();
        emit(&Record {
            node: self.name.clone(),
            dir: Direction::In,
            peer: arrival.session.peer().clone(),
            method: MethodText::from(request.method.clone()),
            code,
            started_us: crate::clock::unix_us().saturating_sub_unsigned(micros(duration)),
            duration_us: micros(duration),
            deadline_ms: request.deadline.as_millis().try_into().unwrap_or(u64::MAX),
            sent_bytes: arrival.writer.sent_bytes(),
            received_bytes: arrival.reader.received_bytes(),
            trace_id: request.trace.trace_id(),
            span_id: request.trace.span_id(),
            parent_id: None,
            key: request.key,
            attempt: request.attempt,
        });
    }
}

fn micros(duration: Duration) -> u64 {
    duration.as_micros().try_into().unwrap_or(u64::MAX)
}

impl Dispatch for Inbound {
    fn message_bytes(&self) -> usize {
        self.message_bytes
    }

    async fn answer(self: Arc<Self>, mut arrival: Arrival) {
        let began = Instant::now();
        let (request, bytes) = match self.receive(&mut arrival.reader).await {
            Ok(received) => received,
            Err(Unread::Gone) => return,
            Err(Unread::Answer(failure)) => {
                let peer = arrival.session.peer();
                tracing::warn!(peer = %peer, problem = %failure.message.escape_debug(), "request not readable");
                arrival.reader.stop(ResetCode::Answered);
                return reply(&mut arrival, Reply::Error(failure)).await;
            }
        };
        let caller = Caller {
            peer: arrival.session.peer().clone(),
            role: arrival.session.facts().role,
            session: Some(arrival.session.clone()),
        };
        let cancelled = CancellationToken::new();
        let deciding = self.decide(caller, &request, bytes, &cancelled);
        // Asked for only where the handler does not answer at once.
        let stopped = async { arrival.writer.stopped().await };
        let answer = watched(deciding, stopped, &cancelled).await;
        let (reply_message, code) = match answer {
            Ok(result) => (Reply::Result(result), Outcome::Ok),
            Err(failure) => {
                let code = failure.code;
                (Reply::Error(failure), Outcome::Failed(code))
            }
        };
        arrival.reader.stop(ResetCode::Answered);
        if code == Outcome::Failed(Code::Cancelled) {
            arrival.writer.reset(ResetCode::Cancelled);
        } else {
            reply(&mut arrival, reply_message).await;
        }
        self.record(&arrival, began, &request, code);
    }
}

/// Answers, and cancels once the caller has stopped the stream or is gone.
async fn watched<T>(
    deciding: impl Future<Output = T>,
    stopped: impl Future<Output = ()>,
    cancelled: &CancellationToken,
) -> T {
    let (mut deciding, mut stopped) = (std::pin::pin!(deciding), std::pin::pin!(stopped.fuse()));
    poll_fn(|task| {
        if let Poll::Ready(answer) = deciding.as_mut().poll(task) {
            return Poll::Ready(answer);
        }
        if stopped.as_mut().poll(task).is_ready() {
            cancelled.cancel();
            return deciding.as_mut().poll(task);
        }
        Poll::Pending
    })
    .await
}

/// Runs a handler; a panic in it becomes a failure.
async fn contained(route: &Route, context: Context, params: Encoded) -> Result<Encoded, Failure> {
    let answering = AssertUnwindSafe(async { route.answer(context, params).await });
    answering.catch_unwind().await.unwrap_or_else(|panic| {
        let what = panic
            .downcast_ref::<&str>()
            .map(ToString::to_string)
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_default();
        tracing::error!(method = %route.name, panic = %what.escape_debug(), "handler panicked");
        Err(Failure::new(Code::Internal, "the handler failed").reason("panic"))
    })
}

async fn reply(arrival: &mut Arrival, reply: Reply) {
    if arrival.writer.send(reply.encode()).await.is_ok() {
        arrival.writer.finish();
    }
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

/// A request that could not be read.
enum Unread {
    /// Nobody waits for an answer.
    Gone,
    /// The answer.
    Answer(Failure),
}

fn unread(error: ReadError) -> Unread {
    match error {
        ReadError::Reset(_) | ReadError::Lost(_) => Unread::Gone,
        ReadError::Frame(bothways_protocol::FrameError::Oversize { bytes, max }) => Unread::Answer(
            too_large(format!("messages of {max} bytes are taken, this one has {bytes}")),
        ),
        ReadError::Crowded => Unread::Answer(
            Failure::new(Code::ResourceExhausted, error.to_string()).reason("assembling"),
        ),
        ReadError::Slow { .. } => Unread::Answer(
            Failure::new(Code::DeadlineExceeded, error.to_string()).reason("slow_message"),
        ),
        ReadError::Frame(error) => malformed(error.to_string()),
    }
}

fn malformed(problem: String) -> Unread {
    Unread::Answer(Failure::new(Code::InvalidArgument, problem).reason("malformed_message"))
}

fn wrong(error: &MessageError) -> Failure {
    let failure =
        Failure::new(Code::InvalidArgument, error.to_string()).reason("malformed_message");
    match error.field() {
        Some(field) => failure.field(field),
        None => failure,
    }
}

fn too_large(sentence: String) -> Failure {
    Failure::new(Code::ResourceExhausted, sentence)
        .reason("message_too_large")
        .retry(bothways_protocol::Retry::Never)
}

fn too_late() -> Failure {
    Failure::new(Code::DeadlineExceeded, "the time was up before there was an answer")
}

fn gone() -> Failure {
    Failure::new(Code::Cancelled, "the caller gave up")
}

fn stopping() -> Failure {
    Failure::new(Code::Unavailable, "the node is stopping").reason("going_away")
}

/// The enabled method that is written most like the one asked for, if it is much alike.
fn nearest<'a>(
    asked: &str,
    methods: impl Iterator<Item = &'a bothways_protocol::MethodName>,
) -> Option<&'a bothways_protocol::MethodName> {
    methods
        .map(|name| (strsim::jaro_winkler(asked, name.as_str()), name))
        .filter(|(likeness, _)| *likeness > 0.85)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, name)| name)
}
