//! Messages from peer to peer: they wait, arrive, are read, and their sender sees it.

use bothways::config::MessagesPlan;
use bothways::domain::messages::{
    ListMessages, Message, MessageBox, MessageState, ReadMessage, SendMessage, SentMessage,
};
use bothways::protocol::{Code, Watch, WatchFrom};
use bothways::{Node, Subscription, SubscriptionState};
use bothways_tests::{Network, soon};

use crate::support::{Hub, ask};
use crate::watching::{next, until_live};

fn to(name: &str, text: &str) -> SendMessage {
    SendMessage { to: name.parse().unwrap(), text: text.parse().unwrap() }
}

async fn send(node: &Node, name: &str, text: &str) -> SentMessage {
    ask(node, "hub", to(name, text)).await.unwrap()
}

async fn watch(node: &Node, watch: Watch) -> Subscription {
    let subscription = node.peer("hub").subscribe("messages", watch);
    until_live(&subscription).await;
    subscription
}

async fn inbox(node: &Node) -> Vec<Message> {
    ask(node, "hub", ListMessages::default()).await.unwrap().messages
}

#[tokio::test]
async fn a_message_waits_for_a_peer_that_is_away_and_is_read_when_it_comes() {
    let (network, data) = (Network::new(), tempfile::tempdir().unwrap());
    let hub = Hub::on(&network, data.path()).await;
    let desk = network.node("desk").dialing(&hub.node).start().await;
    let sent = send(&desk, "phone", "call me\nback").await;
    assert_eq!((sent.state, sent.to.as_str()), (MessageState::Queued, "phone"));
    hub.stop().await;

    let hub = Hub::on(&network, data.path()).await;
    let phone = network.node("phone").dialing(&hub.node).start().await;
    let waiting = inbox(&phone).await;
    assert_eq!((waiting.len(), waiting[0].text.as_str()), (1, "call me\nback"));
    assert_eq!((waiting[0].from.as_str(), waiting[0].id), ("desk", sent.id));
    let read = ask(&phone, "hub", ReadMessage { id: sent.id }).await.unwrap();
    assert_eq!(read.state, MessageState::Read);

    let desk = network.node("desk").dialing(&hub.node).start().await;
    let side = Some(MessageBox::Out);
    let out = ask(&desk, "hub", ListMessages { side, ..ListMessages::default() }).await.unwrap();
    assert_eq!(out.messages, [read]);
    assert!(inbox(&desk).await.is_empty());
}

#[tokio::test]
async fn a_message_between_others_is_not_found_and_its_sender_does_not_read_it() {
    let network = Network::new();
    let hub = Hub::new(&network).await;
    let desk = network.node("desk").dialing(&hub.node).start().await;
    let kiosk = network.node("kiosk").dialing(&hub.node).start().await;
    let id = send(&desk, "phone", "hello").await.id;
    let stranger = ask(&kiosk, "hub", ReadMessage { id }).await.unwrap_err();
    assert_eq!(stranger.code(), Code::NotFound);
    let sender = ask(&desk, "hub", ReadMessage { id }).await.unwrap_err();
    assert_eq!(sender.code(), Code::PermissionDenied);
    assert_eq!(sender.failure().unwrap().text("reason"), Some("recipient"));
}

#[tokio::test]
async fn a_text_that_could_do_harm_is_refused_with_its_field() {
    let network = Network::new();
    let hub = Hub::new(&network).await;
    let desk = network.node("desk").dialing(&hub.node).start().await;
    for text in ["", " x", "x\u{1b}[2J", "a\rb", "\u{202e}x", &"x".repeat(4097)] {
        let params = std::collections::BTreeMap::from([("to", "phone"), ("text", text)]);
        let params = bothways::protocol::Encoded::of(&params).unwrap();
        let refused = soon("an answer", desk.peer("hub").call("messages.send", params)).await;
        let refused = refused.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{text:?}");
        assert_eq!(refused.failure().unwrap().text("field"), Some("text"), "{text:?}");
    }
}

#[tokio::test]
async fn a_recipient_that_no_certificate_can_name_is_refused_with_its_field() {
    let network = Network::new();
    let hub = Hub::new(&network).await;
    let desk = network.node("desk").dialing(&hub.node).start().await;
    let long = "n".repeat(64);
    for name in ["", "Phone", "9phone", "-x", "x-", "a.b", "a b", "ph\u{f6}ne", "x\n", "*", &long] {
        let params = std::collections::BTreeMap::from([("to", name), ("text", "hello")]);
        let params = bothways::protocol::Encoded::of(&params).unwrap();
        let refused = soon("an answer", desk.peer("hub").call("messages.send", params)).await;
        let refused = refused.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{name:?}");
        assert_eq!(refused.failure().unwrap().text("field"), Some("to"), "{name:?}");
    }
}

