//! The rules and refusals of messages, over a store in memory.

use bothways_protocol::{IdempotencyKey, Method};

use super::*;
use crate::store::{Embedded, StoreBounds};

struct Scene {
    messages: Messages,
    store: Arc<dyn Store>,
}

fn scene() -> Scene {
    with(MessagesPlan::default())
}

fn with(plan: MessagesPlan) -> Scene {
    let store: Arc<dyn Store> = Arc::new(Embedded::in_memory(&StoreBounds::default()).unwrap());
    Scene { messages: Messages::new(Arc::clone(&store), plan), store }
}

fn by(name: &str) -> Context {
    Context::by(name.parse().unwrap(), None)
}

/// A write under a key; sent with the same number it is the same request.
fn keyed(name: &str, number: u128) -> Context {
    let caller: NodeName = name.parse().unwrap();
    let (method, key) = (SendMessage::NAME.parse().unwrap(), IdempotencyKey(number.to_be_bytes()));
    Context::by(caller.clone(), Some(Once { caller, method, key, params: [0; 32] }))
}

fn to(name: &str, text: &str) -> SendMessage {
    SendMessage { to: name.parse().unwrap(), text: text.parse().unwrap() }
}

fn texts(page: &MessagesPage) -> Vec<&str> {
    page.messages.iter().map(|message| message.text.as_str()).collect()
}

impl Scene {
    async fn send(&self, from: &str, name: &str, text: &str) -> MessageId {
        let sent = self.messages.send(by(from), to(name, text)).await.unwrap();
        assert_eq!(sent.state, MessageState::Queued);
        sent.id
    }

    async fn read(&self, reader: &str, id: MessageId) -> Result<Message, Failure> {
        self.messages.read(by(reader), ReadMessage { id }).await
    }

    async fn list(&self, of: &str, params: ListMessages) -> MessagesPage {
        self.messages.list(by(of), params).await.unwrap()
    }

    async fn acknowledge(&self, by: &str, through: Revision) {
        let changes = self.store.changes_after(Revision(0), &Prefix::all(), 1_000).await.unwrap();
        for change in changes.changes.iter().filter(|change| change.revision <= through) {
            self.messages.delivered(&by.parse().unwrap(), change).await.unwrap();
        }
    }

    fn newest(&self) -> Revision {
        *self.store.newest().borrow()
    }

    /// A message that was sent so long ago.
    async fn sent_ago(&self, from: &str, name: &str, ago: Duration) -> MessageId {
        let ago_ms = u64::try_from(ago.as_millis()).unwrap();
        let id = MessageId::before(crate::clock::unix_ms() - ago_ms);
        let SendMessage { to, text } = to(name, "long ago");
        let from = from.parse().unwrap();
        let message = StoredMessage { from, to, text, state: MessageState::Queued };
        let (kind, index) = (ChangeKind::Put(message.to_bytes().unwrap()), message.index(id));
        let (key, unindex) = (id.key(), message.unindex(id));
        let write = Write { key, expect: Expect::Absent, kind, index, unindex, once: None };
        self.store.write(write).await.unwrap();
        id
    }
}

#[tokio::test]
async fn a_message_is_in_the_box_of_both_and_of_nobody_else() {
    let scene = scene();
    let id = scene.send("ann", "ben", "hello").await;
    let side = Some(MessageBox::Out);
    let inbox = scene.list("ben", ListMessages::default()).await;
    let sent = scene.list("ann", ListMessages { side, ..ListMessages::default() }).await;
    assert_eq!(inbox.messages, sent.messages);
    let message = &inbox.messages[0];
    assert_eq!((message.id, message.from.as_str(), message.to.as_str()), (id, "ann", "ben"));
    assert_eq!((message.state, message.sent_ms), (MessageState::Queued, id.sent_ms()));
    for other in ["ann", "cat"] {
        assert!(scene.list(other, ListMessages::default()).await.messages.is_empty());
    }
    assert!(
        scene
            .list("ben", ListMessages { side, ..ListMessages::default() })
            .await
            .messages
            .is_empty()
    );
}

