//! Certificates that the right authority signed and that name no node plainly: both sides refuse.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::sync::Arc;

use bothways_certs::{CertificateError, PeerIdentity, Verdict};
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa};
use rustls::sign::CertifiedKey;

use support::*;

/// What a dialer of `hub` decides about a certificate, which must come to nothing.
fn verdict_about(change: impl FnOnce(&mut CertificateParams)) -> Verdict {
    let demo = authority("demo");
    let shown = forged(&demo, "hub", change);
    let (client, judgement) = dialer(&demo, &node(&demo, "ann"), "hub");
    let server = listener_showing(listener(&demo, &node(&demo, "hub")), shown);
    let ends = shake_hands(client, server);
    assert!(ends.client_error.is_some());
    judgement.verdict()
}

/// Whether a listener lets a dialer in with a certificate.
fn lets_in(change: impl FnOnce(&mut CertificateParams)) -> bool {
    let demo = authority("demo");
    let shown = forged(&demo, "ann", change);
    let (client, _) = dialer(&demo, &node(&demo, "ann"), "hub");
    shake_hands(dialer_showing(client, shown), listener(&demo, &node(&demo, "hub"))).succeeded()
}

#[test]
fn an_unchanged_forgery_passes_so_that_the_changes_are_what_is_refused() {
    assert!(lets_in(|_| {}));
    let demo = authority("demo");
    let (client, judgement) = dialer(&demo, &node(&demo, "ann"), "hub");
    let server =
        listener_showing(listener(&demo, &node(&demo, "hub")), forged(&demo, "hub", |_| {}));
    assert!(shake_hands(client, server).succeeded());
    assert!(matches!(judgement.verdict(), Verdict::Accepted(_)));
}

#[test]
fn alternative_names_that_do_not_say_one_thing_are_refused_by_both_sides() {
    let odd: &[(&str, &[&str], &[&str])] = &[
        ("no URI", &["NAME"], &[]),
        ("two URIs", &["NAME"], &["bothways://demo/NAME", "bothways://demo/store"]),
        ("the same URI twice", &["NAME"], &["bothways://demo/NAME", "bothways://demo/NAME"]),
        ("a second URI in capitals", &["NAME"], &["bothways://demo/NAME", "BOTHWAYS://demo/x"]),
        ("a URI of another scheme", &["NAME"], &["spiffe://demo/NAME"]),
        ("a URI with more", &["NAME"], &["bothways://demo/NAME/x"]),
        ("the authority's URI", &["NAME"], &["bothways://demo"]),
        ("another name in the URI", &["NAME"], &["bothways://demo/store"]),
        ("a second DNS name", &["NAME", "store"], &["bothways://demo/NAME"]),
        ("a wildcard", &["NAME", "*.demo"], &["bothways://demo/NAME"]),
    ];
    for (what, dns_names, uris) in odd {
        let names = |node: &str| {
            let named = |text: &&str| text.replace("NAME", node);
            let dns_names = dns_names.iter().map(|text| dns(&named(text)));
            dns_names.chain(uris.iter().map(|text| uri(&named(text)))).collect::<Vec<_>>()
        };
        let verdict = verdict_about(|params| params.subject_alt_names = names("hub"));
        assert!(matches!(verdict, Verdict::Unreadable(_)), "{what}: {verdict:?}");
        assert!(!lets_in(|params| params.subject_alt_names = names("ann")), "{what}");
    }
}

#[test]
fn another_network_under_the_same_authority_is_refused() {
    let verdict = verdict_about(|params| {
        params.subject_alt_names = vec![dns("hub"), uri("bothways://other/hub")];
    });
    let (expected, found) = ("demo".parse().unwrap(), "other".parse().unwrap());
    assert_eq!(verdict, Verdict::WrongNetwork { expected, found });
}

#[test]
fn a_certificate_for_one_direction_is_refused_in_the_other() {
    let client_only = |params: &mut CertificateParams| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    };
    let server_only = |params: &mut CertificateParams| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    };
    assert_eq!(verdict_about(client_only), Verdict::WrongUsage);
    assert!(lets_in(client_only));
    assert!(!lets_in(server_only));
}

#[test]
fn a_certificate_that_may_sign_others_is_refused() {
    let authority = |params: &mut CertificateParams| {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    };
    assert!(matches!(verdict_about(authority), Verdict::Refused(_)));
    assert!(!lets_in(authority));
}

#[test]
fn a_node_cannot_sign_for_another() {
    let demo = authority("demo");
    let folder = tempfile::tempdir().unwrap();
    let mallory = node(&demo, "mallory");
    mallory.save(folder.path()).unwrap();
    let key = std::fs::read_to_string(folder.path().join("mallory.key")).unwrap();
    let key = rcgen::KeyPair::from_pem(&key).unwrap();
    let issuer = rcgen::Issuer::from_ca_cert_der(&mallory.chain()[0], key).unwrap();
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![dns("hub"), uri("bothways://demo/hub")];
    let hub_key = rcgen::KeyPair::generate().unwrap();
    let hub = params.signed_by(&hub_key, &issuer).unwrap();
    let chain = vec![hub.der().clone(), mallory.chain()[0].clone()];
    let key = rustls_pki_types::PrivateKeyDer::Pkcs8(hub_key.serialize_der().into());
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let shown = Arc::new(CertifiedKey::from_der(chain, key, &provider).unwrap());

    let (client, judgement) = dialer(&demo, &node(&demo, "ann"), "hub");
    let server = listener_showing(listener(&demo, &node(&demo, "hub")), shown);
    let ends = shake_hands(client, server);

    assert!(ends.client_error.is_some());
    assert!(!matches!(judgement.verdict(), Verdict::Accepted(_) | Verdict::NotSeen));
}

#[test]
fn a_stolen_certificate_without_its_key_is_refused() {
    let demo = authority("demo");
    let (hub, thief) = (node(&demo, "hub"), node(&demo, "thief"));
    let stolen = CertifiedKey::new(hub.chain().to_vec(), certified(&thief).key.clone());
    let stolen = Arc::new(stolen);

    let (client, judgement) = dialer(&demo, &node(&demo, "ann"), "hub");
    let ends = shake_hands(client, listener_showing(listener(&demo, &hub), stolen.clone()));
    assert!(ends.client_error.is_some());
    assert_eq!(judgement.verdict(), Verdict::KeyNotProven);

    let (client, _) = dialer(&demo, &node(&demo, "ann"), "hub");
    let ends = shake_hands(dialer_showing(client, stolen), listener(&demo, &hub));
    assert!(ends.server_error.is_some());
}

#[test]
fn no_bytes_lead_to_a_panic() {
    let demo = authority("demo");
    let whole = node(&demo, "hub").chain()[0].to_vec();
    for end in 0..whole.len() {
        assert!(PeerIdentity::of(&whole[..end].into()).is_err(), "{end} bytes");
    }
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 0xff;
        // Most places hold no name: what counts is that each ends in an answer.
        let _ = PeerIdentity::of(&changed.into());
    }
    let mut longer = whole.clone();
    longer.push(0);
    let error = PeerIdentity::of(&longer.into()).unwrap_err();
    assert!(matches!(error, CertificateError::NotX509 { .. }), "{error}");
}

#[test]
fn the_certificate_of_an_authority_is_no_peer() {
    let demo = authority("demo");
    let error = PeerIdentity::of(demo.certificate()).unwrap_err();
    assert!(matches!(error, CertificateError::OfAnAuthority { .. }), "{error}");
}
