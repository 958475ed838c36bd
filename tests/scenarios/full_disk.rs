//! A node whose disk is full answers reads, refuses writes, and mends itself when there is room.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use bothways::domain::people::{CreatePerson, GetPerson, ListPeople, Person};
use bothways::protocol::{Failure, IdempotencyKey, Retry, Watch, WatchFrom};
use bothways::{Node, RequestError, Subscription};
use bothways_tests::{Network, Program, Running, soon};
use tokio::sync::watch::Receiver;

use crate::support::{ask, told};
use crate::watching::{self, live, watch_from};

/// How soon after space has returned writes have to be taken again.
const MENDED_WITHIN: Duration = Duration::from_secs(10);

/// A small file system of its own; unmounted when dropped.
struct SmallDisk {
    folder: PathBuf,
}

impl SmallDisk {
    /// `None`, said aloud, where this user may not mount.
    fn mount(folder: PathBuf) -> Option<Self> {
        fs::create_dir(&folder).unwrap();
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=16m,mode=0700", "bothways-full-disk"])
            .arg(&folder)
            .output();
        match mount {
            Ok(said) if said.status.success() => Some(Self { folder }),
            other => {
                // Not through the test's own output, which nobody sees where it passes.
                let mut aloud = std::io::stderr();
                writeln!(aloud, "NOT RUN, full_disk: cannot mount a tmpfs: {other:?}").unwrap();
                None
            }
        }
    }

    /// Takes all the room that is left, in one file.
    fn fill(&self) -> PathBuf {
        let ballast = self.folder.join("ballast");
        let mut file = File::create(&ballast).unwrap();
        for bytes in [65_536, 4096] {
            while file.write_all(&vec![1; bytes]).is_ok() {}
        }
        ballast
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: the node may still be ending.
        let _ = Command::new("umount").arg("-l").arg(&self.folder).status();
    }
}

fn person(name: &str) -> CreatePerson {
    let title = Some("x".repeat(64).parse().unwrap());
    CreatePerson { name: name.parse().unwrap(), title }
}

async fn create(node: &Node, name: &str, key: u128) -> Result<Person, RequestError> {
    let peer = node.peer("hub").with_key(IdempotencyKey(key.to_be_bytes()));
    soon("an answer", peer.request(person(name))).await
}

fn refused(outcome: Result<Person, RequestError>) -> Failure {
    match outcome {
        Err(RequestError::Failed { failure, .. }) => failure,
        other => panic!("a refusal was due: {other:?}"),
    }
}

async fn listed(node: &Node) -> usize {
    let (mut count, mut params) = (0, ListPeople::default());
    loop {
        let page = ask(node, "hub", params).await.unwrap();
        count += page.people.len();
        let Some(next) = page.next else { return count };
        params = ListPeople { after: Some(next), ..ListPeople::default() };
    }
}

/// Creates people until the disk is full; the key of the write that failed, and how it did.
async fn create_until_full(node: &Node) -> (u128, Failure) {
    for key in 1..50_000 {
        match create(node, "Bob", key).await {
            Ok(_) => {}
            failed => return (key, refused(failed)),
        }
    }
    panic!("the disk does not get full")
}

