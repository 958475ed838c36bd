//! Runs a session: reads what the peer says and hands on what it asks, until one side leaves.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bothways_protocol::{Bye, CloseCode, Control, Farewell, GoingAway, Outgoing};
use futures_util::FutureExt;
use quinn::{Connection, ConnectionError, RecvStream, SendStream, VarInt};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinSet, yield_now};
use tokio::time::{Instant, sleep_until};

use super::answer::{Answering, Dispatch, StreamAnswer, going_away};
use super::ended::ended;
use super::greet::Greeted;
use super::lane::Lane;
use super::leaving::Leaving;
use super::pulse::Pulse;
use super::stay_away::stay_away;
use super::turn::turn;
use super::{OpenStream, Session, Stage, Table};
use crate::config::Limits;
use crate::transport::{MessageReader, MessageWriter, ReadError, streams};

/// The stream with which a session counts as busy: a peer that only now and then asks opens fewer.
const BUSY_FROM: u64 = 8;

/// Lists a session, runs it to its end, and takes it off the list.
pub(crate) async fn serve<D: Dispatch>(
    greeted: Greeted,
    table: &Arc<Table>,
    dispatch: &Arc<D>,
    limits: &Limits,
) -> Ended {
    let Greeted { connection, facts, assembly, writer, reader } = greeted;
    let answering_max = limits.requests_in_flight;
    let (session, to_write) = Session::new(connection, facts, assembly, answering_max);
    if table.enter(&session).is_err() {
        tracing::warn!(peer = %session.peer(), "too many connections");
        session.close(CloseCode::TooManyConnections, "too many connections");
        return Ended { retry_after: None };
    }
    let listed = Listed { table, session: &session };
    let facts = session.facts();
    tracing::info!(
        peer = %facts.peer, role = %facts.role, dialed = %facts.dialed,
        address = %session.address(), "session begins"
    );
    let mut serving = Serving {
        stage: session.inner.stage.subscribe(),
        session: session.clone(),
        request_bytes: dispatch.message_bytes(),
        streams: Some(streams(limits)),
        answering: Arc::new(Answering {
            dispatch: dispatch.clone(),
            session: session.clone(),
            message_send: limits.message_send,
        }),
        answer_bytes: limits.message_bytes,
        drain: limits.deadline_max,
        reader,
        requests: JoinSet::new(),
        lane: JoinSet::new(),
        last_begun: None,
        leaving: Leaving::default(),
        pulse: Pulse::new(),
    };
    let mut writing = JoinSet::new();
    writing.spawn(write_control(writer, to_write));
    let why = serving.run(table).await;
    drop(listed);
    // The connection is gone, so whoever still answers ends at once, and leaves its record.
    while serving.requests.join_next().await.is_some() {}
    tracing::info!(peer = %session.peer(), why, "session ends");
    Ended { retry_after: serving.leaving.retry_after() }
}

/// What a session that has ended leaves behind.
pub(crate) struct Ended {
    /// How long the peer would like us to stay away.
    pub(super) retry_after: Option<Duration>,
}

/// A session's place in the table, given up however the session ends.
struct Listed<'a> {
    table: &'a Table,
    session: &'a Session,
}

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        // Closed already, but where something has gone wrong here.
        self.session.close(CloseCode::Internal, "the session failed");
        self.table.leave(self.session);
    }
}

