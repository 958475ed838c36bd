//! What others do between the steps of a request does not change its answer.

use std::collections::VecDeque;
use std::sync::Mutex;

use futures_util::future::BoxFuture;
use tokio::sync::watch;

use super::*;
use crate::domain::revise::TRIES;
use crate::store::{ChangeKind, Changes, Key, Page, StoreId, StoreState, Write};

/// A store in which somebody else writes right after a read has been answered.
#[derive(Debug)]
struct Meddled {
    store: Arc<dyn Store>,
    /// What is written after each look at the idempotency keys, and after each read of a record.
    after_done: Mutex<VecDeque<Vec<Write>>>,
    after_get: Mutex<VecDeque<Vec<Write>>>,
}

impl Meddled {
    async fn meddle(&self, with: &Mutex<VecDeque<Vec<Write>>>) {
        let writes = with.lock().unwrap().pop_front().unwrap_or_default();
        for write in writes {
            self.store.write(write).await.unwrap();
        }
    }
}

impl Store for Meddled {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Record>, StoreError>> {
        Box::pin(async move {
            let found = self.store.get(key).await;
            self.meddle(&self.after_get).await;
            found
        })
    }
    fn write(&self, write: Write) -> BoxFuture<'_, Result<Change, StoreError>> {
        self.store.write(write)
    }
    fn list<'a>(
        &'a self,
        prefix: &'a Prefix,
        after: Option<&'a Key>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, StoreError>> {
        self.store.list(prefix, after, limit)
    }
    fn list_index<'a>(
        &'a self,
        prefix: &'a Prefix,
        after: Option<&'a Key>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, StoreError>> {
        self.store.list_index(prefix, after, limit)
    }
    fn changes_after<'a>(
        &'a self,
        after: Revision,
        prefix: &'a Prefix,
        limit: usize,
    ) -> BoxFuture<'a, Result<Changes, StoreError>> {
        self.store.changes_after(after, prefix, limit)
    }
    fn done<'a>(&'a self, once: &'a Once) -> BoxFuture<'a, Result<Option<Change>, StoreError>> {
        Box::pin(async move {
            let found = self.store.done(once).await;
            self.meddle(&self.after_done).await;
            found
        })
    }
    fn id(&self) -> StoreId {
        self.store.id()
    }
    fn newest(&self) -> watch::Receiver<Revision> {
        self.store.newest()
    }
    fn state(&self) -> StoreState {
        self.store.state()
    }
    fn close(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.store.close()
    }
}

/// Somebody's write of a person, or, without a name, somebody's delete.
fn theirs(id: PersonId, name: Option<&str>, once: Option<Once>) -> Write {
    let kind = name.map_or(ChangeKind::Delete, |name| {
        let (name, title, created_by) = (name.parse().unwrap(), None, None);
        ChangeKind::Put(StoredPerson { name, title, created_by, updates: 0 }.to_bytes().unwrap())
    });
    Write { key: id.key(), expect: Expect::Any, kind, index: Vec::new(), unindex: Vec::new(), once }
}

fn meddled(scene: &Scene, after_done: Vec<Vec<Write>>, after_get: Vec<Vec<Write>>) -> People {
    let (after_done, after_get) = (Mutex::new(after_done.into()), Mutex::new(after_get.into()));
    let store = Arc::clone(&scene.store);
    People::new(Arc::new(Meddled { store, after_done, after_get }))
}

#[tokio::test]
async fn an_update_that_expects_nothing_is_made_to_what_another_has_just_written() {
    let scene = scene();
    let ann = scene.create(named("Ann")).await;
    let meanwhile = vec![vec![theirs(ann.id, Some("Anna"), None)]; 3];
    let people = meddled(&scene, vec![], meanwhile);
    let title = Some(TitleChange::To("Boss".parse().unwrap()));
    let params = UpdatePerson { id: ann.id, name: None, title, expect: None };
    let updated = people.update(plain(), params).await.unwrap();
    assert_eq!((updated.name.as_str(), title_of(&updated)), ("Anna", Some("Boss")));
}

#[tokio::test]
async fn an_update_that_others_outrun_time_and_again_is_aborted() {
    let scene = scene();
    let ann = scene.create(named("Ann")).await;
    let outrun = |times| vec![vec![theirs(ann.id, Some("Anna"), None)]; times];
    let people = meddled(&scene, vec![], outrun(TRIES));
    let failure = people.update(plain(), rename(ann.id, "Nan")).await.unwrap_err();
    assert_eq!(failure.code, Code::Aborted);
    assert_eq!(failure.details["revision"], scene.newest().into());
    let people = meddled(&scene, vec![], outrun(TRIES - 1));
    assert_eq!(people.update(plain(), rename(ann.id, "Nan")).await.unwrap().name.as_str(), "Nan");
}

#[tokio::test]
async fn an_update_that_its_own_repeat_overtakes_answers_what_the_repeat_did() {
    let scene = scene();
    for expects in [false, true] {
        for deleted_then in [false, true] {
            let ann = scene.create(named("Ann")).await;
            let expect = expects.then_some(ann.revision);
            let params = UpdatePerson { expect, ..rename(ann.id, "Anna") };
            let context = keyed(scene.newest().into(), &params);
            let mut meanwhile = vec![theirs(ann.id, Some("Anna"), context.once().cloned())];
            if deleted_then {
                meanwhile.push(theirs(ann.id, None, None));
            }
            let people = meddled(&scene, vec![meanwhile], vec![]);
            let answered = people.update(context, params).await.unwrap();
            let expected = (ann.revision + 1, "Anna");
            assert_eq!((answered.revision, answered.name.as_str()), expected);
        }
    }
}
