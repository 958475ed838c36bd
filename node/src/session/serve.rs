//! Runs a session: reads what the peer says and hands on what it asks, until one side leaves.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bothways_protocol::{
    Bye, CloseCode, Code, Control, Failure, GoingAway, Outgoing, Reply, ResetCode,
};
use futures_util::FutureExt;
use quinn::{Connection, ConnectionError, RecvStream, SendStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::greet::Greeted;
use super::{Session, Stage, Table};
use crate::transport::{MessageReader, MessageWriter, ReadError};

/// How long a peer may take to close the connection after our bye.
const BYE_TIMEOUT: Duration = Duration::from_secs(2);

/// One request stream of a peer.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) session: Session,
    pub(crate) writer: MessageWriter,
    pub(crate) reader: MessageReader,
}

/// Who answers what a session hands on.
pub(crate) trait Dispatch: Send + Sync + 'static {
    /// The largest message that any method takes, in bytes.
    fn message_bytes(&self) -> usize;

    /// Reads the request, answers it, ends the stream.
    fn answer(self: Arc<Self>, arrival: Arrival) -> impl Future<Output = ()> + Send;
}

/// Lists a session, runs it to its end, and takes it off the list.
pub(crate) async fn serve<D: Dispatch>(
    greeted: Greeted,
    table: &Arc<Table>,
    dispatch: &Arc<D>,
    in_flight: usize,
) -> String {
    let Greeted { connection, facts, assembly, writer, reader } = greeted;
    let (session, to_write) = Session::new(connection, facts, assembly);
    if table.enter(&session).is_err() {
        session.close(CloseCode::TooManyConnections, "too many connections");
        return "too many connections".to_owned();
    }
    let facts = session.facts();
    tracing::info!(
        peer = %facts.peer, role = %facts.role, dialed = ?facts.dialed,
        address = %session.address(), "session begins"
    );
    let mut serving = Serving {
        stage: session.inner.stage.subscribe(),
        session: session.clone(),
        dispatch: dispatch.clone(),
        in_flight,
        reader,
        requests: JoinSet::new(),
        last_begun: None,
        refusing: false,
        said_bye: None,
        heard_bye: false,
    };
    let mut writing = JoinSet::new();
    writing.spawn(write_control(writer, to_write));
    let why = serving.run(table).await;
    table.leave(&session);
    // The connection is gone, so whoever still answers ends at once, and leaves its record.
    while serving.requests.join_next().await.is_some() {}
    tracing::info!(peer = %session.peer(), why, "session ends");
    why
}

/// Writes control messages in turn; ends the stream when the session is gone.
async fn write_control(mut writer: MessageWriter, mut to_write: mpsc::Receiver<Control>) {
    while let Some(control) = to_write.recv().await {
        let last = matches!(control, Control::Bye(_));
        if writer.send(control.encode()).await.is_err() || last {
            break;
        }
    }
    writer.finish();
    // Keeps the stream until the session's end: to drop it would say nothing more, too early.
    pending::<()>().await;
}

struct Serving<D> {
    session: Session,
    dispatch: Arc<D>,
    in_flight: usize,
    reader: MessageReader,
    stage: watch::Receiver<Stage>,
    /// Requests of the peer that are being answered.
    requests: JoinSet<()>,
    /// The index of the newest request that was begun.
    last_begun: Option<u64>,
    /// We have said that we are going away.
    refusing: bool,
    /// When we said bye.
    said_bye: Option<Instant>,
    heard_bye: bool,
}

/// A stream that the peer opened, or the end of the connection.
type Opened = Result<(SendStream, RecvStream), ConnectionError>;

/// Whether the session goes on.
enum Next {
    Go,
    End(String),
}

impl<D: Dispatch> Serving<D> {
    async fn run(&mut self, table: &Table) -> String {
        let connection = self.session.inner.connection.clone();
        loop {
            // Whatever has ended meanwhile: one by one they would cost a turn each.
            while self.requests.try_join_next().is_some() {}
            if let Next::End(why) = self.say_what_is_due() {
                return why;
            }
            let bye_over = self.said_bye.map(|said| said + BYE_TIMEOUT);
            let next = tokio::select! {
                biased;
                heard = self.reader.next(), if !self.heard_bye => self.hear(heard),
                Some(_) = self.requests.join_next() => Next::Go,
                opened = connection.accept_bi() => self.begin_all(&connection, opened),
                _ = self.stage.changed() => { table.note_change(); Next::Go }
                () = self.session.inner.place_freed.notified() => Next::Go,
                () = reached(bye_over), if bye_over.is_some() =>
                    self.end(CloseCode::Bye, "the peer did not close the connection"),
            };
            if let Next::End(why) = next {
                return why;
            }
        }
    }

