//! What a backend holds of records that are found by other keys.

use super::*;

async fn put_found_by(store: &Stored, name: &str, index: &[&str]) -> Change {
    store.write(found_by(name, ChangeKind::Put(value(name)), index)).await.unwrap()
}

async fn delete_found_by(store: &Stored, name: &str, index: &[&str]) -> Change {
    store.write(found_by(name, ChangeKind::Delete, index)).await.unwrap()
}

fn found_by(name: &str, kind: ChangeKind, index: &[&str]) -> Write {
    let index = index.iter().map(|other| key(other)).collect();
    Write { key: key(name), expect: Expect::Any, kind, index, unindex: Vec::new(), once: None }
}

/// The keys of the records that are found below a word.
async fn found_below(store: &Stored, word: &str) -> Vec<String> {
    let page = store.list_index(&Prefix::below(&key(word)), None, 100).await.unwrap();
    assert_eq!(page.next, None);
    page.records.into_iter().map(|record| record.key.to_string()).collect()
}

pub(crate) async fn a_record_is_found_by_its_other_keys_in_their_order(store: &Stored) {
    put_found_by(store, "a.1", &["to.bob.2", "from.ann.1"]).await;
    let second = put_found_by(store, "a.2", &["to.bob.1", "from.cid.1"]).await;
    put_found_by(store, "a.3", &["to.bobby.1"]).await;
    put(store, "a.4", "x").await;

    assert_eq!(found_below(store, "to.bob").await, ["a.2", "a.1"]);
    assert_eq!(found_below(store, "from.ann").await, ["a.1"]);
    assert_eq!(found_below(store, "from").await, ["a.1", "a.2"]);
    assert_eq!(found_below(store, "a").await, [""; 0]);
    let page = store.list_index(&Prefix::below(&key("to.bob")), None, 100).await.unwrap();
    let expected = Record { key: key("a.2"), revision: second.revision, value: value("a.2") };
    assert_eq!((&page.records[0], page.revision), (&expected, Revision(4)));
    // An index key is no key of a record.
    assert_eq!(store.get(&key("to.bob.1")).await.unwrap(), None);
    assert_eq!(store.list(&Prefix::below(&key("to")), None, 100).await.unwrap().records, []);
}

pub(crate) async fn pages_of_an_index_follow_one_another_without_gap_or_overlap(store: &Stored) {
    for n in 0..10 {
        // The other way round than the records' own keys.
        put_found_by(store, &format!("a.{n}"), &[&format!("by.{}", 9 - n)]).await;
    }
    put_found_by(store, "b.1", &["bz.1"]).await;
    for limit in [1, 3, 5, 9, 10, 11] {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let below = Prefix::below(&key("by"));
            let page = store.list_index(&below, after.as_ref(), limit).await.unwrap();
            assert!(page.records.len() <= limit);
            found.extend(page.records.into_iter().map(|record| record.key.to_string()));
            let Some(next) = page.next else { break };
            assert!(below.holds(next.as_str()), "{next} is no index key");
            after = Some(next);
        }
        let expected: Vec<_> = (0..10).rev().map(|n| format!("a.{n}")).collect();
        assert_eq!(found, expected, "in pages of {limit}");
    }
}

pub(crate) async fn a_record_stays_where_it_was_found_until_it_is_deleted(store: &Stored) {
    let index = ["by.1", "by.2"];
    put_found_by(store, "a.1", &index).await;
    put_found_by(store, "a.1", &index).await;
    let last = put(store, "a.1", "later").await;
    let page = store.list_index(&Prefix::below(&key("by")), None, 100).await.unwrap();
    let expected = Record { key: key("a.1"), revision: last.revision, value: value("later") };
    assert_eq!(page.records, [expected.clone(), expected]);

    delete_found_by(store, "a.1", &index).await;
    assert_eq!(found_below(store, "by").await, [""; 0]);
    // What is put there again is found under the keys that it is put with.
    put_found_by(store, "a.1", &["by.3"]).await;
    assert_eq!(found_below(store, "by").await, ["a.1"]);
}

pub(crate) async fn a_put_takes_away_the_keys_by_which_a_record_is_found_no_more(store: &Stored) {
    put_found_by(store, "a.1", &["by.1", "of.1"]).await;
    put_found_by(store, "a.2", &["by.2"]).await;
    let kind = ChangeKind::Put(value("later"));
    let unindex = ["by.1", "by.2", "by.3"].map(key).to_vec();
    store.write(Write { unindex, ..found_by("a.1", kind, &["of.1"]) }).await.unwrap();
    assert_eq!(found_below(store, "by").await, ["a.2"], "another's key is its own");
    assert_eq!(found_below(store, "of").await, ["a.1"]);
    let kind = ChangeKind::Delete;
    let unindex = vec![key("of.1")];
    store.write(Write { unindex, ..found_by("a.1", kind, &[]) }).await.unwrap();
    put(store, "a.1", "again").await;
    assert_eq!(found_below(store, "of").await, [""; 0]);
}

pub(crate) async fn an_index_key_leads_to_who_took_it_last(store: &Stored) {
    put_found_by(store, "a.1", &["by.1"]).await;
    put_found_by(store, "a.2", &["by.1"]).await;
    assert_eq!(found_below(store, "by").await, ["a.2"]);
    delete_found_by(store, "a.1", &["by.1"]).await;
    assert_eq!(found_below(store, "by").await, ["a.2"]);
    delete_found_by(store, "a.2", &["by.1"]).await;
    assert_eq!(found_below(store, "by").await, [""; 0]);
}

pub(crate) async fn an_index_key_that_leads_nowhere_is_passed_over(store: &Stored) {
    for n in 0..5 {
        put_found_by(store, &format!("a.{n}"), &[&format!("by.{n}")]).await;
    }
    for n in [0, 2, 4] {
        store.delete(key(&format!("a.{n}")), Expect::Any, None).await.unwrap();
    }
    assert_eq!(found_below(store, "by").await, ["a.1", "a.3"]);
}

pub(crate) async fn a_refused_or_repeated_write_changes_no_index(store: &Stored) {
    let with = |name: &str, index: &str, expect, once| {
        let kind = ChangeKind::Put(value(name));
        Write { expect, once, ..found_by(name, kind, &[index]) }
    };
    store.write(with("a.1", "by.1", Expect::Any, Some(once(1)))).await.unwrap();
    let refused = store.write(with("a.1", "by.2", Expect::Absent, None)).await;
    assert!(matches!(refused, Err(StoreError::Exists { .. })), "{refused:?}");
    store.write(with("a.2", "by.3", Expect::Any, Some(once(1)))).await.unwrap();
    assert_eq!(found_below(store, "by").await, ["a.1"]);
}

pub(crate) async fn an_index_is_no_part_of_the_log(store: &Stored) {
    let written = put_found_by(store, "a.1", &["by.1", "by.2"]).await;
    let deleted = delete_found_by(store, "a.1", &["by.1", "by.2"]).await;
    assert_eq!(log(store).await, [written, deleted]);
}

pub(crate) async fn a_store_has_one_id(store: &Stored) {
    let id = store.id();
    put(store, "a.1", "x").await;
    assert_eq!(store.id(), id);
    assert_eq!(id.to_string().len(), 16);
}
