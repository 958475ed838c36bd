//! Tells the events of a subscription on its stream, at the pace of whoever reads them.

use std::time::Duration;

use bothways_protocol::ResetCode;
use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::Stage;
use super::answer::{Dispatch, Entry, Events, More, StreamAnswer};
use crate::transport::MessageWriter;

/// How a subscription ends here.
enum End {
    /// Nothing more comes on this session: the subscriber resumes on another.
    Finish,
    /// In the midst of a message, or because nothing more can be read.
    Reset,
    /// The subscriber wants no more, or is gone.
    Gone,
}

/// Sends the response, then events as they come, until one side ends it.
pub(super) async fn tell_all<D: Dispatch>(
    stream: StreamAnswer<D>,
    response: Bytes,
    mut events: Box<dyn Events>,
    mut entry: D::Entry,
) {
    let StreamAnswer { on, mut writer, open: _open, .. } = stream;
    let mut stage = on.session.inner.stage.subscribe();
    let end = match timeout(on.message_send, writer.send(response)).await {
        Ok(Ok(())) => {
            entry.note_sent(writer.sent_bytes());
            entry.begin_events();
            tell(&mut writer, &mut *events, &mut stage, &mut entry).await
        }
        Ok(Err(_)) => End::Gone,
        Err(_) => End::Reset,
    };
    match end {
        End::Finish => writer.finish(),
        End::Reset | End::Gone => writer.reset(ResetCode::Cancelled),
    }
    entry.note_sent(writer.sent_bytes());
}

async fn tell(
    writer: &mut MessageWriter,
    events: &mut dyn Events,
    stage: &mut watch::Receiver<Stage>,
    entry: &mut impl Entry,
) -> End {
    // For a record of what was told; made once.
    let mut due = std::pin::pin!(sleep(Duration::ZERO));
    let mut is_due = false;
    let mut stopped = std::pin::pin!(writer.stopped());
    let mut leaving = std::pin::pin!(leaving(stage));
    loop {
        let more = tokio::select! {
            biased;
            () = &mut stopped => return End::Gone,
            () = &mut leaving => return End::Finish,
            () = &mut due, if is_due => {
                is_due = false;
                entry.note_sent(writer.sent_bytes());
                entry.record_events();
                continue;
            }
            more = events.next() => more,
        };
        let (bytes, count) = match more {
            More::Events(bytes, count) => (bytes, count),
            More::End => return End::Finish,
            More::Failed => return End::Reset,
        };
        tokio::select! {
            biased;
            written = writer.send(bytes) => match written {
                Ok(()) => if let Some(at) = entry.note_events(count) {
                    due.as_mut().reset(at.into());
                    is_due = true;
                },
                Err(_) => return End::Gone,
            },
            // Whoever reads so slowly gets the rest elsewhere.
            () = &mut leaving => return End::Reset,
        }
    }
}

/// Waits until the session begins to leave.
async fn leaving(stage: &mut watch::Receiver<Stage>) {
    // Its sender is as old as the session.
    let _ = stage.wait_for(|stage| *stage != Stage::Open).await;
}