    /// Says `going_away` when the session begins to drain, `bye` when nothing is in flight; closes
    /// the connection when the peer has said it and all our requests are answered.
    fn say_what_is_due(&mut self) -> Next {
        let stage = *self.stage.borrow_and_update();
        if stage == Stage::Closed {
            return Next::End("closed by this node".to_owned());
        }
        let asking = self.session.asking();
        if self.heard_bye && asking == 0 {
            return self.end(CloseCode::Bye, "bye");
        }
        let leaving = *self.session.leaving();
        if let Some(why) = leaving {
            if !self.refusing {
                self.refusing = true;
                self.say(Control::GoingAway(GoingAway { last: self.last_begun, why }));
            }
            if asking == 0 && self.requests.is_empty() && self.said_bye.is_none() {
                self.said_bye = Some(Instant::now());
                self.say(Control::Bye(Bye { why }));
            }
        }
        Next::Go
    }

    fn say(&self, control: Control) {
        // The queue holds more than a session ever has to say; a peer that reads nothing of it is
        // let go when the time for its bye is over.
        if self.session.inner.control.try_send(control).is_err() {
            tracing::warn!(peer = %self.session.peer(), "control message dropped");
        }
    }

    fn hear(&mut self, heard: Result<Option<bytes::Bytes>, ReadError>) -> Next {
        let control = match heard {
            Ok(Some(message)) => Control::decode(&message),
            Ok(None) => return self.broken("the control stream ended without a bye"),
            Err(ReadError::Lost(error)) => return self.lost(&error),
            Err(error) => return self.broken(&error.to_string()),
        };
        match control {
            Ok(Control::GoingAway(away)) => {
                tracing::debug!(peer = %self.session.peer(), why = %away.why, "peer goes away");
                self.session.enter(Stage::Draining);
            }
            Ok(Control::Bye(_)) => {
                self.session.enter(Stage::Draining);
                self.heard_bye = true;
            }
            Ok(Control::MethodsChanged | Control::Unknown) => {}
            Ok(Control::Hello(_) | Control::Welcome(_)) => {
                return self.broken("a second greeting");
            }
            Err(error) => return self.broken(&error.to_string()),
        }
        Next::Go
    }

    /// Begins the request on a stream, and those on the streams that are there as well: most
    /// often one datagram opens many.
    fn begin_all(&mut self, connection: &Connection, first: Opened) -> Next {
        let mut next = self.begin(first);
        for _ in 1..self.in_flight {
            if let Next::End(_) = next {
                break;
            }
            let Some(opened) = connection.accept_bi().now_or_never() else { break };
            next = self.begin(opened);
        }
        next
    }

    fn begin(&mut self, opened: Opened) -> Next {
        let (send, recv) = match opened {
            Ok(streams) => streams,
            Err(error) => return self.lost(&error),
        };
        let writer = MessageWriter::new(send);
        let max_bytes = self.dispatch.message_bytes();
        let reader = MessageReader::new(recv, max_bytes, &self.session.inner.assembly);
        if self.refusing {
            let failure = Failure::new(Code::Unavailable, "the node is going away");
            self.requests.spawn(refuse(writer, reader, failure.reason("going_away")));
        } else if self.requests.len() >= self.in_flight {
            let failure = Failure::new(Code::ResourceExhausted, "too many requests in flight");
            self.requests.spawn(refuse(writer, reader, failure.reason("in_flight")));
        } else {
            self.last_begun = self.last_begun.max(Some(writer.index()));
            self.session.inner.requests_in.fetch_add(1, Ordering::Relaxed);
            let arrival = Arrival { session: self.session.clone(), writer, reader };
            self.requests.spawn(Box::pin(self.dispatch.clone().answer(arrival)));
        }
        Next::Go
    }

    fn broken(&self, problem: &str) -> Next {
        tracing::warn!(peer = %self.session.peer(), problem, "peer breaks the protocol");
        self.end(CloseCode::ProtocolError, problem)
    }

    fn lost(&self, error: &ConnectionError) -> Next {
        self.session.enter(Stage::Closed);
        Next::End(ended(error))
    }

    fn end(&self, code: CloseCode, reason: &str) -> Next {
        self.session.close(code, reason);
        Next::End(reason.to_owned())
    }
}

/// Waits for a time; for ever where there is none.
async fn reached(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => pending().await,
    }
}

/// Answers a request that is not even read.
async fn refuse(mut writer: MessageWriter, mut reader: MessageReader, failure: Failure) {
    reader.stop(ResetCode::Answered);
    if writer.send(Reply::Error(failure).encode()).await.is_ok() {
        writer.finish();
    }
}

/// How a connection ended, in words: what a peer says in its reason is escaped.
pub(super) fn ended(error: &ConnectionError) -> String {
    match error {
        ConnectionError::ApplicationClosed(close) => {
            let code = CloseCode::of(close.error_code.into_inner());
            let code = code.map_or("an unknown code", CloseCode::as_str);
            let reason = String::from_utf8_lossy(&close.reason);
            let reason: String = reason.chars().take(200).collect();
            format!("closed by the peer ({code}): {}", reason.escape_debug())
        }
        ConnectionError::TimedOut => "the peer was silent for too long".to_owned(),
        ConnectionError::LocallyClosed => "closed by this node".to_owned(),
        error => error.to_string().escape_debug().to_string(),
    }
}