#[tokio::test]
async fn a_message_is_read_once_by_its_recipient_alone() {
    let scene = scene();
    let id = scene.send("ann", "ben", "hello").await;
    let sender = scene.read("ann", id).await.unwrap_err();
    assert_eq!((sender.code, sender.text("reason")), (Code::PermissionDenied, Some("recipient")));
    assert_eq!(scene.read("cat", id).await.unwrap_err().code, Code::NotFound);
    assert_eq!(scene.read("ben", MessageId::draw()).await.unwrap_err().code, Code::NotFound);
    let read = scene.read("ben", id).await.unwrap();
    assert_eq!((read.state, read.text.as_str()), (MessageState::Read, "hello"));
    assert_eq!(scene.read("ben", id).await.unwrap(), read, "reading again changes nothing");
}

#[tokio::test]
async fn what_is_acknowledged_is_delivered_and_never_goes_back() {
    let scene = scene();
    let first = scene.send("ann", "ben", "first").await;
    let second = scene.send("ann", "ben", "second").await;
    let others = scene.send("ann", "cat", "not yours").await;
    scene.read("ben", second).await.unwrap();
    for _ in 0..2 {
        scene.acknowledge("ben", scene.newest()).await;
        let states = [first, second, others].map(|id| scene.messages.state_of(id));
        let states = futures_util::future::join_all(states).await;
        let states: Vec<_> = states.into_iter().map(Result::unwrap).collect();
        assert_eq!(states, [MessageState::Delivered, MessageState::Read, MessageState::Queued]);
    }
    assert_eq!(scene.newest(), Revision(5), "acknowledging again writes nothing");
    scene.read("ben", first).await.unwrap();
}

#[tokio::test]
async fn an_acknowledgement_reaches_as_far_as_it_says() {
    let scene = scene();
    let first = scene.send("ann", "ben", "first").await;
    let second = scene.send("ann", "ben", "second").await;
    scene.acknowledge("ben", Revision(1)).await;
    assert_eq!(scene.messages.state_of(first).await.unwrap(), MessageState::Delivered);
    assert_eq!(scene.messages.state_of(second).await.unwrap(), MessageState::Queued);
}

#[tokio::test]
async fn a_send_that_is_repeated_is_the_same_message_never_less_far() {
    let scene = scene();
    let send = || scene.messages.send(keyed("ann", 1), to("ben", "hello"));
    let first = send().await.unwrap();
    assert_eq!(send().await.unwrap(), first);
    scene.acknowledge("ben", scene.newest()).await;
    let later = send().await.unwrap();
    assert_eq!(later, SentMessage { state: MessageState::Delivered, ..first.clone() });
    scene.read("ben", first.id).await.unwrap();
    assert_eq!(send().await.unwrap().state, MessageState::Read);
    let record = scene.store.get(&first.id.key()).await.unwrap().unwrap();
    scene.messages.remove(record).await.unwrap();
    assert_eq!(send().await.unwrap(), SentMessage { state: MessageState::Expired, ..first });
}

#[tokio::test]
async fn a_full_inbox_takes_no_more_until_some_are_read() {
    let scene = with(MessagesPlan { waiting_per_peer: 2, ..MessagesPlan::default() });
    let send = || scene.messages.send(keyed("ann", 1), to("ben", "hello"));
    let first = send().await.unwrap();
    scene.send("ann", "ben", "again").await;
    let refused = scene.messages.send(by("cat"), to("ben", "me, too")).await.unwrap_err();
    let told = (refused.code, refused.text("reason"));
    assert_eq!(told, (Code::ResourceExhausted, Some("inbox_full")));
    assert_eq!(send().await.unwrap(), first, "what was taken is answered all the same");
    scene.send("ann", "cat", "another inbox").await;
    scene.read("ben", first.id).await.unwrap();
    scene.send("cat", "ben", "me, too").await;
    assert!(scene.messages.send(by("cat"), to("ben", "more")).await.is_err());
}

