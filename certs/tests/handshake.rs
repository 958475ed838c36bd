//! Two nodes shake hands in memory, and each way in which they should not.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::sync::Arc;
use std::time::SystemTime;

use bothways_certs::{
    DialerTls, Identity, Judgement, PeerIdentity, TlsError, Trust, Verdict, dialer_tls,
    listener_tls,
};
use rustls::client::{ClientSessionMemoryCache, Resumption};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, Error, HandshakeKind, PeerIncompatible,
    ProtocolVersion, ServerConnection,
};

use support::*;

#[test]
fn two_nodes_of_a_network_learn_who_the_other_is() {
    let demo = authority("demo");
    let (hub, ann) = (node(&demo, "hub"), node(&demo, "ann"));
    let (client, judgement) = dialer(&demo, &ann, "hub");
    assert_eq!(judgement.verdict(), Verdict::NotSeen);

    let mut ends = shake_hands(client, listener(&demo, &hub));

    assert!(ends.succeeded(), "{:?} {:?}", ends.client_error, ends.server_error);
    assert_eq!(judgement.verdict(), Verdict::Accepted(hub.as_peer().clone()));
    let shown = &ends.server.peer_certificates().unwrap()[0];
    assert_eq!(PeerIdentity::of(shown).unwrap(), *ann.as_peer());
    assert_eq!(ends.client.protocol_version(), Some(ProtocolVersion::TLSv1_3));
    assert_eq!(ends.client.alpn_protocol(), Some(&b"bothways/1"[..]));
    assert_eq!(heard(&mut ends), b"hello");
}

#[test]
fn a_listener_of_another_authority_is_refused_by_the_dialer() {
    // The same network name, so that only the key tells the authorities apart; then another name.
    for network in ["demo", "other"] {
        let (demo, other) = (authority("demo"), authority(network));
        let (client, judgement) = dialer(&demo, &node(&demo, "ann"), "hub");

        let ends = shake_hands(client, listener(&other, &node(&other, "hub")));

        assert!(!ends.succeeded());
        let expected = Verdict::WrongAuthority { network: demo.network().clone() };
        assert_eq!(judgement.verdict(), expected);
        assert_eq!(ends.alert_to_listener(), Some(AlertDescription::UnknownCA), "{network}");
    }
}

#[test]
fn a_dialer_of_another_authority_is_refused_by_the_listener() {
    for network in ["demo", "other"] {
        let (demo, other) = (authority("demo"), authority(network));
        let (client, judgement) = dialer(&demo, &node(&demo, "ann"), "hub");
        let client = dialer_showing(client, certified(&node(&other, "ann")));

        let ends = shake_hands(client, listener(&demo, &node(&demo, "hub")));

        assert!(!ends.succeeded());
        assert!(matches!(judgement.verdict(), Verdict::Accepted(_)));
        assert_eq!(ends.alert_to_dialer(), Some(AlertDescription::UnknownCA), "{network}");
    }
}

#[test]
fn an_expired_listener_is_refused_with_the_date_of_its_end() {
    let demo = authority("demo");
    let hub = expired(&demo, "hub");
    let (client, judgement) = dialer(&demo, &node(&demo, "ann"), "hub");

    let ends = shake_hands(client, listener(&demo, &hub));

    assert!(!ends.succeeded());
    assert_eq!(judgement.verdict(), Verdict::Expired { not_after: hub.not_after() });
    assert_eq!(ends.alert_to_listener(), Some(AlertDescription::CertificateExpired));
}

#[test]
fn an_expired_dialer_is_refused() {
    let demo = authority("demo");
    let (client, judgement) = dialer(&demo, &expired(&demo, "ann"), "hub");

    let ends = shake_hands(client, listener(&demo, &node(&demo, "hub")));

    assert!(!ends.succeeded());
    assert!(matches!(judgement.verdict(), Verdict::Accepted(_)));
    assert_eq!(ends.alert_to_dialer(), Some(AlertDescription::CertificateExpired));
}

#[test]
fn a_listener_whose_time_has_not_come_is_refused_with_the_date_of_its_beginning() {
    let demo = authority("demo");
    let hub = not_yet_valid(&demo, "hub");
    let (client, judgement) = dialer(&demo, &node(&demo, "ann"), "hub");

    let ends = shake_hands(client, listener(&demo, &hub));

    assert!(!ends.succeeded());
    assert_eq!(judgement.verdict(), Verdict::NotYetValid { not_before: hub.not_before() });
}