/// Writes control messages in turn; ends the stream when the session is gone.
async fn write_control(mut writer: MessageWriter, mut to_write: mpsc::Receiver<Box<Control>>) {
    while let Some(control) = to_write.recv().await {
        let last = matches!(*control, Control::Bye(_));
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
    answering: Arc<Answering<D>>,
    /// How many streams the peer may open once it is busy; `None` when it has been told.
    streams: Option<VarInt>,
    /// The largest request that is read, in bytes.
    request_bytes: usize,
    /// The largest answer that any request of ours may have, in bytes.
    answer_bytes: usize,
    /// How long a drain may take: as long as any request may.
    drain: Duration,
    reader: MessageReader,
    stage: watch::Receiver<Stage>,
    /// Requests of the peer that are being answered, and its lane.
    requests: JoinSet<()>,
    /// The lane on which this node asks.
    lane: JoinSet<()>,
    /// The index of the newest request stream that was begun.
    last_begun: Option<u64>,
    leaving: Leaving,
    pulse: Pulse,
}

/// A stream that the peer opened, or the end of the connection.
type Opened = Result<(SendStream, RecvStream), ConnectionError>;

/// Whether the session goes on.
enum Next {
    Go,
    /// It does, when others have had their turn.
    Yield,
    End(String),
}

impl<D: Dispatch> Serving<D> {
    async fn run(&mut self, table: &Table) -> String {
        let connection = self.session.inner.connection.clone();
        loop {
            // Whatever has ended meanwhile: one by one they would cost a turn each.
            while let Some(ended) = self.requests.try_join_next() {
                self.note_ended(ended);
            }
            if let Next::End(why) = self.say_what_is_due(table) {
                return why;
            }
            self.open_lane(&connection);
            let over = self.leaving.over_at(self.drain);
            let next = tokio::select! {
                biased;
                heard = self.reader.next(), if !self.leaving.heard_bye() => self.hear(heard),
                Some(ended) = self.requests.join_next() => self.note_ended(ended),
                opened = connection.accept_bi() => self.begin_all(&connection, opened),
                _ = self.stage.changed() => Next::Go,
                () = self.session.inner.due.notified() => Next::Go,
                () = self.pulse.look() => self.show_life(),
                () = reached(over), if over.is_some() =>
                    self.end(self.leaving.close_code(), "the time to leave is over"),
            };
            match next {
                Next::Go => {}
                Next::Yield => yield_now().await,
                Next::End(why) => return why,
            }
        }
    }

    /// Says `going_away` when the session begins to drain, `bye` when nothing is in flight; closes
    /// the connection when the peer has said it and all our requests are answered.
    fn say_what_is_due(&mut self, table: &Table) -> Next {
        let (stage, moved) = {
            let stage = self.stage.borrow_and_update();
            (*stage, stage.has_changed())
        };
        if moved {
            table.note_change();
        }
        if stage == Stage::Closed {
            return Next::End("closed by this node".to_owned());
        }
        let asking = self.session.asking();
        if self.leaving.heard_bye() && asking == 0 {
            return self.end(CloseCode::Bye, "bye");
        }
        let leaving = *self.session.leaving();
        if let Some(why) = leaving {
            if self.leaving.go_away(why, Instant::now()) {
                self.session.inner.away.store(true, Ordering::Relaxed);
                let retry_after =
                    (why == Farewell::Stopping).then(|| stay_away(table.len(), rand::random()));
                let last = self.last_begun;
                self.say(Control::GoingAway(GoingAway { last, retry_after, why }));
            }
            let served = self.session.inner.lanes_served.load(Ordering::Relaxed);
            let answered = self.requests.len() <= served && self.session.answering() == 0;
            let idle = asking == 0 && answered;
            if idle && !self.answering.dispatch.answers() {
                // Nothing is answered here, so nothing of an answer can be under way.
                return self.end(CloseCode::Bye, "bye");
            }
            if idle && self.leaving.say_bye(Instant::now()) {
                self.session.note_end();
                self.say(Control::Bye(Bye { why }));
            }
        }
        Next::Go
    }

    /// Sends something where the peer owes us something and is silent.
    fn show_life(&mut self) -> Next {
        if !self.leaving.said_bye() && self.pulse.is_due(&self.session) {
            self.say(Control::Alive);
        }
        Next::Go
    }

    fn note_ended(&self, ended: Result<(), JoinError>) -> Next {
        // A handler's panic is contained where it is called: this one is the node's own.
        if let Err(error) = ended.map_err(|error| error.to_string()) {
            tracing::error!(peer = %self.session.peer(), error, "answering failed");
        }
        Next::Go
    }

    fn say(&self, control: Control) {
        // The queue holds more than a session ever has to say; a peer that reads nothing of it is
        // let go when the time for its bye is over.
        if self.session.inner.control.try_send(Box::new(control)).is_err() {
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
                self.session.note_end();
                self.leaving.hear_away(&away, Instant::now());
            }
            Ok(Control::Bye(_)) => {
                self.session.note_end();
                self.leaving.hear_bye();
            }
            Ok(Control::MethodsChanged | Control::Alive | Control::Unknown) => {}
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
        for _ in 1..turn() {
            if let Next::End(_) = next {
                return next;
            }
            let Some(opened) = connection.accept_bi().now_or_never() else { return next };
            next = self.begin(opened);
        }
        if let Next::Go = next { Next::Yield } else { next }
    }

    fn begin(&mut self, opened: Opened) -> Next {
        let (send, recv) = match opened {
            Ok(streams) => streams,
            Err(error) => return self.lost(&error),
        };
        let writer = MessageWriter::new(send);
        let index = writer.index();
        if index >= BUSY_FROM
            && let Some(streams) = self.streams.take()
        {
            self.session.inner.connection.set_max_concurrent_bi_streams(streams);
        }
        let stream = StreamAnswer {
            on: self.answering.clone(),
            writer,
            reader: self.reader_of(recv, self.request_bytes),
            open: OpenStream::on(&self.session),
        };
        if self.leaving.is_away() {
            self.requests.spawn(stream.refuse(going_away()));
        } else {
            self.last_begun = self.last_begun.max(Some(index));
            stream.begin(&mut self.requests);
        }
        Next::Go
    }

    /// Opens the lane on which this node asks, where it wants one and has none.
    fn open_lane(&mut self, connection: &Connection) {
        let inner = &self.session.inner;
        if inner.lane.get().is_some() || !self.session.wants_a_lane() {
            return;
        }
        // Where the peer allows no stream at the moment, there will be another.
        let Some(Ok((send, recv))) = connection.open_bi().now_or_never() else { return };
        let lane = Arc::new(Lane::new(inner.permits_max as usize));
        let (writer, reader) = (MessageWriter::new(send), self.reader_of(recv, self.answer_bytes));
        let (running, open) = (lane.clone().run(writer, reader), OpenStream::on(&self.session));
        self.lane.spawn(running.inspect(move |_| drop(open)));
        // It was empty above, and only this task fills it.
        let _ = inner.lane.set(lane);
    }

    fn reader_of(&self, stream: RecvStream, max_bytes: usize) -> MessageReader {
        MessageReader::new(stream, max_bytes, &self.session.inner.assembly)
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
