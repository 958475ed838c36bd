//! Subscribers that are cut off, each in its own way, and what they were told all the same.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bothways::Node;
use bothways::domain::people::Person;
use bothways::protocol::{Cursor, Event, Watch, WatchFrom};
use tokio::task::JoinHandle;

use super::hub::{Hub, stored};
use super::relay::Relay;
use crate::history::{Subscriber, Told};

/// After how many events a slow subscriber pauses, and for how long.
const SLOW: (usize, Duration) = (200, Duration::from_millis(20));

/// How a subscriber is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// The way to the server is dead for a while; the library resumes.
    Way,
    /// The subscriber itself is gone, and another follows it, from the cursor that it had.
    Process,
}

/// A subscriber that is told of all people from the beginning.
pub(super) struct Subscribed {
    pub(super) name: String,
    pub(super) cut: Cut,
    relay: Relay,
    told: Arc<Mutex<Vec<Told>>>,
    following: JoinHandle<String>,
}

impl Subscribed {
    pub(super) async fn new(hub: &Hub, name: &str, cut: Cut) -> Self {
        let (relay, told) = (Relay::to(hub.address).await, Arc::default());
        let node = hub.client_by(name, relay.address).await;
        let following = tokio::spawn(follow(node, Arc::clone(&told), None));
        Self { name: name.to_owned(), cut, relay, told, following }
    }

    /// Is cut off for as long as this.
    pub(super) async fn be_cut(&mut self, hub: &Hub, lasting: Duration) {
        match self.cut {
            Cut::Way => {
                self.relay.lose(true);
                tokio::time::sleep(lasting).await;
                self.relay.lose(false);
            }
            Cut::Process => {
                self.following.abort();
                // Its node goes with it.
                let _ = (&mut self.following).await;
                let last = self.told().last().map(|told| told.cursor.clone());
                tokio::time::sleep(lasting).await;
                let node = hub.client_by(&self.name, self.relay.address).await;
                self.following = tokio::spawn(follow(node, Arc::clone(&self.told), last));
            }
        }
    }

    /// The newest revision that it was told of.
    pub(super) fn newest(&self) -> u64 {
        self.told().iter().map(|told| told.stored.revision).max().unwrap_or(0)
    }

    /// Why it was told nothing more, if the library gave up.
    pub(super) async fn gave_up(&mut self) -> Option<String> {
        match self.following.is_finished() {
            true => Some((&mut self.following).await.unwrap_or_else(|error| error.to_string())),
            false => None,
        }
    }

    /// Ends, and tells what it was told.
    pub(super) async fn end(mut self) -> Subscriber {
        self.following.abort();
        let _ = (&mut self.following).await;
        let told = self.told().clone();
        Subscriber { name: self.name.clone(), after: 0, told }
    }

    fn told(&self) -> std::sync::MutexGuard<'_, Vec<Told>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Notes what is told, from a cursor or from the beginning; tells why that ended.
async fn follow(node: Node, told: Arc<Mutex<Vec<Told>>>, last: Option<Vec<u8>>) -> String {
    let from = last.map(|cursor| WatchFrom::Cursor(Cursor::of_bytes(cursor.into()).unwrap()));
    let from = Some(from.unwrap_or(WatchFrom::All));
    let mut people = node.peer("hub").subscribe("people", Watch { from, ..Watch::default() });
    loop {
        match people.next().await {
            Ok(event) => {
                let count = {
                    let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
                    told.push(read(&event));
                    told.len()
                };
                if count % SLOW.0 == 0 {
                    tokio::time::sleep(SLOW.1).await;
                }
            }
            Err(error) => return error.to_string(),
        }
    }
}

fn read(event: &Event) -> Told {
    let person: Person = event.body.decode().unwrap();
    let (what, cursor) = (person.name.as_str().to_owned(), event.cursor.to_vec());
    Told { what, stored: stored(&person), cursor }
}