async fn create_once_it_can(node: &Node, key: u128) -> Person {
    let created = async {
        loop {
            match create(node, "Cid", key).await {
                Ok(cid) => return cid,
                failed => {
                    let failure = refused(failed);
                    assert_eq!(told(&failure), ("unavailable", Some("read_only")));
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    };
    tokio::time::timeout(MENDED_WITHIN, created).await.expect("writes within 10 s of the room")
}

/// Whom each of those who watch is told of next.
async fn told_of(watching: &mut [Subscription], events: usize) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for subscription in watching {
        let told = watching::told(subscription, events).await;
        all.push(told.into_iter().map(|(_, name)| name).collect());
    }
    all
}

fn durable() -> Watch {
    Watch { durable: Some("mine".parse().unwrap()), ..Watch::default() }
}

/// What a hub with a small disk is started from.
struct Scene {
    network: Network,
    program: Program,
    disk: SmallDisk,
}

impl Scene {
    /// `None` where no disk can be mounted.
    fn set() -> Option<Self> {
        let network = Network::new();
        let program = Program::of(&network);
        program.keep(&network.identity("hub"));
        let disk = SmallDisk::mount(program.path("disk"))?;
        Some(Self { network, program, disk })
    }

    /// Starts the hub, and a node that asks it.
    async fn start(&self) -> (Running, Node) {
        let data = self.disk.folder.join("data").display().to_string();
        let hub = self.program.start("hub", &["--data", &data]).await;
        let desk = self.network.node("desk").dialing_at("hub", hub.address).start().await;
        (hub, desk)
    }
}

#[tokio::test]
async fn a_node_with_a_full_disk_reads_on_and_writes_again_when_there_is_room() {
    let Some(scene) = Scene::set() else { return };
    let (mut hub, desk) = scene.start().await;
    let ann = create(&desk, "Ann", 0).await.unwrap();

    let ballast = scene.disk.fill();
    let (in_doubt, failure) = create_until_full(&desk).await;
    assert_eq!(told(&failure), ("unavailable", Some("read_only")));
    assert_eq!(failure.retry, Retry::Same);
    hub.logged("store read-only").await;
    let failure = refused(create(&desk, "Cid", 100_000).await);
    assert_eq!(told(&failure), ("unavailable", Some("read_only")));
    assert_eq!((failure.retry, failure.retry_after.is_some()), (Retry::After, true));
    assert_eq!(ask(&desk, "hub", GetPerson { id: ann.id }).await.unwrap(), ann);
    let acknowledged = usize::try_from(in_doubt).unwrap();
    assert_eq!(listed(&desk).await, acknowledged);

    fs::remove_file(ballast).unwrap();
    let cid = create_once_it_can(&desk, 100_000).await;
    hub.logged("store writes again").await;
    // What was in doubt acts once, whether it was stored or not.
    let bob = create(&desk, "Bob", in_doubt).await.unwrap();
    assert_eq!(create(&desk, "Bob", in_doubt).await.unwrap(), bob);
    assert_eq!(listed(&desk).await, acknowledged + 2);

    hub.kill().await;
    let (hub, desk) = scene.start().await;
    assert_eq!(ask(&desk, "hub", GetPerson { id: cid.id }).await.unwrap(), cid);
    assert_eq!(listed(&desk).await, acknowledged + 2);
    hub.stop().await;
}

#[tokio::test]
async fn who_watches_a_node_with_a_full_disk_is_told_all_that_was_and_all_that_will_be() {
    let Some(scene) = Scene::set() else { return };
    let (hub, desk) = scene.start().await;
    drop(live(&desk, durable()).await);
    let before = live(&desk, watch_from(WatchFrom::All)).await;
    create(&desk, "Ann", 0).await.unwrap();
    let ballast = scene.disk.fill();
    let (in_doubt, _) = create_until_full(&desk).await;
    let acknowledged = usize::try_from(in_doubt).unwrap();

    // One that was there before, one that begins now, and one that stands since long.
    let during = live(&desk, watch_from(WatchFrom::All)).await;
    let mut watching = [before, during, live(&desk, durable()).await];
    let mut states = watching.each_ref().map(Subscription::state);
    states.iter_mut().for_each(Receiver::mark_unchanged);
    let mut written = vec!["Bob"; acknowledged];
    written[0] = "Ann";
    assert_eq!(
        told_of(&mut watching, acknowledged).await,
        [written.clone(), written.clone(), written]
    );

    fs::remove_file(ballast).unwrap();
    create_once_it_can(&desk, 100_000).await;
    create(&desk, "Bob", in_doubt).await.unwrap();
    create(&desk, "Dan", 100_001).await.unwrap();
    for mut names in told_of(&mut watching, 3).await {
        // What was in doubt may have been stored before Cid or behind it.
        names[..2].sort_unstable();
        assert_eq!(names, ["Bob", "Cid", "Dan"]);
    }
    assert!(states.iter().all(|state| !state.has_changed().unwrap()), "none was interrupted");
    hub.stop().await;
}
