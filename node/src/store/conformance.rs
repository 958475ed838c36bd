//! What every backend of [`Store`] holds: one suite, run over each of them.
//!
//! `conformance_tests!(open)` makes a test of each rule, where `open` is an async function that
//! gives an empty store.

mod index;
mod repeats;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bothways_protocol::IdempotencyKey;
use bytes::Bytes;

use super::{
    Change, ChangeKind, Expect, Key, Once, Prefix, Record, Revision, Store, StoreError,
    VALUE_MAX_BYTES, Write,
};

/// Makes a test of each rule of this suite.
macro_rules! conformance_tests {
    ($open:path) => {
        $crate::store::conformance::conformance_tests! { $open;
            a_record_is_read_as_it_was_put,
            what_is_not_there_is_none,
            each_write_has_the_next_revision,
            a_refused_write_changes_nothing,
            a_delete_takes_the_record_and_is_a_change,
            expectations_hold_against_what_is_there,
            a_list_has_the_keys_below_a_prefix_in_order,
            pages_follow_one_another_without_gap_or_overlap,
            what_stands_throughout_is_listed_once_while_others_write,
            a_record_is_found_by_its_other_keys_in_their_order,
            pages_of_an_index_follow_one_another_without_gap_or_overlap,
            a_record_stays_where_it_was_found_until_it_is_deleted,
            a_put_takes_away_the_keys_by_which_a_record_is_found_no_more,
            an_index_key_leads_to_who_took_it_last,
            an_index_key_that_leads_nowhere_is_passed_over,
            a_refused_or_repeated_write_changes_no_index,
            an_index_is_no_part_of_the_log,
            a_store_has_one_id,
            changes_are_read_in_order_and_read_on,
            changes_of_other_keys_are_passed_over,
            a_revision_outside_the_log_is_refused,
            who_waits_for_the_newest_revision_is_woken_and_can_read_it,
            a_repeated_write_acts_once_and_answers_the_same,
            a_repeated_write_answers_what_was_written_after_later_changes,
            a_repeated_delete_answers_the_same,
            a_key_with_other_params_is_refused,
            the_same_key_of_another_caller_or_method_is_another,
            a_refused_write_leaves_its_key_unused,
            two_at_once_with_the_same_key_act_once,
            of_many_at_once_with_one_expectation_one_wins,
            every_one_of_many_at_once_is_in_the_log_once,
            a_value_that_is_too_large_is_refused,
            a_closed_store_says_so,
        }
    };
    ($open:path; $($rule:ident,)*) => {
        $(
            #[tokio::test]
            async fn $rule() {
                let store: std::sync::Arc<dyn $crate::store::Store> = $open().await;
                $crate::store::conformance::$rule(&store).await;
            }
        )*
    };
}
pub(crate) use conformance_tests;
pub(crate) use index::*;
pub(crate) use repeats::*;

type Stored = Arc<dyn Store>;

pub(crate) fn key(text: &str) -> Key {
    text.parse().unwrap()
}

