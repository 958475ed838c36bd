//! The load of a fan-out, which its contenders share: changes are asked for, as many at a time as
//! may be outstanding, and each subscriber counts what it is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until};

use crate::case::{FanOut, Measure};
use crate::load::Reading;
use crate::usage::{cpu_time, resident_kib};

/// How long a subscriber may take for the last event.
const LAST: Duration = Duration::from_secs(10);
/// The bytes of an event's number, its last ones.
pub(crate) const NUMBER_BYTES: usize = 8;

/// A way to have something changed.
pub(crate) trait Publish: Send + 'static {
    /// Asks for so many changes more.
    fn publish(&mut self, count: usize) -> impl Future<Output = Result<()>> + Send;
}

/// Somebody who is told of each change.
pub(crate) trait Subscriber: Send + 'static {
    /// Waits for events, and hands out each.
    fn read(
        &mut self,
        take: impl FnMut(&[u8]) -> Result<()> + Send,
    ) -> impl Future<Output = Result<()>> + Send;
}

/// What was told to all so far.
struct Told {
    subscribers: usize,
    deliveries: AtomicU64,
    /// How many have been told of each change that is outstanding.
    of_each: Vec<AtomicUsize>,
    /// A permit for each change that may be asked for.
    free: Semaphore,
}

/// The body of an event: as long as is asked for, its number at the end.
pub(crate) fn body(number: u64, bytes: usize) -> Vec<u8> {
    let mut body = vec![b'x'; bytes - NUMBER_BYTES];
    body.extend(number.to_be_bytes());
    body
}

/// Has changes told to subscribers, and counts what arrives in the window. `before_kib` is the
/// listener's memory before they subscribed.
pub(crate) async fn run(
    fan_out: FanOut,
    (listener, before_kib): (u32, u64),
    publisher: impl Publish,
    subscribers: Vec<impl Subscriber>,
) -> Result<Reading> {
    let FanOut { warm_up, window, .. } = fan_out;
    let told = Arc::new(Told::nothing(fan_out));
    let mut following = JoinSet::new();
    for subscriber in subscribers {
        following.spawn(follow(subscriber, told.clone()));
    }
    let begin = Instant::now() + warm_up;
    let end = begin + window;
    let publishing = tokio::spawn(publish(publisher, told.clone(), end));
    sleep_until(begin.into()).await;
    let before = (told.deliveries(), cpu_time(listener)?);
    sleep_until(end.into()).await;
    let after = (told.deliveries(), cpu_time(listener)?);
    let (published, _publisher) = publishing.await??;
    let missed = told.missed(published).await;
    if let Some(ended) = following.try_join_next() {
        ended??;
        bail!("a subscription ended before its time");
    }
    let grown_kib = resident_kib(listener)?.saturating_sub(before_kib);
    let counted = (after.0 - before.0) as f64;
    let cpu_us = (after.1 - before.1).as_secs_f64() * 1e6;
    Ok(Reading(
        [
            (Measure::PerSecond, counted / window.as_secs_f64()),
            (Measure::CpuAnsweringUs, cpu_us / counted.max(1.0)),
            (Measure::Missed, missed as f64),
            (Measure::KibPerSubscriber, grown_kib as f64 / fan_out.subscribers as f64),
        ]
        .into(),
    ))
}

/// Asks for changes until the end, and says for how many. What is asked may still be under way
/// then: so it gives the publisher back.
async fn publish<P: Publish>(mut publisher: P, told: Arc<Told>, end: Instant) -> Result<(u64, P)> {
    let mut published = 0;
    while Instant::now() < end {
        told.free.acquire().await?.forget();
        let mut count = 1;
        while let Ok(more) = told.free.try_acquire() {
            more.forget();
            count += 1;
        }
        publisher.publish(count).await?;
        published += count as u64;
    }
    Ok((published, publisher))
}

/// Counts what one subscriber is told, which has to be every event in its order.
async fn follow(mut subscriber: impl Subscriber, told: Arc<Told>) -> Result<()> {
    let mut next = 0_u64;
    loop {
        let take = |event: &[u8]| {
            let (_, number) = event.split_last_chunk().unwrap_or((&[], &[0xff; NUMBER_BYTES]));
            let number = u64::from_be_bytes(*number);
            ensure!(number == next, "event {number} where {next} was due");
            told.note(next);
            next += 1;
            Ok(())
        };
        subscriber.read(take).await?;
    }
}

impl Told {
    fn nothing(fan_out: FanOut) -> Self {
        let FanOut { subscribers, outstanding, .. } = fan_out;
        Self {
            subscribers,
            deliveries: AtomicU64::new(0),
            of_each: (0..outstanding).map(|_| AtomicUsize::new(0)).collect(),
            free: Semaphore::new(outstanding),
        }
    }

    /// One subscriber more was told of a change.
    fn note(&self, number: u64) {
        self.deliveries.fetch_add(1, Ordering::Relaxed);
        let told = &self.of_each[number as usize % self.of_each.len()];
        if told.fetch_add(1, Ordering::Relaxed) + 1 == self.subscribers {
            told.store(0, Ordering::Relaxed);
            self.free.add_permits(1);
        }
    }

    fn deliveries(&self) -> u64 {
        self.deliveries.load(Ordering::Relaxed)
    }

    /// How many of the events of so many changes did not come, however long that may take.
    async fn missed(&self, published: u64) -> u64 {
        let (all, until) = (published * self.subscribers as u64, Instant::now() + LAST);
        while self.deliveries() < all && Instant::now() < until {
            sleep(Duration::from_millis(1)).await;
        }
        all - self.deliveries()
    }
}
