//! A dial that fails says why, and the next one is made all the same.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use bothways::certs::Verdict;
use bothways::config::PeerAddress;
use bothways::protocol::{Control, Outgoing};
use bothways::{DialError, Node, RequestError};
use bothways_tests::{
    Echo, Lab, Network, RawStream, Setup, expired, greeting, soon, until_session,
};

use crate::support::echo;

/// Why a node cannot reach the hub.
async fn why_not(node: &Node) -> DialError {
    let hub = node.peer("hub").fail_fast();
    match soon("a dial", hub.request(Echo { text: String::new() })).await {
        Err(RequestError::Dial(error)) => (*error).clone(),
        other => panic!("a dial that fails was due: {other:?}"),
    }
}

/// A node that gives a handshake little time.
fn impatient(network: &Network, name: &str) -> Setup {
    network.node(name).limits(|limits| {
        limits.handshake = Duration::from_millis(200);
        limits.redial_max = Duration::from_millis(200);
    })
}

fn free_port() -> SocketAddr {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[tokio::test]
async fn where_nothing_listens_the_dial_fails_without_waiting() {
    let network = Network::new();
    let nothing = free_port();
    // A handshake may take a minute here, longer than this test does.
    let ann = network.node("ann").limits(|limits| limits.handshake = Duration::from_secs(60));
    let ann = ann.dialing_at("hub", nothing).start().await;

    let failed = why_not(&ann).await;

    let DialError::Unreachable { address, problem } = failed else { panic!("{failed:?}") };
    assert_eq!((address, problem.as_str()), (nothing, "nothing listens on this port"));
}

#[tokio::test]
async fn where_nobody_answers_the_dial_ends_with_the_handshake_time() {
    let network = Network::new();
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let ann = impatient(&network, "ann").dialing_at("hub", silent.local_addr().unwrap());
    let ann = ann.start().await;

    let failed = why_not(&ann).await;

    assert!(matches!(failed, DialError::Unreachable { .. }), "{failed:?}");
    assert!(failed.to_string().contains("check the address"), "{failed}");
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_told_as_such() {
    let network = Network::new();
    let address: PeerAddress = "no-such-host.invalid:4433".parse().unwrap();
    let ann = network.node("ann").dialing_at("hub", address).start().await;

    let failed = why_not(&ann).await;

    assert!(matches!(failed, DialError::Resolve { .. }), "{failed:?}");
    assert!(failed.to_string().contains("no-such-host.invalid:4433"), "{failed}");
}

#[tokio::test]
async fn another_node_than_the_one_dialed_is_told_by_its_name() {
    let network = Network::new();
    let store = network.node("store").listening().start().await;
    let ann = network.node("ann").dialing_at("hub", store.listening().next().unwrap());
    let ann = ann.start().await;

    let failed = why_not(&ann).await;

    let DialError::Certificate { verdict, .. } = &failed else { panic!("{failed:?}") };
    assert!(matches!(verdict, Verdict::WrongName { .. }), "{verdict:?}");
    let told = failed.to_string();
    assert!(told.contains("store answered where hub was expected"), "{told}");
    assert!(store.sessions().is_empty());
}

#[tokio::test]
async fn a_node_of_another_authority_is_told_as_such() {
    let (ours, theirs) = (Network::new(), Network::new());
    let hub = theirs.node("hub").listening().start().await;
    let ann = ours.node("ann").dialing(&hub).start().await;

    let failed = why_not(&ann).await;

    let DialError::Certificate { verdict, .. } = &failed else { panic!("{failed:?}") };
    assert!(matches!(verdict, Verdict::WrongAuthority { .. }), "{verdict:?}");
}

#[tokio::test]
async fn a_node_whose_certificate_has_expired_is_told_as_such() {
    let network = Network::new();
    let hub = network.node_as(expired(&network, "hub")).listening().start().await;
    let ann = network.node("ann").dialing(&hub).start().await;

    let failed = why_not(&ann).await;

    let DialError::Certificate { verdict, .. } = &failed else { panic!("{failed:?}") };
    assert!(matches!(verdict, Verdict::Expired { .. }), "{verdict:?}");
}

#[tokio::test]
async fn a_node_whose_own_certificate_is_refused_learns_why() {
    let network = Network::new();
    let hub = network.node("hub").listening().start().await;
    let ann = network.node_as(expired(&network, "ann")).dialing(&hub).start().await;

    let failed = why_not(&ann).await;

    assert!(matches!(failed, DialError::OurCertificate { .. }), "{failed:?}");
    assert!(failed.to_string().contains("expired"), "{failed}");
    assert!(ann.sessions().is_empty(), "the handshake of the dialer had completed");
}

#[tokio::test]
async fn a_node_that_dials_its_own_name_is_refused_with_the_reason() {
    let network = Network::new();
    let hub = network.node("hub").listening().start().await;
    let hub_again = network.node("hub").dialing_at("hub-2", hub.listening().next().unwrap());

    let failed = hub_again.start().await;
    let hub_2 = failed.peer("hub-2").fail_fast();
    let failed = soon("a dial", hub_2.request(Echo { text: String::new() })).await.unwrap_err();

    assert!(failed.to_string().contains("hub answered where hub-2 was expected"), "{failed}");
}

#[tokio::test]
async fn a_listener_that_never_says_welcome_is_told_as_such() {
    let network = Network::new();
    let hub = network.raw_listener("hub");
    let ann = impatient(&network, "ann").dialing_at("hub", hub.address()).start().await;
    let silent = async {
        loop {
            std::mem::forget(hub.accept().await);
        }
    };

    let failed = tokio::select! {
        failed = why_not(&ann) => failed,
        () = silent => unreachable!(),
    };

    assert!(matches!(failed, DialError::Protocol { .. }), "{failed:?}");
}

#[tokio::test]
async fn a_welcome_under_another_name_than_the_certificate_s_is_refused() {
    let network = Network::new();
    let hub = network.raw_listener("hub");
    let ann = network.node("ann").dialing_at("hub", hub.address()).start().await;

    let session = hub.welcome(|welcome| welcome.name = "store".parse().unwrap()).await;

    let (code, reason) = session.closed().await;
    assert_eq!(code.unwrap().as_str(), "refused");
    assert_eq!(reason, "the peer says that it is store, its certificate says hub");
    assert!(ann.sessions().is_empty());
}

#[tokio::test]
async fn a_hello_in_place_of_a_welcome_breaks_the_protocol() {
    let network = Network::new();
    let hub = network.raw_listener("hub");
    let _ann = network.node("ann").dialing_at("hub", hub.address()).start().await;
    let connection = hub.accept().await;
    let mut control = RawStream::accept(&connection).await;

    control.send(&Control::Hello(greeting("hub")).encode()).await;

    let closed = bothways_tests::close_of(&soon("a close", connection.closed()).await);
    assert_eq!(closed.0.unwrap().as_str(), "protocol_error");
}

#[tokio::test]
async fn a_dialer_goes_on_until_the_peer_is_there() {
    let (network, lab, address) = (Network::new(), Lab::new(), free_port());
    let ann = impatient(&network, "ann").dialing_at("hub", address).start().await;
    assert!(matches!(why_not(&ann).await, DialError::Unreachable { .. }));

    // A request that waits is answered as soon as the peer is there.
    let asked = tokio::spawn({
        let ann = ann.clone();
        async move { echo(&ann, "hub").await }
    });
    let hub = network.node("hub").listening_at(address).answering(lab.routes()).start().await;

    assert_eq!(soon("an answer", asked).await.unwrap().unwrap(), "to hub");
    until_session(&hub, "ann").await;
}

#[tokio::test]
async fn each_address_of_a_name_is_tried() {
    let (network, lab) = (Network::new(), Lab::new());
    let hub = network.node("hub").listening().answering(lab.routes()).start().await;
    let port = hub.listening().next().unwrap().port();
    // It stands for ::1 as well on most machines, where nothing listens.
    let address: PeerAddress = format!("localhost:{port}").parse().unwrap();
    let ann = network.node("ann").dialing_at("hub", address).start().await;

    assert_eq!(echo(&ann, "hub").await.unwrap(), "to hub");
    assert_eq!(ann.sessions()[0].address.to_string(), format!("127.0.0.1:{port}"));
}

#[tokio::test]
async fn a_node_listens_on_several_addresses_and_ipv6_is_one() {
    let (network, lab) = (Network::new(), Lab::new());
    let hub = network.node("hub").listening().listening_at("[::1]:0".parse().unwrap());
    let hub = hub.answering(lab.routes()).start().await;
    let addresses: Vec<_> = hub.listening().collect();
    assert!(addresses[0].is_ipv4() && addresses[1].is_ipv6());

    for address in addresses {
        let ann = network.node("ann").dialing_at("hub", address).start().await;
        assert_eq!(echo(&ann, "hub").await.unwrap(), "to hub");
        soon("a stop", ann.stop()).await;
    }
}

#[tokio::test]
async fn a_peer_for_which_there_is_no_address_is_not_connected() {
    let network = Network::new();
    let hub = network.node("hub").listening().start().await;

    let unknown = echo(&hub, "ann").await.unwrap_err();
    let no_name = echo(&hub, "no name").await.unwrap_err();

    assert!(matches!(unknown, RequestError::NotConnected { .. }), "{unknown:?}");
    assert!(matches!(no_name, RequestError::Name(_)), "{no_name:?}");
}
