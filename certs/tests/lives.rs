//! How long authorities and identities hold, and that OpenSSL agrees with what they say.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use bothways_certs::{
    Authority, CLOCK_SKEW, CertificateFacts, CreateError, DEFAULT_IDENTITY_LIFE, IssueError,
    Subject,
};

use support::*;

/// Runs `openssl` and gives its exit and all that it wrote.
fn openssl(arguments: &[&str], folder: &Path) -> (bool, String) {
    let output = Command::new("openssl").args(arguments).current_dir(folder).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn openssl_accepts_what_is_issued_even_under_the_longest_names() {
    let long = "n".repeat(63);
    for (network, node_name) in [("demo", "hub"), (&"w".repeat(63), &long), ("hub", "hub")] {
        let folder = tempfile::tempdir().unwrap();
        let authority = authority(network);
        authority.save(folder.path()).unwrap();
        node(&authority, node_name).save(folder.path()).unwrap();
        let pem = format!("{node_name}.pem");

        for purpose in ["sslserver", "sslclient"] {
            let verify = [
                "verify",
                "-x509_strict",
                "-check_ss_sig",
                "-verify_depth",
                "0",
                "-CAfile",
                "authority.pem",
                "-purpose",
                purpose,
                "-verify_hostname",
                node_name,
                &pem,
            ];
            let (accepted, text) = openssl(&verify, folder.path());
            assert!(accepted, "{network} {purpose}: {text}");
        }
        let own = ["verify", "-x509_strict", "-CAfile", "authority.pem", "authority.pem"];
        let (accepted, text) = openssl(&own, folder.path());
        assert!(accepted, "{network}: {text}");
    }
}

#[test]
fn openssl_refuses_what_another_authority_issued() {
    let folder = tempfile::tempdir().unwrap();
    authority("demo").save(folder.path()).unwrap();
    node(&authority("demo"), "hub").save(folder.path()).unwrap();
    let (accepted, _) = openssl(&["verify", "-CAfile", "authority.pem", "hub.pem"], folder.path());
    assert!(!accepted);
}

#[test]
fn a_certificate_says_what_openssl_reads_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let demo = authority("demo");
    demo.save(folder.path()).unwrap();
    node(&demo, "hub").save(folder.path()).unwrap();

    let show = ["x509", "-in", "hub.pem", "-noout", "-text", "-nameopt", "RFC2253"];
    let (_, text) = openssl(&show, folder.path());
    for line in [
        "Subject: CN=hub,O=demo",
        "Issuer: CN=bothways authority demo,O=demo",
        "DNS:hub, URI:bothways://demo/hub",
        "TLS Web Server Authentication, TLS Web Client Authentication",
        "CA:FALSE",
        "prime256v1",
        "X509v3 Subject Key Identifier",
        "X509v3 Authority Key Identifier",
    ] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
    let show = ["x509", "-in", "authority.pem", "-noout", "-text"];
    let (_, text) = openssl(&show, folder.path());
    for line in ["CA:TRUE, pathlen:0", "Certificate Sign, CRL Sign", "URI:bothways://demo"] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
}

#[test]
fn a_fingerprint_is_the_sha_256_of_the_public_key_as_openssl_computes_it() {
    let folder = tempfile::tempdir().unwrap();
    let hub = node(&authority("demo"), "hub");
    hub.save(folder.path()).unwrap();
    let pipeline = "openssl pkey -in hub.key -pubout -outform DER | openssl sha256 -r";
    let output = Command::new("sh").args(["-c", pipeline]).current_dir(folder.path()).output();
    let text = String::from_utf8(output.unwrap().stdout).unwrap();
    assert_eq!(text.split(' ').next().unwrap(), hub.fingerprint().to_string());
}

