//! What a backend holds of writes that are asked for again under their idempotency key.

use super::*;

async fn put_once(store: &Stored, name: &str, once: &Once) -> Result<Change, StoreError> {
    store.put(key(name), Expect::Any, value(name), Some(once.clone())).await
}

pub(crate) async fn a_repeated_write_acts_once_and_answers_the_same(store: &Stored) {
    assert_eq!(store.done(&once(1)).await.unwrap(), None);
    let first = put_once(store, "a.1", &once(1)).await.unwrap();
    assert_eq!(store.done(&once(1)).await.unwrap().as_ref(), Some(&first));
    // A repeat may come with another record's name, where the name is drawn by who answers.
    let second = put_once(store, "a.2", &once(1)).await.unwrap();
    assert_eq!(second, first);
    assert_eq!(store.get(&key("a.2")).await.unwrap(), None);
    assert_eq!((newest(store), log(store).await.len()), (Revision(1), 1));
}

pub(crate) async fn a_repeated_write_answers_what_was_written_after_later_changes(store: &Stored) {
    let first = put_once(store, "a.1", &once(1)).await.unwrap();
    put(store, "a.1", "later").await;
    assert_eq!(put_once(store, "a.1", &once(1)).await.unwrap(), first);
    store.delete(key("a.1"), Expect::Any, None).await.unwrap();
    // The expectation no longer holds, and a repeat is not asked for it.
    let unmet = Expect::Revision(Revision(99));
    let again = store.put(key("a.1"), unmet, value("a.1"), Some(once(1))).await.unwrap();
    assert_eq!(again, first);
    assert_eq!(store.done(&once(1)).await.unwrap(), Some(first));
    assert_eq!(store.get(&key("a.1")).await.unwrap(), None);
}

pub(crate) async fn a_repeated_delete_answers_the_same(store: &Stored) {
    put(store, "a.1", "x").await;
    let first = store.delete(key("a.1"), Expect::Any, Some(once(1))).await.unwrap();
    put(store, "a.1", "y").await;
    let second = store.delete(key("a.1"), Expect::Any, Some(once(1))).await.unwrap();
    assert_eq!(second, first);
    assert_eq!(store.get(&key("a.1")).await.unwrap().unwrap().value, value("y"));
}

pub(crate) async fn a_key_with_other_params_is_refused(store: &Stored) {
    put_once(store, "a.1", &once(1)).await.unwrap();
    let other = Once { params: [2; 32], ..once(1) };
    let refused = put_once(store, "a.2", &other).await;
    assert!(matches!(refused, Err(StoreError::KeyReused)), "{refused:?}");
    assert!(matches!(store.done(&other).await, Err(StoreError::KeyReused)));
    assert_eq!(newest(store), Revision(1));
}

pub(crate) async fn the_same_key_of_another_caller_or_method_is_another(store: &Stored) {
    put_once(store, "a.1", &once(1)).await.unwrap();
    let caller = Once { caller: "bob".parse().unwrap(), ..once(1) };
    let method = Once { method: "people.update".parse().unwrap(), ..once(1) };
    assert_eq!(put_once(store, "a.2", &caller).await.unwrap().revision, Revision(2));
    assert_eq!(put_once(store, "a.3", &method).await.unwrap().revision, Revision(3));
}

pub(crate) async fn a_refused_write_leaves_its_key_unused(store: &Stored) {
    let refused = store.delete(key("a.1"), Expect::Any, Some(once(1))).await;
    assert!(matches!(refused, Err(StoreError::Missing { .. })), "{refused:?}");
    assert_eq!(store.done(&once(1)).await.unwrap(), None);
    put(store, "a.1", "x").await;
    assert!(store.delete(key("a.1"), Expect::Any, Some(once(1))).await.is_ok());
}

pub(crate) async fn two_at_once_with_the_same_key_act_once(store: &Stored) {
    for n in 0..50 {
        let (one, two) = (format!("a.{n}-one"), format!("a.{n}-two"));
        let (once_one, once_two) = (once(n), once(n));
        let both = tokio::join!(put_once(store, &one, &once_one), put_once(store, &two, &once_two));
        assert_eq!(both.0.unwrap(), both.1.unwrap());
    }
    assert_eq!(log(store).await.len(), 50);
}
