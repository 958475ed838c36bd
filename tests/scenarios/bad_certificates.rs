//! Who is not plainly a node of the network does not get in, and nobody else notices.

use bothways_tests::{Network, certified, expired, for_network, showing, showing_nothing};
use quinn::ConnectionError;
use rustls::ClientConfig;
use rustls::client::Resumption;
use tokio::net::UdpSocket;

use crate::support::Beset;

/// The TLS alert with which the hub refuses a dialer (RFC 8446 §6).
async fn alert_for(beset: &Beset, change: impl FnOnce(ClientConfig) -> ClientConfig) -> u64 {
    let dialer = beset.network.raw("stranger").tls(change);
    match dialer.refusal(beset.address()).await {
        ConnectionError::ConnectionClosed(close) => u64::from(close.error_code) - 0x100,
        other => panic!("a TLS alert was due: {other:?}"),
    }
}

#[tokio::test]
async fn without_a_certificate_nobody_gets_in() {
    let beset = Beset::new().await;
    let certificate_required = 116;
    assert_eq!(alert_for(&beset, showing_nothing).await, certificate_required);
    beset.stands().await;
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_refused_even_for_the_same_network() {
    let beset = Beset::new().await;
    let foreign = certified(&Network::new().identity("stranger"));
    let unknown_ca = 48;
    assert_eq!(alert_for(&beset, |tls| showing(tls, foreign)).await, unknown_ca);
    beset.stands().await;
}

#[tokio::test]
async fn an_expired_certificate_is_refused() {
    let beset = Beset::new().await;
    let old = certified(&expired(&beset.network, "stranger"));
    let certificate_expired = 45;
    assert_eq!(alert_for(&beset, |tls| showing(tls, old)).await, certificate_expired);
    beset.stands().await;
}

#[tokio::test]
async fn a_certificate_for_another_network_under_the_right_authority_is_refused() {
    let beset = Beset::new().await;
    let other = for_network(&beset.network, "other", "stranger");
    let certificate_unknown = 46;
    assert_eq!(alert_for(&beset, |tls| showing(tls, other)).await, certificate_unknown);
    beset.stands().await;
}

#[tokio::test]
async fn a_stolen_certificate_without_its_key_is_refused() {
    let beset = Beset::new().await;
    let (victim, thief) = (beset.network.identity("friend"), beset.network.identity("thief"));
    let stolen =
        rustls::sign::CertifiedKey::new(victim.chain().to_vec(), certified(&thief).key.clone());
    let decrypt_error = 51;
    assert_eq!(alert_for(&beset, |tls| showing(tls, stolen.into())).await, decrypt_error);
    beset.stands().await;
}

#[tokio::test]
async fn who_offers_another_application_protocol_is_refused() {
    let beset = Beset::new().await;
    let no_application_protocol = 120;
    for alpn in [&b"h3"[..], b"bothways/2"] {
        let alert = alert_for(&beset, |mut tls| {
            tls.alpn_protocols = vec![alpn.to_vec()];
            tls
        });
        assert_eq!(alert.await, no_application_protocol);
    }
    beset.stands().await;
}

#[tokio::test]
async fn a_listener_never_takes_a_session_up_again_without_judging_the_certificate() {
    let beset = Beset::new().await;
    let resuming = beset.network.raw("ann").tls(|mut tls| {
        tls.resumption = Resumption::in_memory_sessions(8);
        tls
    });
    resuming.session(beset.address()).await;

    // The same settings, so the same memory of sessions, but no certificate any more.
    let bare = resuming.tls(showing_nothing).refusal(beset.address()).await;

    assert!(matches!(bare, ConnectionError::ConnectionClosed(_)), "{bare:?}");
    beset.stands().await;
}

#[tokio::test]
async fn thousands_of_random_datagrams_change_nothing() {
    let beset = Beset::new().await;
    let sender = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    // xorshift64: the same noise in each run.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut noise = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    for number in 0..4_000_usize {
        let mut datagram: Vec<u8> =
            std::iter::repeat_with(&mut noise).take(150).flatten().collect();
        if number % 2 == 0 {
            // The beginning of an Initial of version 1, so that more of it is looked at.
            let first = 0xc0 | (datagram[0] & 0x0f);
            datagram[..6].copy_from_slice(&[first, 0, 0, 0, 1, 8]);
        }
        let length = 1 + number * 7 % datagram.len();
        let length = if number % 3 == 0 { datagram.len() } else { length };
        sender.send_to(&datagram[..length], beset.address()).await.unwrap();
    }
    beset.stands().await;
}