#[test]
fn an_identity_holds_from_a_little_ago_until_its_life_is_over() {
    let demo = Authority::create(&"demo".parse().unwrap(), 1000 * DAY).unwrap();
    let before = SystemTime::now();
    let hub = node(&demo, "hub");
    let after = SystemTime::now();

    let second = Duration::from_secs(1);
    assert!(hub.not_before() <= after - CLOCK_SKEW + second);
    assert!(hub.not_before() >= before - CLOCK_SKEW - second);
    assert!(hub.not_after() <= after + DEFAULT_IDENTITY_LIFE);
    assert!(hub.not_after() >= before + DEFAULT_IDENTITY_LIFE - second);
}

#[test]
fn an_identity_never_outlives_its_authority() {
    let short = Authority::create(&"demo".parse().unwrap(), DAY).unwrap();
    assert_eq!(node(&short, "hub").not_after(), short.not_after());
    let endless = short.issue(&name("hub"), Duration::MAX).unwrap();
    assert_eq!(endless.not_after(), short.not_after());
    let now = SystemTime::now();
    let later = short.issue_between(&name("hub"), now, now + 9 * DAY).unwrap();
    assert_eq!(later.not_after(), short.not_after());
}

#[test]
fn what_would_end_before_it_begins_is_not_made() {
    let demo = authority("demo");
    let now = SystemTime::now();
    let none = demo.issue(&name("hub"), Duration::ZERO);
    assert!(matches!(none, Err(IssueError::NoLife { .. })));
    let reversed = demo.issue_between(&name("hub"), now, now - DAY);
    assert!(matches!(reversed, Err(IssueError::NoLife { .. })));
    let after_the_end = demo.issue_between(&name("hub"), demo.not_after(), now + 9999 * DAY);
    assert!(matches!(after_the_end, Err(IssueError::NoLife { .. })));
    let none = Authority::create(&"demo".parse().unwrap(), Duration::ZERO);
    assert!(matches!(none, Err(CreateError::NoLife)));
}

#[test]
fn an_authority_that_ended_issues_nothing_and_says_when_it_ended() {
    let folder = tempfile::tempdir().unwrap();
    authority("demo").save(folder.path()).unwrap();
    let key = std::fs::read_to_string(folder.path().join("authority.key")).unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Constrained(0));
    params.subject_alt_names = vec![uri("bothways://demo")];
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    let ended = params.self_signed(&rcgen::KeyPair::from_pem(&key).unwrap()).unwrap();
    std::fs::write(folder.path().join("authority.pem"), ended.pem()).unwrap();

    let authority = Authority::load(folder.path()).unwrap();
    let refused = authority.issue(&name("hub"), DAY).unwrap_err();

    assert_eq!(
        refused.to_string(),
        "the authority of demo ended at 2021-01-01 00:00 UTC: \
         make a new one with `bothways cert init`"
    );
}

#[test]
fn an_authority_without_end_ends_in_the_year_9999() {
    let endless = Authority::create(&"demo".parse().unwrap(), Duration::MAX).unwrap();
    let end = bothways_certs::Moment(endless.not_after()).to_string();
    assert_eq!(end, "9999-12-31 23:59 UTC");
    let (client, _) = dialer(&endless, &node(&endless, "ann"), "hub");
    assert!(shake_hands(client, listener(&endless, &node(&endless, "hub"))).succeeded());
}

#[test]
fn each_certificate_has_a_serial_number_and_a_key_of_its_own() {
    let demo = authority("demo");
    let facts = |name: &str| CertificateFacts::of(&node(&demo, name).chain()[0]).unwrap();
    let (first, second) = (facts("hub"), facts("hub"));
    assert_ne!(first.serial, second.serial);
    assert_ne!(first.fingerprint, second.fingerprint);
    assert_eq!(first.serial.len(), 32);
    assert_eq!(first.subject, Subject::Node(name("hub")));
    assert_eq!(first.usages, ["digital signature", "TLS server", "TLS client"]);
    let facts = CertificateFacts::of(demo.certificate()).unwrap();
    assert_eq!(facts.subject, Subject::Authority);
    assert_eq!(facts.usages, ["signs certificates", "signs revocation lists"]);
}
