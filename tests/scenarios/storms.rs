//! A peer that does harmless things, very often.

use bothways::protocol::{Outgoing, Reply, ResetCode};
use bothways_tests::{Echo, Slow, request, soon};

use crate::support::Beset;

#[tokio::test]
async fn who_begins_and_gives_up_requests_without_end_leaves_nothing_at_work() {
    let beset = Beset::new().await;
    let raw = beset.network.raw("ann").session(beset.address()).await;
    let asked = request("lab.slow", &Slow {}).encode();
    let cancelled = ResetCode::Cancelled.number().into();

    for _ in 0..3_000 {
        let mut stream = raw.begin(&asked).await;
        stream.finish();
        stream.recv.stop(cancelled).unwrap();
        let mut half = raw.begin(&asked[..asked.len() / 2]).await;
        half.send.reset(cancelled).unwrap();
        half.recv.stop(cancelled).unwrap();
    }

    // Streams are begun in their order: behind this one there is none.
    let last = request("lab.echo", &Echo { text: String::new() });
    while !matches!(raw.ask(&last).await, Reply::Result(_)) {}
    // What was begun has been dropped, the friend's request alone goes on.
    beset.lab.until("all given up", |seen| seen.started == seen.dropped + 1).await;
    beset.stands().await;
}

#[tokio::test]
async fn who_connects_without_end_leaves_no_session() {
    let beset = Beset::new().await;
    let dialer = beset.network.raw("ann");
    for _ in 0..100 {
        let raw = dialer.session(beset.address()).await;
        raw.connection.close(0_u32.into(), b"");
    }

    let friend_alone = |sessions: &[bothways::SessionInfo]| sessions.len() == 1;
    soon("the friend alone", bothways_tests::until(&beset.hub, "one session", friend_alone)).await;
    beset.stands().await;
}
