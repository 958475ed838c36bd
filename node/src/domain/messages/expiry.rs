//! Messages whose time to live is over: they are passed over at once, and removed by and by.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::join_all;

use super::Messages;
use super::words::{Message, MessageId};
use crate::clock::unix_ms;
use crate::store::{ChangeKind, Expect, Prefix, Record, StoreError, Write};

/// How many messages one sweep removes. A send that sweeps removes more than it adds, so what is
/// over does not pile up.
const SWEPT_AT_A_TIME: usize = 16;

/// The longest that nobody looks for messages to remove, in milliseconds: the wall clock jumps.
const SWEEP_WITHIN_MS: u64 = 60_000;

/// When messages end. Their ids say when they were sent, so those that end first stand first.
#[derive(Debug)]
pub(super) struct Expiry {
    keep_ms: u64,
    /// When to look for messages to remove, by the wall clock. The first look is the first use.
    next_sweep_ms: AtomicU64,
}

impl Expiry {
    pub(super) fn of(keep_for: Duration) -> Self {
        let keep_ms = u64::try_from(keep_for.as_millis()).unwrap_or(u64::MAX);
        Self { keep_ms, next_sweep_ms: AtomicU64::new(0) }
    }

    /// Whether a message's time is over.
    pub(super) fn is_over(&self, id: MessageId) -> bool {
        is_over(id.sent_ms(), self.keep_ms, unix_ms())
    }

    /// Behind this id stand the messages whose time is not over.
    pub(super) fn living_behind(&self) -> MessageId {
        MessageId::before(first_living_ms(self.keep_ms, unix_ms()))
    }

    /// Whether it is time to look; who is told so looks, and nobody else for a while.
    fn is_due(&self, now_ms: u64) -> bool {
        let next_ms = now_ms.saturating_add(SWEEP_WITHIN_MS);
        let due = |due_ms| (now_ms >= due_ms).then_some(next_ms);
        self.next_sweep_ms.fetch_update(Ordering::Relaxed, Ordering::Relaxed, due).is_ok()
    }
}

/// Whether a message that was sent then is over now.
fn is_over(sent_ms: u64, keep_ms: u64, now_ms: u64) -> bool {
    sent_ms < first_living_ms(keep_ms, now_ms)
}

/// The earliest time at which a message can have been sent that is not over now.
fn first_living_ms(keep_ms: u64, now_ms: u64) -> u64 {
    now_ms.saturating_sub(keep_ms)
}

impl Messages {
    /// Removes the oldest messages that are over, if it is time to look for them. What cannot be
    /// removed now will be later: nobody is told of it as it is.
    pub(super) async fn sweep(&self) {
        let now_ms = unix_ms();
        if !self.expiry.is_due(now_ms) {
            return;
        }
        match self.remove_oldest().await {
            // There may be more of them.
            Ok(SWEPT_AT_A_TIME) => self.expiry.next_sweep_ms.store(0, Ordering::Relaxed),
            Ok(_) => {}
            Err(error) => tracing::debug!(%error, "expired messages not removed"),
        }
    }

    /// How many were removed.
    async fn remove_oldest(&self) -> Result<usize, StoreError> {
        let prefix = Prefix::below(&MessageId::folder());
        let page = self.store.list(&prefix, None, SWEPT_AT_A_TIME).await?;
        let mut removals = Vec::new();
        for record in page.records {
            if !self.expiry.is_over(MessageId::of_key(&record.key)?) {
                break;
            }
            removals.push(self.remove(record));
        }
        let removed = join_all(removals).await;
        Ok(removed.into_iter().collect::<Result<Vec<()>, _>>()?.len())
    }

    pub(super) async fn remove(&self, record: Record) -> Result<(), StoreError> {
        let message = Message::of_record(&record)?;
        let (id, expect) = (message.id, Expect::Revision(record.revision));
        let stored = message.stored();
        let (kind, index, unindex) = (ChangeKind::Delete, stored.index(id), stored.unindex(id));
        let removal = Write { key: record.key, expect, kind, index, unindex, once: None };
        match self.store.write(removal).await {
            Ok(_) | Err(StoreError::Missing { .. } | StoreError::Conflict { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_over_when_it_was_kept_for_its_time() {
        let table = [
            (1_000, 500, 1_000, false),
            (1_000, 500, 1_500, false),
            (1_000, 500, 1_501, true),
            (1_000, 500, 900, false),
            (1_000, u64::MAX, u64::MAX, false),
            (0, 0, 0, false),
        ];
        for (sent, keep, now, over) in table {
            assert_eq!(is_over(sent, keep, now), over, "{sent} {keep} {now}");
        }
    }

    #[test]
    fn one_of_many_sweeps_when_it_is_due() {
        let expiry = Expiry::of(Duration::from_secs(1));
        assert!(expiry.is_due(1_000_000));
        assert!(!expiry.is_due(1_000_001));
        assert!(!expiry.is_due(1_000_000 + SWEEP_WITHIN_MS - 1));
        assert!(expiry.is_due(1_000_000 + SWEEP_WITHIN_MS));
    }
}
