//! What a subscription holds, and whom it tells, over a store in memory.

use bothways_protocol::{Event, Frames, Reply};
use bytes::Bytes;

use super::follow::{Followed, Follower, Subscriber};
use super::topics::Topics;
use super::*;
use crate::session::{Events, More};
use crate::store::{ChangeKind, Embedded, Expect, StoreBounds};

/// Tells each value as it is; every second one to `ann` alone.
struct Notes(Arc<dyn Store>);

const TOPIC: &str = "notes.written";

impl Feed for Notes {
    const SERVICE: &'static str = "notes";
    const TOPICS: &'static [&'static str] = &[TOPIC];
    const ABOUT: &'static str = "Notes.";

    fn store(&self) -> &Arc<dyn Store> {
        &self.0
    }

    fn prefix(&self) -> Prefix {
        Prefix::below(&"notes".parse().unwrap())
    }

    fn tell(&self, change: &Change) -> Result<Option<Told>, StoreError> {
        let ChangeKind::Put(value) = &change.kind else { return Ok(None) };
        let body = Encoded::of(&String::from_utf8(value.to_vec()).unwrap()).unwrap();
        let audience = match change.revision.0 % 2 {
            0 => Audience::Only(vec!["ann".parse().unwrap()]),
            _ => Audience::All,
        };
        Ok(Some(Told { topic: TOPIC, body, audience }))
    }
}

async fn notes(count: usize) -> Arc<Notes> {
    let store: Arc<dyn Store> = Arc::new(Embedded::in_memory(&StoreBounds::default()).unwrap());
    let long = Bytes::from("x".repeat(1_000));
    for n in 0..count {
        let key = format!("notes.n{n}").parse().unwrap();
        store.put(key, Expect::Absent, long.clone(), None).await.unwrap();
    }
    Arc::new(Notes(store))
}

async fn follow(notes: &Arc<Notes>, followed: &Followed, name: &str) -> Follower<Notes> {
    let name: NodeName = name.parse().unwrap();
    let subscriber = Subscriber {
        topics: Topics::named(&[], "notes", Notes::TOPICS).unwrap(),
        stamp: Stamp::of(&*notes.0, "notes", &name),
        from: Revision(0),
        cursor_moves: std::time::Duration::ZERO,
        place: Arc::new(Watching::default()).place_for(&name, "notes").unwrap(),
        name,
    };
    Follower::begin(notes.clone(), followed, subscriber).await.unwrap()
}

async fn written(follower: &mut Follower<Notes>) -> (usize, Vec<Event>) {
    let More::Events(bytes, _) = Events::next(follower).await else { panic!("events were due") };
    let mut frames = Frames::new(1024 * 1024);
    frames.push(bytes.clone());
    let mut events = Vec::new();
    while let Some(message) = frames.next_message().unwrap() {
        let Reply::Event(event) = Reply::decode(&message).unwrap() else { panic!("an event") };
        events.push(event);
    }
    (bytes.len(), events)
}

#[tokio::test]
async fn a_subscriber_that_is_slow_has_what_is_written_in_one_go_and_no_more() {
    let (notes, followed) = (notes(5_000).await, Followed::default());
    let mut slow = Vec::new();
    for _ in 0..20 {
        slow.push(follow(&notes, &followed, "ann").await);
    }
    let (mut held, mut seen) = (0, 0);
    for follower in &mut slow {
        held += written(follower).await.0;
    }
    assert!(held <= 20 * (follow::WRITE_BYTES + 1_200), "{held} bytes of 20 * 5 MB");
    let mut one = follow(&notes, &followed, "ann").await;
    while seen < 5_000 {
        let (bytes, events) = written(&mut one).await;
        assert!(bytes <= follow::WRITE_BYTES + 1_200, "{bytes} bytes");
        seen += events.len();
    }
    let (events, bytes) = followed.shared.held();
    assert!(events <= 1024 && bytes <= 1024 * 1024, "{events} events of {bytes} bytes");
}

#[tokio::test]
async fn who_is_not_in_the_audience_hears_nothing_but_how_far_it_has_come() {
    let (notes, followed) = (notes(4).await, Followed::default());
    let revisions = |events: Vec<Event>, name: &str| -> Vec<(u64, String)> {
        let stamp = Stamp::of(&*notes.0, "notes", &name.parse().unwrap());
        let place = |event: Event| {
            let cursor = Cursor::of_bytes(event.cursor).unwrap();
            (stamp.read(&cursor).unwrap().0, event.topic)
        };
        events.into_iter().map(place).collect()
    };
    let told = |at: &[u64]| at.iter().map(|at| (*at, TOPIC.to_owned())).collect::<Vec<_>>();
    let mut ann = follow(&notes, &followed, "ann").await;
    assert_eq!(revisions(written(&mut ann).await.1, "ann"), told(&[1, 2, 3, 4]));
    let mut ben = follow(&notes, &followed, "ben").await;
    assert_eq!(revisions(written(&mut ben).await.1, "ben"), told(&[1, 3]));
    assert_eq!(revisions(written(&mut ben).await.1, "ben"), [(4, String::new())]);
}