#[tokio::test]
async fn a_sender_whose_messages_wait_everywhere_sends_no_more_until_some_are_read() {
    let scene = with(MessagesPlan { waiting_per_sender: 3, ..MessagesPlan::default() });
    let first = scene.send("ann", "n0", "hello").await;
    for to in ["n1", "n2"] {
        scene.send("ann", to, "hello").await;
    }
    let send = |to_whom: &'static str| scene.messages.send(by("ann"), to(to_whom, "one more"));
    let refused = send("n3").await.unwrap_err();
    let told = (refused.code, refused.text("reason"), refused.retry);
    assert_eq!(told, (Code::ResourceExhausted, Some("outbox_full"), Retry::After));
    scene.send("cat", "n3", "others may").await;
    scene.read("n0", first).await.unwrap();
    scene.send("ann", "n3", "there is room").await;
    assert!(send("n4").await.is_err());
    // Counted anew, as after a restart, it is the same.
    let plan = MessagesPlan { waiting_per_sender: 3, ..MessagesPlan::default() };
    let again = Scene { messages: Messages::new(scene.store.clone(), plan), store: scene.store };
    assert!(again.messages.send(by("ann"), to("n4", "one more")).await.is_err());
}

#[tokio::test]
async fn however_many_were_read_before_those_that_wait_are_counted_after_a_restart() {
    let plan =
        || MessagesPlan { waiting_per_peer: 2, waiting_per_sender: 3, ..MessagesPlan::default() };
    let scene = with(plan());
    for _ in 0..=COUNTED_AT_A_TIME {
        let read = scene.send("ann", "ben", "read at once").await;
        scene.read("ben", read).await.unwrap();
    }
    let first = scene.send("ann", "ben", "hello").await;
    for to in ["ben", "cat"] {
        scene.send("ann", to, "hello").await;
    }
    let again = Scene { messages: Messages::new(scene.store.clone(), plan()), store: scene.store };
    for (from, name, reason) in [("dan", "ben", "inbox_full"), ("ann", "dan", "outbox_full")] {
        let refused = again.messages.send(by(from), to(name, "one more")).await.unwrap_err();
        assert_eq!(refused.text("reason"), Some(reason));
    }
    // And one that is read leaves room.
    again.read("ben", first).await.unwrap();
    let later = Scene { messages: Messages::new(again.store.clone(), plan()), store: again.store };
    later.send("ann", "ben", "one more").await;
}

#[tokio::test]
async fn what_is_over_is_gone_at_once_and_removed_by_and_by() {
    let hour = Duration::from_hours(1);
    let plan = MessagesPlan { keep_for: hour, waiting_per_peer: 3, ..MessagesPlan::default() };
    let scene = with(plan);
    for number in 0..20 {
        scene.sent_ago("ann", "ben", hour * 2 + Duration::from_secs(number)).await;
    }
    let old = scene.sent_ago("ann", "ben", hour * 2).await;
    let kept = scene.sent_ago("ann", "ben", hour / 2).await;
    assert_eq!(scene.read("ben", old).await.unwrap_err().code, Code::NotFound);
    for of in ["ben", "ben", "ben"] {
        let page = scene.list(of, ListMessages::default()).await;
        assert_eq!(page.messages.iter().map(|message| message.id).collect::<Vec<_>>(), [kept]);
    }
    let left = scene.store.list(&Prefix::all(), None, 100).await.unwrap();
    assert_eq!(left.records.len(), 1, "two sweeps remove 21 messages");
    scene.acknowledge("ben", scene.newest()).await;
    scene.send("ann", "ben", "there is room").await;
}