#[test]
fn another_node_of_the_right_authority_is_refused_by_name() {
    let demo = authority("demo");
    let (client, judgement) = dialer(&demo, &node(&demo, "ann"), "hub");

    let ends = shake_hands(client, listener(&demo, &node(&demo, "store")));

    assert!(!ends.succeeded());
    let expected = Verdict::WrongName { expected: name("hub"), found: name("store") };
    assert_eq!(judgement.verdict(), expected);
    assert_eq!(
        judgement.verdict().to_string(),
        "store answered where hub was expected: \
         correct the name or the address in the configuration"
    );
}

#[test]
fn opening_a_connection_under_another_name_does_not_change_whom_the_dialer_expects() {
    let demo = authority("demo");
    let (client, judgement) = dialer(&demo, &node(&demo, "ann"), "hub");
    let store = Arc::new(listener(&demo, &node(&demo, "store")));

    let ends = shake_hands_as("store", &Arc::new(client), &store);

    assert!(!ends.succeeded());
    assert!(matches!(judgement.verdict(), Verdict::WrongName { .. }));
}

#[test]
fn a_dialer_without_a_certificate_is_refused() {
    let demo = authority("demo");
    let (mut client, _) = dialer(&demo, &node(&demo, "ann"), "hub");
    client.client_auth_cert_resolver = Arc::new(NoCertificate);

    let ends = shake_hands(client, listener(&demo, &node(&demo, "hub")));

    assert!(!ends.succeeded());
    assert_eq!(ends.alert_to_dialer(), Some(AlertDescription::CertificateRequired));
    assert_eq!(ends.server_error, Some(Error::NoCertificatesPresented));
}

#[derive(Debug)]
struct NoCertificate;