/// A hub with bounds of its own for messages.
async fn bounded(network: &Network, messages: MessagesPlan) -> Hub {
    Hub::of(network.node("hub").listening().messages(messages)).await
}

#[tokio::test]
async fn a_full_inbox_takes_no_more() {
    let network = Network::new();
    let plan = MessagesPlan { waiting_per_peer: 1, ..MessagesPlan::default() };
    let hub = bounded(&network, plan).await;
    let desk = network.node("desk").dialing(&hub.node).start().await;
    send(&desk, "phone", "one").await;
    let refused = ask(&desk, "hub", to("phone", "two")).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert_eq!(refused.failure().unwrap().text("reason"), Some("inbox_full"));
    send(&desk, "kiosk", "two").await;
}

#[tokio::test]
async fn who_writes_to_many_that_read_nothing_sends_no_more_until_one_does() {
    let network = Network::new();
    let plan = MessagesPlan { waiting_per_sender: 3, ..MessagesPlan::default() };
    let hub = bounded(&network, plan).await;
    let desk = network.node("desk").dialing(&hub.node).start().await;
    let phone = network.node("phone").dialing(&hub.node).start().await;
    let first = send(&desk, "phone", "hello").await;
    for name in ["nobody", "noone"] {
        send(&desk, name, "hello").await;
    }
    let refused = ask(&desk, "hub", to("nowhere", "hello")).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert_eq!(refused.failure().unwrap().text("reason"), Some("outbox_full"));
    send(&phone, "nowhere", "others may").await;
    ask(&phone, "hub", ReadMessage { id: first.id }).await.unwrap();
    send(&desk, "nowhere", "hello").await;
}

#[tokio::test]
async fn a_message_to_a_peer_that_watches_arrives_at_once_and_its_send_says_so() {
    let network = Network::new();
    let hub = Hub::new(&network).await;
    let desk = network.node("desk").dialing(&hub.node).start().await;
    let phone = network.node("phone").dialing(&hub.node).start().await;
    let kiosk = network.node("kiosk").dialing(&hub.node).start().await;
    let mut at_desk = watch(&desk, Watch::default()).await;
    let mut at_phone = watch(&phone, Watch::default()).await;
    let mut at_kiosk = watch(&kiosk, Watch::default()).await;

    let sender = desk.clone();
    let sending = tokio::spawn(async move { send(&sender, "phone", "hello").await });
    let event = next(&mut at_phone).await;
    let message: Message = event.body.decode().unwrap();
    assert_eq!((event.topic.as_str(), message.text.as_str()), ("messages.sent", "hello"));
    soon("an acknowledgement", at_phone.acknowledge(&event)).await.unwrap();
    let sent = soon("the send", sending).await.unwrap();
    assert_eq!((sent.state, sent.id), (MessageState::Delivered, message.id));

    ask(&phone, "hub", ReadMessage { id: sent.id }).await.unwrap();
    for topic in ["messages.delivered", "messages.read"] {
        let event = next(&mut at_desk).await;
        let message: Message = event.body.decode().unwrap();
        assert_eq!((event.topic.as_str(), message.id), (topic, sent.id));
    }
    let sender = phone.clone();
    let sending = tokio::spawn(async move { send(&sender, "kiosk", "for you").await });
    let event = next(&mut at_kiosk).await;
    let first: Message = event.body.decode().unwrap();
    assert_eq!(first.text.as_str(), "for you", "and of no other before it");
    let sent = soon("the send", sending).await.unwrap();
    assert_eq!(sent.state, MessageState::Queued, "nobody has acknowledged it in time");
}