#[tokio::test]
async fn messages_are_listed_in_pages_in_the_order_in_which_they_were_sent() {
    let scene = scene();
    let mut sent = Vec::new();
    for number in 0..45 {
        sent.push(scene.send("ann", "ben", &number.to_string()).await);
        scene.send("ann", "cat", "other").await;
    }
    for id in sent.iter().step_by(3) {
        scene.read("ben", *id).await.unwrap();
    }
    for (unread, count) in [(None, 45), (Some(true), 30), (Some(false), 15)] {
        for limit in [None, Some(1), Some(7), Some(50)] {
            let (mut found, mut after) = (Vec::new(), None);
            loop {
                let params = ListMessages { unread, limit, after, side: None };
                let page = scene.list("ben", params).await;
                found.extend(page.messages.iter().map(|message| message.id));
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!((found.len(), found.is_sorted()), (count, true), "{unread:?} {limit:?}");
        }
    }
    let refused = ListMessages { limit: Some(51), ..ListMessages::default() };
    let refused = scene.messages.list(by("ben"), refused).await.unwrap_err();
    assert_eq!(refused.text("field"), Some("limit"));
}

#[tokio::test]
async fn a_page_for_which_much_is_left_out_says_where_to_read_on() {
    let scene = scene();
    for _ in 0..10 {
        let id = scene.send("ann", "ben", "read at once").await;
        scene.read("ben", id).await.unwrap();
    }
    let unread = scene.send("ann", "ben", "hello").await;
    let params = ListMessages { unread: Some(true), limit: Some(1), ..ListMessages::default() };
    let first = scene.list("ben", params.clone()).await;
    assert!(first.messages.is_empty() && first.next.is_some(), "{first:?}");
    let second = scene.list("ben", ListMessages { after: first.next, ..params }).await;
    assert_eq!((second.messages[0].id, second.next), (unread, None));
}

#[tokio::test]
async fn a_page_of_the_longest_messages_fits_its_message() {
    let scene = scene();
    let (name, text) = ("n".repeat(63), "𐍈".repeat(TEXT_MAX_CHARS));
    for _ in 0..PAGE_MAX {
        scene.messages.send(by(&name), to(&name, &text)).await.unwrap();
    }
    let page = scene.list(&name, ListMessages { limit: Some(PAGE_MAX), ..ListMessages::default() });
    let page = page.await;
    assert_eq!((page.messages.len(), page.next), (usize::from(PAGE_MAX), None));
    let mut bytes = Vec::new();
    ciborium::into_writer(&page.messages, &mut bytes).unwrap();
    assert!(bytes.len() + 1024 < ListMessages::MESSAGE_BYTES, "{} bytes", bytes.len());
}

#[tokio::test]
async fn what_happens_to_a_message_is_told_to_those_whom_it_concerns() {
    let scene = scene();
    let id = scene.send("ann", "ben", "hello").await;
    scene.acknowledge("ben", scene.newest()).await;
    scene.read("ben", id).await.unwrap();
    let record = scene.store.get(&id.key()).await.unwrap().unwrap();
    scene.messages.remove(record).await.unwrap();
    let all = scene.store.changes_after(Revision(0), &scene.messages.prefix(), 10).await.unwrap();
    let told: Vec<_> =
        all.changes.iter().map(|change| scene.messages.tell(change).unwrap()).collect();
    let topics: Vec<_> = told.iter().flatten().map(|told| told.topic).collect();
    assert_eq!(topics, ["messages.sent", "messages.delivered", "messages.read"]);
    for (told, hear) in told.iter().flatten().zip([[false, true], [true, true], [true, true]]) {
        let hears = |name: &str| told.audience.holds(&name.parse().unwrap());
        assert_eq!(([hears("ann"), hears("ben")], hears("cat")), (hear, false), "{}", told.topic);
    }
    assert_eq!(told.len(), 4, "a removal is told to nobody");
}

#[tokio::test]
async fn messages_outlive_a_restart() {
    let folder = tempfile::TempDir::new().unwrap();
    let open = || {
        let store = Embedded::open(folder.path(), &StoreBounds::default()).unwrap();
        let store: Arc<dyn Store> = Arc::new(store);
        let plan = MessagesPlan { waiting_per_peer: 2, ..MessagesPlan::default() };
        Scene { messages: Messages::new(Arc::clone(&store), plan), store }
    };
    let scene = open();
    let first = scene.messages.send(keyed("ann", 1), to("ben", "hello")).await.unwrap();
    scene.send("ann", "ben", "again").await;
    scene.store.close().await.unwrap();
    let scene = open();
    assert_eq!(texts(&scene.list("ben", ListMessages::default()).await), ["hello", "again"]);
    assert_eq!(scene.messages.send(keyed("ann", 1), to("ben", "hello")).await.unwrap(), first);
    assert!(scene.messages.send(by("ann"), to("ben", "more")).await.is_err(), "it is still full");
}