impl rustls::client::ResolvesClientCert for NoCertificate {
    fn resolve(
        &self,
        _hints: &[&[u8]],
        _schemes: &[rustls::SignatureScheme],
    ) -> Option<Arc<rustls::sign::CertifiedKey>> {
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

#[test]
fn another_application_protocol_is_refused() {
    let demo = authority("demo");
    let ann = node(&demo, "ann");
    let (client, judgement) = dialer_tls(&ann, &demo.trust(), &[b"h3"], &name("hub")).unwrap();

    let ends = shake_hands(client, listener(&demo, &node(&demo, "hub")));

    assert!(!ends.succeeded());
    assert_eq!(judgement.verdict(), Verdict::NotSeen);
    assert_eq!(ends.alert_to_dialer(), Some(AlertDescription::NoApplicationProtocol));
}

/// A ClientHello as TLS 1.2 clients send it (RFC 5246 §7.4.1.2): no supported_versions.
fn client_hello_of_tls_1_2() -> Vec<u8> {
    let mut body = vec![0x03, 0x03];
    body.extend([7; 32]);
    body.extend([0]); // no session
    body.extend([0, 2, 0xc0, 0x2b]); // ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
    body.extend([1, 0]); // no compression
    let mut extensions = Vec::new();
    extensions.extend([0, 10, 0, 4, 0, 2, 0, 0x17]); // supported_groups: P-256
    extensions.extend([0, 13, 0, 4, 0, 2, 4, 3]); // signature_algorithms: ECDSA P-256 SHA-256
    body.extend([0, u8::try_from(extensions.len()).unwrap()]);
    body.extend(extensions);
    let length = u8::try_from(body.len()).unwrap();
    let mut record = vec![22, 3, 1, 0, length + 4, 1, 0, 0, length];
    record.extend(body);
    record
}

#[test]
fn a_dialer_that_speaks_only_tls_1_2_is_refused_for_that() {
    let demo = authority("demo");
    let config = listener(&demo, &node(&demo, "hub"));
    let mut server = ServerConnection::new(Arc::new(config)).unwrap();

    server.read_tls(&mut &client_hello_of_tls_1_2()[..]).unwrap();
    let refused = server.process_new_packets().unwrap_err();

    let PeerIncompatible::SupportedVersionsExtensionRequired = (match refused {
        Error::PeerIncompatible(reason) => reason,
        other => panic!("refused for another reason: {other:?}"),
    }) else {
        panic!("another incompatibility");
    };
}

/// A ServerHello that chooses TLS 1.2 (RFC 5246 §7.4.1.3).
fn server_hello_of_tls_1_2() -> Vec<u8> {
    let mut body = vec![0x03, 0x03];
    body.extend([7; 32]);
    body.extend([0, 0xc0, 0x2b, 0]); // no session, a TLS 1.2 suite, no compression
    let length = u8::try_from(body.len()).unwrap();
    let mut record = vec![22, 3, 3, 0, length + 4, 2, 0, 0, length];
    record.extend(body);
    record
}

#[test]
fn a_listener_that_chooses_tls_1_2_is_refused() {
    let demo = authority("demo");
    let (config, judgement) = dialer(&demo, &node(&demo, "ann"), "hub");
    let hub = "hub".try_into().unwrap();
    let mut client = rustls::ClientConnection::new(Arc::new(config), hub).unwrap();
    client.write_tls(&mut Vec::new()).unwrap();

    client.read_tls(&mut &server_hello_of_tls_1_2()[..]).unwrap();
    let refused = client.process_new_packets().unwrap_err();

    assert!(matches!(refused, Error::PeerIncompatible(_)), "{refused:?}");
    assert_eq!(judgement.verdict(), Verdict::NotSeen);
}

/// A dialer that would resume a session if it were given one.
fn eager_to_resume(mut client: ClientConfig) -> Arc<ClientConfig> {
    let cache = Arc::new(ClientSessionMemoryCache::new(8));
    client.resumption = Resumption::store(cache);
    Arc::new(client)
}

#[test]
fn no_ticket_is_given_and_a_second_handshake_is_full() {
    let demo = authority("demo");
    let server = Arc::new(listener(&demo, &node(&demo, "hub")));
    let client = eager_to_resume(dialer(&demo, &node(&demo, "ann"), "hub").0);

    for _ in 0..2 {
        let ends = shake_hands_as("hub", &client, &server);
        assert!(ends.succeeded());
        assert_eq!(ends.client.tls13_tickets_received(), 0);
        assert_eq!(ends.server.handshake_kind(), Some(HandshakeKind::Full));
    }
}

#[test]
fn with_tickets_the_second_handshake_would_skip_the_certificate() {
    // What the settings prevent: without this the test above could not fail.
    let demo = authority("demo");
    let mut server = listener(&demo, &node(&demo, "hub"));
    server.send_tls13_tickets = 2;
    server.session_storage = rustls::server::ServerSessionMemoryCache::new(8);
    let server = Arc::new(server);
    let client = eager_to_resume(dialer(&demo, &node(&demo, "ann"), "hub").0);

    assert!(shake_hands_as("hub", &client, &server).client.tls13_tickets_received() > 0);
    let second = shake_hands_as("hub", &client, &server);
    assert_eq!(second.server.handshake_kind(), Some(HandshakeKind::Resumed));
}

#[test]
fn a_dialer_does_not_resume_even_where_a_listener_gives_tickets() {
    let demo = authority("demo");
    let mut server = listener(&demo, &node(&demo, "hub"));
    server.send_tls13_tickets = 2;
    server.session_storage = rustls::server::ServerSessionMemoryCache::new(8);
    let server = Arc::new(server);
    let client = Arc::new(dialer(&demo, &node(&demo, "ann"), "hub").0);

    for _ in 0..2 {
        let ends = shake_hands_as("hub", &client, &server);
        assert_eq!(ends.client.handshake_kind(), Some(HandshakeKind::Full));
    }
}

#[test]
fn neither_side_allows_early_data() {
    let demo = authority("demo");
    let server = listener(&demo, &node(&demo, "hub"));
    assert_eq!((server.max_early_data_size, server.send_half_rtt_data), (0, false));
    assert!(!server.ticketer.enabled());
    assert!(!dialer(&demo, &node(&demo, "ann"), "hub").0.enable_early_data);
}

#[test]
fn each_dial_has_a_verdict_of_its_own() {
    let demo = authority("demo");
    let ann = node(&demo, "ann");
    let dialer = DialerTls::new(&ann, &demo.trust(), ALPN).unwrap();
    let (to_hub, hub_judgement) = dialer.to(&name("hub"));
    let (to_store, store_judgement): (_, Judgement) = dialer.to(&name("store"));
    let hub = Arc::new(listener(&demo, &node(&demo, "hub")));

    assert!(shake_hands_as("hub", &Arc::new(to_hub), &hub).succeeded());
    assert!(!shake_hands_as("hub", &Arc::new(to_store), &hub).succeeded());

    assert!(matches!(hub_judgement.verdict(), Verdict::Accepted(_)));
    assert!(matches!(store_judgement.verdict(), Verdict::WrongName { .. }));
}

#[test]
fn the_longest_names_shake_hands() {
    let long = "n".repeat(63);
    let demo = authority(&"w".repeat(63));
    let (client, judgement) = dialer(&demo, &node(&demo, "ann"), &long);
    let server = Arc::new(listener(&demo, &node(&demo, &long)));

    assert!(shake_hands_as(&long, &Arc::new(client), &server).succeeded());
    assert!(matches!(judgement.verdict(), Verdict::Accepted(_)));
}

#[test]
fn while_authorities_change_nodes_of_both_are_trusted() {
    let (old, new) = (authority("demo"), authority("demo"));
    let both = Trust::of(vec![old.certificate().clone(), new.certificate().clone()]).unwrap();
    let (hub, ann) = (node(&old, "hub"), node(&new, "ann"));

    let server = listener_tls(&hub, &both, ALPN).unwrap();
    let (client, _) = dialer_tls(&ann, &both, ALPN, &name("hub")).unwrap();

    assert!(shake_hands(client, server).succeeded());
}

#[test]
fn an_identity_that_the_trusted_authority_did_not_issue_is_found_before_any_dial() {
    for network in ["demo", "other"] {
        let (demo, other) = (authority("demo"), authority(network));
        let ann = node(&other, "ann");
        let dialer = dialer_tls(&ann, &demo.trust(), ALPN, &name("hub")).unwrap_err();
        let listener = listener_tls(&ann, &demo.trust(), ALPN).unwrap_err();
        assert!(matches!(dialer, TlsError::ForeignIdentity { .. }), "{dialer}");
        assert!(matches!(listener, TlsError::ForeignIdentity { .. }), "{listener}");
    }
}

#[test]
fn an_identity_can_be_judged_without_a_connection() {
    let (demo, other) = (authority("demo"), authority("demo"));
    let now = SystemTime::now();
    let verdict = |identity: &Identity| demo.trust().judge(identity.chain(), now).unwrap();
    let (hub, old) = (node(&demo, "hub"), expired(&demo, "old"));

    assert_eq!(verdict(&hub), Verdict::Accepted(hub.as_peer().clone()));
    assert_eq!(verdict(&old), Verdict::Expired { not_after: old.not_after() });
    let network = demo.network().clone();
    assert_eq!(verdict(&node(&other, "hub")), Verdict::WrongAuthority { network });
    let of_authority = demo.trust().judge(&[demo.certificate().clone()], now).unwrap();
    assert!(matches!(of_authority, Verdict::Unreadable(_)), "{of_authority:?}");
    assert_eq!(demo.trust().judge(&[], now).unwrap(), Verdict::NotSeen);
}

#[test]
fn settings_need_an_application_protocol() {
    let demo = authority("demo");
    let hub = node(&demo, "hub");
    assert!(matches!(listener_tls(&hub, &demo.trust(), &[]), Err(TlsError::NoProtocol)));
    assert!(matches!(DialerTls::new(&hub, &demo.trust(), &[]), Err(TlsError::NoProtocol)));
}

#[test]
fn a_refusal_by_the_doorkeeper_says_why_in_the_listeners_error() {
    let demo = authority("demo");
    let (client, _) = dialer(&demo, &node(&demo, "ann"), "hub");
    let elsewhere = forged(&demo, "ann", |params| {
        params.subject_alt_names = vec![dns("ann"), uri("bothways://other/ann")];
    });

    let ends = shake_hands(dialer_showing(client, elsewhere), listener(&demo, &node(&demo, "hub")));

    assert!(!ends.succeeded());
    let Some(Error::InvalidCertificate(CertificateError::Other(reason))) = &ends.server_error
    else {
        panic!("{:?}", ends.server_error);
    };
    assert!(reason.to_string().contains("is for the network other, not demo"), "{reason}");
    assert_eq!(ends.alert_to_dialer(), Some(AlertDescription::CertificateUnknown));
}
