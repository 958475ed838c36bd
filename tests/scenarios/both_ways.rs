//! Requests pass in both directions over one connection, whoever dialed.

use bothways::protocol::{Code, Encoded, Outgoing, Reply};
use bothways_tests::{
    CallBack, Describe, Echo, Lab, Network, Relay, request, soon, until_records, until_session,
};

use crate::support::{ask, echo};

#[tokio::test]
async fn both_ends_ask_over_the_one_connection_that_one_of_them_dialed() {
    let (network, lab) = (Network::new(), Lab::new());
    let ann = network.node("ann").listening().answering(lab.routes()).start().await;
    let ben = network.node("ben").dialing(&ann).answering(lab.routes()).start().await;

    assert_eq!(echo(&ben, "ann").await.unwrap(), "to ann");
    assert_eq!(echo(&ann, "ben").await.unwrap(), "to ben");

    let (at_ann, at_ben) = (ann.sessions(), ben.sessions());
    assert_eq!((at_ann.len(), at_ben.len()), (1, 1));
    assert!(!at_ann[0].dialed_by_us && at_ben[0].dialed_by_us);
    assert_eq!((at_ann[0].requests_in, at_ann[0].requests_out), (1, 1));
}

#[tokio::test]
async fn a_peer_without_a_listener_is_asked_by_the_one_that_it_dialed() {
    let (network, lab) = (Network::new(), Lab::new());
    let hub = network.node("hub").listening().start().await;
    let hidden = network.node("hidden").dialing(&hub).answering(lab.routes()).start().await;
    until_session(&hub, "hidden").await;

    assert_eq!(hidden.listening().count(), 0);
    assert_eq!(echo(&hub, "hidden").await.unwrap(), "to hidden");
}

#[tokio::test]
async fn a_handler_calls_its_caller_back_over_a_connection_that_it_did_not_open() {
    let (network, lab) = (Network::new(), Lab::new());
    let hub = network.node("hub").listening().answering(lab.routes()).start().await;
    let home = network.node("home").dialing(&hub).answering(lab.routes()).start().await;

    let answer = ask(&home, "hub", CallBack { text: "there and back".to_owned() }).await;

    assert_eq!(answer.unwrap(), "there and back");
    let session = &hub.sessions()[0];
    assert!(!session.dialed_by_us);
    assert_eq!((session.requests_in, session.requests_out), (1, 1));
}

#[tokio::test]
async fn a_handler_learns_who_asks_from_the_certificate() {
    let (network, lab) = (Network::new(), Lab::new());
    let hub = network.node("hub").listening().answering(lab.routes()).start().await;
    let ann = network.node("ann").dialing(&hub).start().await;

    let told = ask(&ann, "hub", Describe {}).await.unwrap();

    assert_eq!(told, ("ann".to_owned(), "peer".to_owned()));
}

#[tokio::test]
async fn a_method_is_called_by_its_name_as_well_as_by_its_type() {
    let (network, lab) = (Network::new(), Lab::new());
    let hub = network.node("hub").listening().answering(lab.routes()).start().await;
    let ann = network.node("ann").dialing(&hub).start().await;
    let params = Encoded::of(&Echo { text: "untyped".to_owned() }).unwrap();

    let answer = soon("an answer", ann.peer("hub").call("lab.echo", params)).await.unwrap();

    assert_eq!(answer.decode::<String>().unwrap(), "untyped");
}

#[tokio::test]
async fn a_node_asks_itself_by_the_same_rules_and_without_a_connection() {
    let (network, lab) = (Network::new(), Lab::new());
    let hub = network.node("hub").listening().answering(lab.routes()).start().await;

    assert_eq!(echo(&hub, "hub").await.unwrap(), "to hub");
    let itself = hub.peer("hub");
    let unknown = soon("an answer", itself.call("lab.ecco", Encoded::empty_map())).await;
    assert_eq!(unknown.unwrap_err().code(), Code::Unimplemented);
    assert!(hub.sessions().is_empty());
}

#[tokio::test]
async fn a_node_answers_in_parallel_what_two_hundred_callers_ask_at_once() {
    let (network, lab) = (Network::new(), Lab::new());
    let hub = network.node("hub").listening().answering(lab.routes()).start().await;
    let ann = network.node("ann").dialing(&hub).start().await;

    let asked: Vec<_> = (0..200)
        .map(|number| {
            let hub = ann.peer("hub");
            tokio::spawn(async move { hub.request(Echo { text: number.to_string() }).await })
        })
        .collect();

    for (number, answer) in asked.into_iter().enumerate() {
        assert_eq!(soon("an answer", answer).await.unwrap().unwrap(), number.to_string());
    }
}

#[tokio::test]
async fn all_that_one_request_causes_is_one_trace_and_each_leg_has_the_same_span_at_both_ends() {
    records_begin();
    let (network, lab) = (Network::new(), Lab::new());
    let last = network.node("trace-c").listening().answering(lab.routes()).start().await;
    let middle = network.node("trace-b").listening().dialing(&last).answering(lab.routes());
    let middle = middle.start().await;
    let first = network.node("trace-a").dialing(&middle).start().await;

    let relay = Relay { to: "trace-c".to_owned(), text: "on".to_owned() };
    assert_eq!(ask(&first, "trace-b", relay).await.unwrap(), "on");

    let at_first = until_records("trace-a", 1).await;
    let at_middle = until_records("trace-b", 2).await;
    let at_last = until_records("trace-c", 1).await;
    let (onward, answered) = (&at_middle[0], &at_middle[1]);
    assert_eq!(at_first[0].span_id, answered.span_id);
    assert_eq!(onward.span_id, at_last[0].span_id);
    assert_ne!(onward.span_id, answered.span_id);
    assert_eq!(onward.parent_id, Some(at_first[0].span_id));
    assert_eq!(at_first[0].parent_id, None);
    let traces: Vec<_> =
        [&at_first, &at_middle, &at_last].into_iter().flatten().map(|leg| leg.trace_id).collect();
    assert!(traces.iter().all(|trace| *trace == traces[0]), "{traces:?}");
}

fn records_begin() {
    assert!(bothways_tests::records_of("trace-a").is_empty());
}

#[tokio::test]
async fn work_on_the_node_s_own_thread_asks_as_others_do_until_the_node_stops() {
    let (network, lab) = (Network::new(), Lab::new());
    let hub = network.node("hub").listening().answering(lab.routes()).start().await;
    let ann = network.node("ann").dialing(&hub).start().await;

    let inside = ann.clone();
    let (thread, answer) = ann
        .run(async move { (std::thread::current().id(), echo(&inside, "hub").await) })
        .await
        .unwrap();

    assert_ne!(thread, std::thread::current().id());
    assert_eq!(answer.unwrap(), "to hub");
    ann.stop().await;
    assert!(ann.run(async {}).await.is_err());
}

#[tokio::test]
async fn a_request_that_came_whole_is_answered_without_a_word_against_its_stream() {
    let (network, lab) = (Network::new(), Lab::new());
    let hub = network.node("hub").listening().answering(lab.routes()).start().await;
    let raw = network.raw("ann").session(hub.listening().next().unwrap()).await;

    let mut stream = raw.stream().await;
    stream.send(&request("lab.echo", &Echo { text: "whole".to_owned() }).encode()).await;
    stream.finish();
    assert!(matches!(stream.reply().await, Reply::Result(_)));

    assert_eq!(soon("the end", stream.send.stopped()).await, Ok(None));
    assert_eq!(raw.connection.stats().frame_rx.stop_sending, 0);
}
