//! Keys and certificates on disk: who may read them, and what is never overwritten.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use bothways_certs::{
    Authority, CertificateError, Identity, IssueError, LoadError, SaveError, Trust, check_key_file,
};
use tempfile::TempDir;

use support::*;

/// A folder that holds the authority of `demo` and the identity `hub`.
fn folder_of_demo() -> (TempDir, Authority) {
    let folder = tempfile::tempdir().unwrap();
    let demo = authority("demo");
    demo.save(folder.path()).unwrap();
    node(&demo, "hub").save(folder.path()).unwrap();
    (folder, demo)
}

fn load(folder: &Path, name: &str) -> Result<Identity, LoadError> {
    Identity::load(&folder.join(format!("{name}.pem")), &folder.join(format!("{name}.key")))
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn entries(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn what_is_saved_is_loaded_as_it_was() {
    let (folder, demo) = folder_of_demo();
    let issued = node(&demo, "ann");
    issued.save(folder.path()).unwrap();

    let loaded = load(folder.path(), "ann").unwrap();
    let authority = Authority::load(folder.path()).unwrap();
    let trust = Trust::load(&folder.path().join("authority.pem")).unwrap();

    assert_eq!(loaded.as_peer(), issued.as_peer());
    assert_eq!(loaded.not_before(), issued.not_before());
    assert_eq!(loaded.key(), issued.key());
    assert_eq!(authority.fingerprint(), demo.fingerprint());
    assert_eq!(authority.network(), trust.network());
    let again = node(&authority, "store");
    let (client, _) = dialer(&demo, &loaded, "store");
    assert!(shake_hands(client, listener(&demo, &again)).succeeded());
}

#[test]
fn keys_are_for_their_owner_alone_in_a_folder_that_is_too() {
    let base = tempfile::tempdir().unwrap();
    let folder = base.path().join("deep/certs");
    let demo = authority("demo");
    demo.save(&folder).unwrap();
    node(&demo, "hub").save(&folder).unwrap();

    assert_eq!(mode(&folder), 0o700);
    assert_eq!(mode(&folder.join("authority.key")), 0o600);
    assert_eq!(mode(&folder.join("hub.key")), 0o600);
    assert_eq!(entries(&folder), ["authority.key", "authority.pem", "hub.key", "hub.pem"]);
}

#[test]
fn nothing_is_overwritten_and_no_half_pair_is_left() {
    let (folder, demo) = folder_of_demo();
    let before = fs::read(folder.path().join("hub.key")).unwrap();

    let refused = node(&demo, "hub").save(folder.path()).unwrap_err();
    assert!(matches!(refused, SaveError::Exists { .. }), "{refused}");
    assert!(refused.to_string().contains("hub.pem is there already"), "{refused}");
    assert!(matches!(authority("demo").save(folder.path()), Err(SaveError::Exists { .. })));
    assert_eq!(fs::read(folder.path().join("hub.key")).unwrap(), before);

    for taken in ["ann.pem", "ann.key"] {
        fs::write(folder.path().join(taken), "mine").unwrap();
        let refused = node(&demo, "ann").save(folder.path()).unwrap_err();
        assert!(refused.to_string().contains(taken), "{refused}");
        assert_eq!(fs::read(folder.path().join(taken)).unwrap(), b"mine");
        fs::remove_file(folder.path().join(taken)).unwrap();
        assert_eq!(entries(folder.path()).len(), 4, "{:?}", entries(folder.path()));
    }
}

#[test]
fn a_link_in_the_place_of_a_key_is_not_followed() {
    let (folder, demo) = folder_of_demo();
    let target = folder.path().join("elsewhere");
    symlink(&target, folder.path().join("ann.key")).unwrap();

    assert!(matches!(node(&demo, "ann").save(folder.path()), Err(SaveError::Exists { .. })));
    assert!(!target.exists());
}

#[test]
fn a_folder_that_others_may_change_takes_no_key() {
    let (folder, demo) = folder_of_demo();
    for open in [0o777, 0o770, 0o702] {
        set_mode(folder.path(), open);
        let refused = node(&demo, "ann").save(folder.path()).unwrap_err();
        assert!(matches!(refused, SaveError::OpenFolder { .. }), "{open:o}: {refused}");
        assert!(refused.to_string().contains("chmod 700"), "{refused}");
    }
    for closed in [0o700, 0o755, 0o1777] {
        set_mode(folder.path(), closed);
        let name = format!("n{closed:o}");
        assert!(node(&demo, &name).save(folder.path()).is_ok(), "{closed:o}");
    }
}

#[test]
fn a_key_that_others_may_use_is_refused_with_the_command_that_closes_it() {
    let (folder, _) = folder_of_demo();
    for (stem, key) in [("hub", "hub.key"), ("authority", "authority.key")] {
        let key = folder.path().join(key);
        for open in [0o644, 0o640, 0o604, 0o620, 0o601, 0o777] {
            set_mode(&key, open);
            let refused = match stem {
                "hub" => load(folder.path(), stem).unwrap_err(),
                _ => Authority::load(folder.path()).unwrap_err(),
            };
            assert!(matches!(refused, LoadError::Exposed { mode, .. } if mode == open));
            let text = refused.to_string();
            let told = format!("(mode {open:04o}): run `chmod 600 {}`", key.display());
            assert!(text.contains(&told), "{text}");
            assert!(check_key_file(&key).is_err());
        }
        set_mode(&key, 0o400);
        assert!(check_key_file(&key).is_ok());
    }
    assert!(load(folder.path(), "hub").is_ok());
    assert!(Authority::load(folder.path()).is_ok());
}

#[test]
fn behind_a_link_the_key_itself_must_be_closed() {
    let (folder, _) = folder_of_demo();
    let link = folder.path().join("link.key");
    symlink(folder.path().join("hub.key"), &link).unwrap();
    let certificate = folder.path().join("hub.pem");

    assert!(Identity::load(&certificate, &link).is_ok());
    set_mode(&folder.path().join("hub.key"), 0o644);
    assert!(matches!(Identity::load(&certificate, &link), Err(LoadError::Exposed { .. })));
}

#[test]
fn key_and_certificate_belong_together() {
    let (folder, demo) = folder_of_demo();
    let at = |file: &str| folder.path().join(file);
    node(&demo, "ann").save(folder.path()).unwrap();

    let refused = Identity::load(&at("hub.pem"), &at("ann.key")).unwrap_err();
    assert!(matches!(refused, LoadError::Mismatch { .. }), "{refused}");

    fs::copy(at("ann.key"), at("authority.key")).unwrap();
    let refused = Authority::load(folder.path()).unwrap_err();
    assert!(matches!(refused, LoadError::Mismatch { .. }), "{refused}");
}

#[test]
fn each_wrong_file_is_named_with_what_is_wrong() {
    let (folder, _) = folder_of_demo();
    let at = |file: &str| folder.path().join(file);
    fs::write(at("empty.pem"), "").unwrap();
    fs::write(at("noise.pem"), [0xff, 0xfe]).unwrap();
    fs::write(at("cut.pem"), &fs::read(at("hub.pem")).unwrap()[..200]).unwrap();
    fs::write(at("large.pem"), vec![b'a'; 300 * 1024]).unwrap();
    fs::write(at("damaged.key"), "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
        .unwrap();
    set_mode(&at("damaged.key"), 0o600);

    let cases: &[(&str, &str, &str)] = &[
        ("absent.pem", "hub.key", "there is no certificate at"),
        ("hub.pem", "absent.key", "there is no private key at"),
        ("empty.pem", "hub.key", "holds no certificate"),
        ("noise.pem", "hub.key", "holds no certificate"),
        ("cut.pem", "hub.key", "holds no certificate"),
        ("large.pem", "hub.key", "is larger than"),
        ("hub.key", "hub.key", "holds no certificate"),
        ("hub.pem", "hub.pem", "holds a private key and is open"),
        ("hub.pem", "damaged.key", "cannot be used"),
        (".", "hub.key", "is no plain file"),
        ("authority.pem", "authority.key", "certificate of the authority of demo, not of a node"),
    ];
    for (certificate, key, reason) in cases {
        let text = Identity::load(&at(certificate), &at(key)).unwrap_err().to_string();
        assert!(text.contains(reason), "{certificate} {key}: {text}");
        assert!(text.contains(folder.path().to_str().unwrap()), "{text}");
    }
}

#[test]
fn a_pipe_in_the_place_of_a_key_does_not_hang_the_node() {
    let (folder, _) = folder_of_demo();
    let pipe = folder.path().join("pipe.key");
    let made = std::process::Command::new("mkfifo").arg("-m600").arg(&pipe).status().unwrap();
    assert!(made.success());
    let refused = Identity::load(&folder.path().join("hub.pem"), &pipe).unwrap_err();
    assert!(matches!(refused, LoadError::NoFile { .. }), "{refused}");
}

#[test]
fn only_authorities_of_one_network_are_trusted() {
    let (folder, demo) = folder_of_demo();
    let other = authority("other");
    let of_node = Trust::load(&folder.path().join("hub.pem")).unwrap_err();
    let reason = CertificateError::OfANode { name: name("hub") };
    assert!(of_node.to_string().contains(&reason.to_string()), "{of_node}");

    let elsewhere = tempfile::tempdir().unwrap();
    other.save(elsewhere.path()).unwrap();
    let text = |folder: &TempDir| fs::read_to_string(folder.path().join("authority.pem")).unwrap();
    let mixed = folder.path().join("mixed.pem");
    fs::write(&mixed, text(&folder) + &text(&elsewhere)).unwrap();
    assert!(matches!(Trust::load(&mixed), Err(LoadError::Mixed { .. })));
    assert_eq!(Trust::of(vec![demo.certificate().clone()]).unwrap().network(), demo.network());
    assert!(Trust::of(Vec::new()).is_err());
}

#[test]
fn names_that_no_certificate_can_carry_are_refused_when_issuing() {
    let demo = authority("demo");
    let issue = |node: &str| demo.issue(&name(node), DAY).map(drop);
    assert!(matches!(issue("authority"), Err(IssueError::Reserved)));
    for fine in ["a", "node-7", "x0", "x".repeat(63).as_str()] {
        assert!(issue(fine).is_ok(), "{fine}");
    }
}

#[test]
fn debug_output_shows_no_key() {
    let (folder, demo) = folder_of_demo();
    let hub = load(folder.path(), "hub").unwrap();
    let shown = format!("{hub:?} {demo:?}");
    assert!(shown.contains("hub") && !shown.contains("PRIVATE"), "{shown}");
    let pem = fs::read_to_string(folder.path().join("hub.key")).unwrap();
    let secret = hex_of(hub.key().secret_der());
    assert!(!shown.contains(pem.lines().nth(1).unwrap()) && !shown.contains(&secret));
    assert!(!shown.contains(&format!("{:?}", hub.key().secret_der())));
}

fn hex_of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
