//! What a role forbids is refused: at once where it can be known, and on the wire.

use std::io::ErrorKind;

use bothways::RequestError;
use bothways::protocol::{CloseCode, Encoded, Reply, Role};
use bothways_tests::{CallBack, Echo, Lab, Network, close_of, request, soon, until_session};
use tokio::net::UdpSocket;

use crate::support::{ask, echo, failure, told};

#[tokio::test]
async fn a_server_issues_no_requests_and_says_so_without_a_connection() {
    let network = Network::new();
    let hub = network.node("hub").role(Role::Server).listening().start().await;

    let refused = echo(&hub, "anybody").await.unwrap_err();

    assert!(matches!(refused, RequestError::Role { role: Role::Server, .. }), "{refused:?}");
    assert_eq!(refused.to_string(), "role server issues no requests");
}

#[tokio::test]
async fn a_server_answers_a_client_and_does_not_call_it_back() {
    let (network, lab) = (Network::new(), Lab::new());
    let hub = network.node("hub").role(Role::Server).listening().answering(lab.routes());
    let hub = hub.start().await;
    let cli = network.node("cli").role(Role::Client).dialing(&hub).start().await;

    assert_eq!(echo(&cli, "hub").await.unwrap(), "to hub");
    let refused = ask(&cli, "hub", CallBack { text: String::new() }).await.unwrap_err();
    assert_eq!(refused.code().as_str(), "permission_denied");
}

#[tokio::test]
async fn a_peer_does_not_ask_a_client_and_says_so_at_once() {
    let network = Network::new();
    let hub = network.node("hub").listening().start().await;
    let _cli = network.node("cli").role(Role::Client).dialing(&hub).start().await;
    until_session(&hub, "cli").await;

    let refused = echo(&hub, "cli").await.unwrap_err();

    assert!(matches!(refused, RequestError::Role { role: Role::Client, .. }), "{refused:?}");
    assert_eq!(refused.to_string(), "role client answers no requests");
    assert_eq!(hub.sessions()[0].requests_out, 0);
}

#[tokio::test]
async fn a_client_asked_all_the_same_answers_that_its_role_forbids_it() {
    let (network, lab) = (Network::new(), Lab::new());
    let hub = network.raw_listener("hub");
    let cli = network.node("cli").role(Role::Client).answering(lab.routes());
    let _cli = cli.dialing_at("hub", hub.address()).start().await;
    let session = hub.welcome(|_| {}).await;

    for method in ["lab.echo", "node.ping", "no.such"] {
        let refused = failure(session.ask(&request(method, &())).await);
        assert_eq!(told(&refused), ("permission_denied", Some("role")), "{method}");
        assert_eq!(refused.message, "role client answers no requests");
    }
}

#[tokio::test]
async fn a_request_of_a_server_is_refused_by_the_peer_that_dialed_it() {
    let (network, lab) = (Network::new(), Lab::new());
    let hub = network.raw_listener("hub");
    let ann = network.node("ann").answering(lab.routes()).dialing_at("hub", hub.address());
    let _ann = ann.start().await;
    let session = hub.welcome(|welcome| welcome.role = Role::Server).await;

    let refused = session.ask(&request("lab.echo", &Echo { text: String::new() })).await;

    let refused = failure(refused);
    assert_eq!(told(&refused), ("permission_denied", Some("role")));
    assert_eq!(refused.message, "role server issues no requests");
}

#[tokio::test]
async fn who_dials_as_a_server_is_refused() {
    let network = Network::new();
    let hub = network.node("hub").listening().start().await;
    let raw = network.raw("liar");

    let refused = raw.greet(hub.listening().next().unwrap(), |hello| hello.role = Role::Server);

    let refused = close_of(&refused.await.err().unwrap());
    assert_eq!(refused, (Some(CloseCode::Refused), "a server never dials".to_owned()));
    assert!(hub.sessions().is_empty());
}

#[tokio::test]
async fn who_listens_as_a_client_is_refused() {
    let network = Network::new();
    let hub = network.raw_listener("hub");
    let _ann = network.node("ann").dialing_at("hub", hub.address()).start().await;

    let session = hub.welcome(|welcome| welcome.role = Role::Client).await;

    let refused = (Some(CloseCode::Refused), "a client has no listener".to_owned());
    assert_eq!(session.closed().await, refused);
}

#[tokio::test]
async fn a_client_gives_no_answer_to_an_initial() {
    let (network, lab) = (Network::new(), Lab::new());
    let hub = network.node("hub").listening().answering(lab.routes()).start().await;
    let cli = network.node("cli").role(Role::Client).dialing(&hub).start().await;
    until_session(&hub, "cli").await;
    let prober = UdpSocket::bind("127.0.0.1:0").await.unwrap();

    for datagram in [initial(1), initial(0x0a0a_0a0a)] {
        prober.send_to(&datagram, hub.sessions()[0].address).await.unwrap();
        // What the socket reads is answered in its order: when the echo is there, so would be an
        // answer to the probe.
        echo(&cli, "hub").await.unwrap();
        echo(&cli, "hub").await.unwrap();
        let heard = prober.try_recv(&mut [0; 1500]);
        assert_eq!(heard.unwrap_err().kind(), ErrorKind::WouldBlock);
    }
}

#[tokio::test]
async fn a_listener_answers_the_same_initial_that_a_client_does_not() {
    let network = Network::new();
    let hub = network.node("hub").listening().start().await;
    let prober = UdpSocket::bind("127.0.0.1:0").await.unwrap();

    // A version that nobody speaks: the listener names those that it speaks.
    prober.send_to(&initial(0x0a0a_0a0a), hub.listening().next().unwrap()).await.unwrap();

    let mut answer = [0; 1500];
    let length = soon("an answer", prober.recv(&mut answer)).await.unwrap();
    assert!(answer[..length].ends_with(&[0, 0, 0, 1]) || answer[1..5] == [0; 4]);
}

#[tokio::test]
async fn a_node_of_each_role_is_asked_whether_it_lives() {
    let network = Network::new();
    let hub = network.raw_listener("hub");
    let _peer = network.node("ann").dialing_at("hub", hub.address()).start().await;
    let session = hub.welcome(|_| {}).await;
    assert_eq!(session.theirs.role, Role::Peer);

    let no_params = request("node.ping", &std::collections::BTreeMap::<String, u8>::new());
    let pong = session.ask(&no_params).await;

    assert_eq!(pong, Reply::Result(Encoded::empty_map()));
}

/// A datagram with the form of an Initial of this version (RFC 9000 §17.2.2), 1,200 bytes long.
fn initial(version: u32) -> Vec<u8> {
    let mut datagram = vec![0xc3];
    datagram.extend_from_slice(&version.to_be_bytes());
    datagram.extend_from_slice(&[8, 1, 2, 3, 4, 5, 6, 7, 8]);
    datagram.extend_from_slice(&[8, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
    // No token, and the rest of the datagram as the packet's length (two-byte form).
    let rest = u16::try_from(1200 - datagram.len() - 2).unwrap();
    datagram.extend_from_slice(&(0x4000 | rest).to_be_bytes());
    datagram.resize(1200, 0x5a);
    datagram
}