#[tokio::test]
async fn a_message_is_delivered_only_when_it_is_acknowledged_and_told_again_until_then() {
    let network = Network::new();
    let hub = Hub::new(&network).await;
    let desk = network.node("desk").dialing(&hub.node).start().await;
    let phone = network.node("phone").dialing(&hub.node).start().await;
    let durable = Watch { durable: Some("inbox".parse().unwrap()), ..Watch::default() };
    let sent = send(&desk, "phone", "hello").await;
    for _ in 0..2 {
        let mut at_phone = watch(&phone, durable.clone()).await;
        let state = at_phone.state().borrow().clone();
        let SubscriptionState::Live { acknowledge: true, .. } = state else { panic!("{state:?}") };
        let event = next(&mut at_phone).await;
        assert_eq!(event.body.decode::<Message>().unwrap().id, sent.id);
        // It goes without a word.
        drop(at_phone);
        assert_eq!(inbox(&phone).await[0].state, MessageState::Queued);
    }
    let mut at_phone = watch(&phone, durable.clone()).await;
    let event = next(&mut at_phone).await;
    soon("an acknowledgement", at_phone.acknowledge(&event)).await.unwrap();
    assert_eq!(inbox(&phone).await[0].state, MessageState::Delivered);
    drop(at_phone);
    let mut at_phone = watch(&phone, durable).await;
    assert_eq!(next(&mut at_phone).await.topic, "messages.delivered", "and not once more");
}

#[tokio::test]
async fn a_durable_subscriber_that_was_away_is_told_what_was_sent_meanwhile() {
    let network = Network::new();
    let hub = Hub::new(&network).await;
    let desk = network.node("desk").dialing(&hub.node).start().await;
    let durable = Watch { durable: Some("inbox".parse().unwrap()), ..Watch::default() };
    let phone = network.node("phone").dialing(&hub.node).start().await;
    drop(watch(&phone, durable.clone()).await);
    soon("a stop", phone.stop()).await;
    let sent = send(&desk, "phone", "while you were out").await;
    assert_eq!(sent.state, MessageState::Queued);

    let phone = network.node("phone").dialing(&hub.node).start().await;
    let mut at_phone = watch(&phone, durable).await;
    let event = next(&mut at_phone).await;
    assert_eq!(event.body.decode::<Message>().unwrap().id, sent.id);
    soon("an acknowledgement", at_phone.acknowledge(&event)).await.unwrap();

    assert_eq!(next(&mut at_phone).await.topic, "messages.delivered");
    assert_eq!(inbox(&phone).await[0].state, MessageState::Delivered);
}

#[tokio::test]
async fn who_does_not_watch_for_messages_takes_none_by_acknowledging_others() {
    let network = Network::new();
    let hub = Hub::new(&network).await;
    let desk = network.node("desk").dialing(&hub.node).start().await;
    let phone = network.node("phone").dialing(&hub.node).start().await;
    let durable = |topics: &[&str]| Watch {
        topics: topics.iter().map(ToString::to_string).collect(),
        durable: Some("mine".parse().unwrap()),
        ..Watch::default()
    };
    let mut receipts = watch(&phone, durable(&["messages.read"])).await;
    // One comes to phone, which watches only what becomes of its own; then one of these is read.
    let unseen = send(&desk, "phone", "hello").await;
    assert_eq!(unseen.state, MessageState::Queued);
    let own = send(&phone, "desk", "well?").await;
    ask(&desk, "hub", ReadMessage { id: own.id }).await.unwrap();
    let receipt = next(&mut receipts).await;

    soon("an acknowledgement", receipts.acknowledge(&receipt)).await.unwrap();

    assert_eq!(inbox(&phone).await[0].state, MessageState::Queued, "nobody has seen it");
}

#[tokio::test]
async fn what_a_durable_subscription_is_told_to_leave_behind_is_not_delivered() {
    let network = Network::new();
    let hub = Hub::new(&network).await;
    let desk = network.node("desk").dialing(&hub.node).start().await;
    let phone = network.node("phone").dialing(&hub.node).start().await;
    let durable = Watch { durable: Some("mine".parse().unwrap()), ..Watch::default() };
    drop(watch(&phone, durable.clone()).await);
    send(&desk, "phone", "one").await;
    let now = Watch { from: Some(WatchFrom::Now), ..durable };
    let mut at_phone = watch(&phone, now).await;
    let sender = desk.clone();
    let sending = tokio::spawn(async move { send(&sender, "phone", "two").await });
    let event = next(&mut at_phone).await;

    soon("an acknowledgement", at_phone.acknowledge(&event)).await.unwrap();

    assert_eq!(soon("the send", sending).await.unwrap().state, MessageState::Delivered);
    let states: Vec<_> = inbox(&phone).await.into_iter().map(|message| message.state).collect();
    assert_eq!(states, [MessageState::Queued, MessageState::Delivered]);
}