pub(crate) fn value(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

/// A write of one caller under the key that is made of a number.
pub(crate) fn once(number: u128) -> Once {
    Once {
        caller: "ann".parse().unwrap(),
        method: "people.create".parse().unwrap(),
        key: IdempotencyKey(number.to_be_bytes()),
        params: [1; 32],
    }
}

async fn put(store: &Stored, name: &str, text: &str) -> Change {
    store.put(key(name), Expect::Any, value(text), None).await.unwrap()
}

async fn log(store: &Stored) -> Vec<Change> {
    store.changes_after(Revision(0), &Prefix::all(), usize::MAX).await.unwrap().changes
}

fn newest(store: &Stored) -> Revision {
    *store.newest().borrow()
}

pub(crate) async fn a_record_is_read_as_it_was_put(store: &Stored) {
    let written = put(store, "a.1", "x").await;
    let empty = store.put(key("a.2"), Expect::Absent, Bytes::new(), None).await.unwrap();

    let record = store.get(&key("a.1")).await.unwrap();
    let (revision, value) = (written.revision, value("x"));
    assert_eq!(record, Some(Record { key: key("a.1"), revision, value }));
    let record = store.get(&key("a.2")).await.unwrap().unwrap();
    assert_eq!((record.revision, record.value), (empty.revision, Bytes::new()));
}

pub(crate) async fn what_is_not_there_is_none(store: &Stored) {
    put(store, "a.1", "x").await;
    assert_eq!(store.get(&key("a.2")).await.unwrap(), None);
    assert_eq!(store.get(&key("a")).await.unwrap(), None);
}

pub(crate) async fn each_write_has_the_next_revision(store: &Stored) {
    assert_eq!(newest(store), Revision(0));
    for expected in 1..=5 {
        assert_eq!(put(store, "a.1", "x").await.revision, Revision(expected));
        assert_eq!(newest(store), Revision(expected));
    }
}

pub(crate) async fn a_refused_write_changes_nothing(store: &Stored) {
    put(store, "a.1", "x").await;
    let refused = store.put(key("a.1"), Expect::Absent, value("y"), None).await;
    assert!(matches!(refused, Err(StoreError::Exists { found: Revision(1), .. })), "{refused:?}");
    assert_eq!(store.get(&key("a.1")).await.unwrap().unwrap().value, value("x"));
    assert_eq!((newest(store), log(store).await.len()), (Revision(1), 1));
}

pub(crate) async fn a_delete_takes_the_record_and_is_a_change(store: &Stored) {
    put(store, "a.1", "x").await;
    let deleted = store.delete(key("a.1"), Expect::Any, None).await.unwrap();
    let expected = Change { revision: Revision(2), key: key("a.1"), kind: ChangeKind::Delete };
    assert_eq!(deleted, expected);
    assert_eq!(store.get(&key("a.1")).await.unwrap(), None);
    assert_eq!(store.list(&Prefix::all(), None, 10).await.unwrap().records, []);
    assert_eq!(log(store).await[1], expected);

    let again = store.delete(key("a.1"), Expect::Any, None).await;
    assert!(matches!(again, Err(StoreError::Missing { .. })), "{again:?}");
}

pub(crate) async fn expectations_hold_against_what_is_there(store: &Stored) {
    let seen = Expect::Revision(put(store, "a.1", "x").await.revision);
    put(store, "a.1", "y").await;
    let put = store.put(key("a.1"), seen, value("z"), None).await;
    let delete = store.delete(key("a.1"), seen, None).await;
    for refused in [put, delete] {
        let Err(StoreError::Conflict { expected, found, .. }) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!((expected, found), (Revision(1), Revision(2)));
    }
    let absent = store.put(key("a.2"), Expect::Revision(Revision(2)), value("z"), None).await;
    assert!(matches!(absent, Err(StoreError::Missing { .. })), "{absent:?}");
    let current = Expect::Revision(Revision(2));
    assert!(store.put(key("a.1"), current, value("z"), None).await.is_ok());
}

pub(crate) async fn a_list_has_the_keys_below_a_prefix_in_order(store: &Stored) {
    for name in ["b.1", "a.2", "a.10", "ab.1", "a.1", "a"] {
        put(store, name, name).await;
    }
    let page = store.list(&Prefix::below(&key("a")), None, 10).await.unwrap();
    let keys: Vec<_> = page.records.iter().map(|record| record.key.as_str()).collect();
    assert_eq!(keys, ["a.1", "a.10", "a.2"]);
    assert_eq!((page.next, page.revision), (None, Revision(6)));
    assert_eq!(store.list(&Prefix::all(), None, 10).await.unwrap().records.len(), 6);
    // A key before the prefix begins with its first; one behind it finds nothing.
    for (after, count) in [("0", 3), ("a.1", 2), ("a.15", 1), ("a.2", 0), ("b", 0)] {
        let after = key(after);
        let page = store.list(&Prefix::below(&key("a")), Some(&after), 10).await.unwrap();
        assert_eq!(page.records.len(), count, "behind {after}");
    }
}

pub(crate) async fn pages_follow_one_another_without_gap_or_overlap(store: &Stored) {
    for n in 0..10 {
        put(store, &format!("a.{n}"), "x").await;
    }
    put(store, "b.1", "x").await;
    for limit in [1, 3, 5, 9, 10, 11] {
        let mut found = Vec::new();
        let mut after = None;
        loop {
            let page = store.list(&Prefix::below(&key("a")), after.as_ref(), limit).await.unwrap();
            assert!(page.records.len() <= limit);
            found.extend(page.records.into_iter().map(|record| record.key.to_string()));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let expected: Vec<_> = (0..10).map(|n| format!("a.{n}")).collect();
        assert_eq!(found, expected, "in pages of {limit}");
    }
}

pub(crate) async fn what_stands_throughout_is_listed_once_while_others_write(store: &Stored) {
    let standing: BTreeSet<_> = (0..40).map(|n| format!("a.{n:02}-stands")).collect();
    for name in &standing {
        put(store, name, "x").await;
    }
    let writing = tokio::spawn({
        let store = Arc::clone(store);
        async move {
            for n in 0..200 {
                let name = key(&format!("a.{:02}-passes", (n * 7) % 40));
                match store.delete(name.clone(), Expect::Any, None).await {
                    Ok(_) => {}
                    Err(StoreError::Missing { .. }) => {
                        store.put(name, Expect::Any, value("y"), None).await.unwrap();
                    }
                    Err(other) => panic!("{other}"),
                }
            }
        }
    });
    let mut rounds = 0;
    while rounds < 5 || !writing.is_finished() {
        let mut found = BTreeMap::new();
        let mut after = None;
        loop {
            let page = store.list(&Prefix::below(&key("a")), after.as_ref(), 7).await.unwrap();
            for record in page.records {
                *found.entry(record.key.to_string()).or_insert(0) += 1;
            }
            tokio::task::yield_now().await;
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert!(found.values().all(|times| *times == 1), "listed twice: {found:?}");
        let missing = standing.iter().find(|name| !found.contains_key(*name));
        assert_eq!(missing, None);
        rounds += 1;
    }
    writing.await.unwrap();
}

pub(crate) async fn changes_are_read_in_order_and_read_on(store: &Stored) {
    let mut written = Vec::new();
    for n in 0..10 {
        written.push(put(store, &format!("a.{}", n % 3), &n.to_string()).await);
    }
    let mut read = Vec::new();
    let mut at = Revision(0);
    while at < newest(store) {
        let changes = store.changes_after(at, &Prefix::all(), 3).await.unwrap();
        assert!(changes.changes.len() <= 3 && changes.through > at);
        read.extend(changes.changes);
        at = changes.through;
    }
    assert_eq!(read, written);
    let rest = store.changes_after(at, &Prefix::all(), 3).await.unwrap();
    assert_eq!((rest.changes, rest.through), (vec![], at));
}

pub(crate) async fn changes_of_other_keys_are_passed_over(store: &Stored) {
    for name in ["a.1", "b.1", "b.2", "a.2", "b.3"] {
        put(store, name, "x").await;
    }
    let below = Prefix::below(&key("a"));
    let first = store.changes_after(Revision(0), &below, 1).await.unwrap();
    assert_eq!(first.changes.len(), 1);
    let second = store.changes_after(first.through, &below, 10).await.unwrap();
    let keys: Vec<_> = second.changes.iter().map(|change| change.key.as_str()).collect();
    assert_eq!((keys, second.through), (vec!["a.2"], Revision(5)));
}

pub(crate) async fn a_revision_outside_the_log_is_refused(store: &Stored) {
    put(store, "a.1", "x").await;
    let refused = store.changes_after(Revision(2), &Prefix::all(), 1).await;
    assert!(
        matches!(refused, Err(StoreError::OutOfRange { newest: Revision(1), .. })),
        "{refused:?}"
    );
}

pub(crate) async fn who_waits_for_the_newest_revision_is_woken_and_can_read_it(store: &Stored) {
    let mut newest = store.newest();
    let reading = tokio::spawn({
        let store = Arc::clone(store);
        async move {
            newest.changed().await.unwrap();
            let revision = *newest.borrow_and_update();
            let read = store.changes_after(Revision(0), &Prefix::all(), 10).await.unwrap();
            (revision, read.through)
        }
    });
    put(store, "a.1", "x").await;
    assert_eq!(reading.await.unwrap(), (Revision(1), Revision(1)));
}

/// Asks for many writes at once, and gives the outcomes in the order asked.
async fn at_once(
    store: &Stored,
    writes: impl Iterator<Item = (Key, Expect)>,
) -> Vec<Result<Change, StoreError>> {
    let asked: Vec<_> = writes
        .map(|(name, expect)| {
            let store = Arc::clone(store);
            tokio::spawn(async move { store.put(name, expect, value("x"), None).await })
        })
        .collect();
    let mut outcomes = Vec::new();
    for one in asked {
        outcomes.push(one.await.unwrap());
    }
    outcomes
}

pub(crate) async fn of_many_at_once_with_one_expectation_one_wins(store: &Stored) {
    let seen = Expect::Revision(put(store, "a.1", "x").await.revision);
    let outcomes = at_once(store, (0..100).map(|_| (key("a.1"), seen))).await;
    let won = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    let conflicts = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, Err(StoreError::Conflict { found: Revision(2), .. })));
    assert_eq!((won, conflicts.count()), (1, 99));
    assert_eq!(newest(store), Revision(2));
}

pub(crate) async fn every_one_of_many_at_once_is_in_the_log_once(store: &Stored) {
    // More than the queue holds and than one transaction takes.
    let writes = (0..1000).map(|n| (key(&format!("a.{n}")), Expect::Absent));
    let outcomes = at_once(store, writes).await;
    let mut written: Vec<_> = outcomes.into_iter().map(Result::unwrap).collect();
    written.sort_by_key(|change| change.revision);
    assert_eq!(log(store).await, written);
    let revisions: Vec<_> = written.iter().map(|change| change.revision.0).collect();
    assert_eq!(revisions, (1..=1000).collect::<Vec<_>>());
}

pub(crate) async fn a_value_that_is_too_large_is_refused(store: &Stored) {
    let put =
        async |bytes| store.put(key("a.1"), Expect::Any, Bytes::from(vec![0; bytes]), None).await;
    let refused = put(VALUE_MAX_BYTES + 1).await;
    assert!(matches!(refused, Err(StoreError::TooLarge { .. })), "{refused:?}");
    assert!(put(VALUE_MAX_BYTES).await.is_ok());
    assert_eq!(store.get(&key("a.1")).await.unwrap().unwrap().value.len(), VALUE_MAX_BYTES);
}

pub(crate) async fn a_closed_store_says_so(store: &Stored) {
    put(store, "a.1", "x").await;
    store.close().await.unwrap();
    store.close().await.unwrap();
    assert!(matches!(store.get(&key("a.1")).await, Err(StoreError::Closed)));
    assert!(matches!(store.list(&Prefix::all(), None, 1).await, Err(StoreError::Closed)));
    assert!(matches!(store.done(&once(1)).await, Err(StoreError::Closed)));
    let changes = store.changes_after(Revision(0), &Prefix::all(), 1).await;
    assert!(matches!(changes, Err(StoreError::Closed)));
    let put = store.put(key("a.1"), Expect::Any, value("y"), None).await;
    assert!(matches!(put, Err(StoreError::Closed)));
}
