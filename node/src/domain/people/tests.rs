//! The directory's rules and refusals, over a store in memory.

mod meddling;
mod repeats;
mod words;

use std::collections::BTreeSet;

use bothways_protocol::{IdempotencyKey, Method, Retry};
use bytes::Bytes;
use ciborium::Value;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::*;
use crate::store::{Embedded, Once, StoreBounds};

struct Scene {
    people: People,
    store: Arc<dyn Store>,
}

fn scene() -> Scene {
    let store: Arc<dyn Store> = Arc::new(Embedded::in_memory(&StoreBounds::default()).unwrap());
    Scene { people: People::new(Arc::clone(&store)), store }
}

/// A request that reads, or writes each time it is sent.
fn plain() -> Context {
    Context::of(None)
}

/// A write under a key; sent with the same number it is the same request.
fn keyed<M: Method>(number: u128, params: &M) -> Context {
    let mut digest = [0; 32];
    for (at, byte) in cbor(params).iter().enumerate() {
        digest[at % 32] ^= byte.rotate_left(u32::try_from(at % 8).unwrap());
    }
    Context::of(Some(Once {
        caller: "ann".parse().unwrap(),
        method: M::NAME.parse().unwrap(),
        key: IdempotencyKey(number.to_be_bytes()),
        params: digest,
    }))
}

fn cbor(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).unwrap();
    bytes
}

/// Params as a command line gives them: each one a text.
fn from_line<M: DeserializeOwned>(fields: &[(&str, &str)]) -> Result<M, String> {
    let map = fields.iter().map(|(key, text)| (Value::from(*key), Value::from(*text))).collect();
    ciborium::from_reader(&cbor(&Value::Map(map))[..]).map_err(|error| error.to_string())
}

fn named(name: &str) -> CreatePerson {
    CreatePerson { name: name.parse().unwrap(), title: None }
}

fn titled(name: &str, title: &str) -> CreatePerson {
    CreatePerson { title: Some(title.parse().unwrap()), ..named(name) }
}

fn rename(id: PersonId, name: &str) -> UpdatePerson {
    UpdatePerson { id, name: Some(name.parse().unwrap()), title: None, expect: None }
}

fn title_of(person: &Person) -> Option<&str> {
    person.title.as_ref().map(Title::as_str)
}

impl Scene {
    async fn create(&self, params: CreatePerson) -> Person {
        self.people.create(plain(), params).await.unwrap()
    }

    async fn get(&self, id: PersonId) -> Result<Person, Failure> {
        self.people.get(plain(), GetPerson { id }).await
    }

    async fn update(&self, params: UpdatePerson) -> Result<Person, Failure> {
        self.people.update(plain(), params).await
    }

    async fn delete(&self, id: PersonId, expect: Option<u64>) -> Result<DeletedPerson, Failure> {
        self.people.delete(plain(), DeletePerson { id, expect }).await
    }

    fn newest(&self) -> u64 {
        self.store.newest().borrow().0
    }
}

#[tokio::test]
async fn a_person_is_read_as_it_was_created() {
    let scene = scene();
    let params = titled("Ann", "Engineer");
    let created = scene.people.create(keyed(1, &params), params).await.unwrap();
    assert_eq!((created.name.as_str(), title_of(&created)), ("Ann", Some("Engineer")));
    assert_eq!(created.created_by, Some("ann".parse().unwrap()));
    assert_eq!(scene.get(created.id).await.unwrap(), created);
}

#[tokio::test]
async fn who_is_not_there_is_not_found() {
    let scene = scene();
    let id = PersonId::draw();
    let refused = [
        scene.get(id).await.unwrap_err(),
        scene.update(rename(id, "Bob")).await.unwrap_err(),
        scene.update(UpdatePerson { expect: Some(1), ..rename(id, "Bob") }).await.unwrap_err(),
        scene.delete(id, None).await.unwrap_err(),
        scene.delete(id, Some(1)).await.unwrap_err(),
    ];
    for failure in refused {
        assert_eq!(failure.code, Code::NotFound);
        assert_eq!(failure.message, format!("there is no person {id}"));
    }
    assert_eq!(scene.newest(), 0);
}

#[tokio::test]
async fn an_update_changes_what_is_given_and_nothing_else() {
    let scene = scene();
    let ann = scene.create(titled("Ann", "Engineer")).await;
    let renamed = scene.update(rename(ann.id, "Anna")).await.unwrap();
    assert_eq!((renamed.name.as_str(), title_of(&renamed)), ("Anna", Some("Engineer")));
    assert!(renamed.revision > ann.revision);

    let id = ann.id.to_string();
    let to = from_line(&[("id", &id), ("title", "Boss")]).unwrap();
    let promoted = scene.update(to).await.unwrap();
    assert_eq!((promoted.name.as_str(), title_of(&promoted)), ("Anna", Some("Boss")));
    let cleared = from_line(&[("id", &id), ("title", "")]).unwrap();
    let cleared = scene.update(cleared).await.unwrap();
    assert_eq!((cleared.name.as_str(), title_of(&cleared)), ("Anna", None));
    assert_eq!(scene.get(ann.id).await.unwrap(), cleared);
}

#[tokio::test]
async fn an_update_with_nothing_to_change_is_invalid() {
    let scene = scene();
    let id = scene.create(named("Ann")).await.id;
    let nothing = UpdatePerson { id, name: None, title: None, expect: None };
    let failure = scene.update(nothing).await.unwrap_err();
    assert_eq!(failure.code, Code::InvalidArgument);
    assert_eq!(failure.text("reason"), Some("nothing_to_change"));
    assert_eq!(scene.newest(), 1);
}

#[tokio::test]
async fn what_expects_an_older_revision_is_aborted_and_told_the_newer() {
    let scene = scene();
    let ann = scene.create(named("Ann")).await;
    let expect = Some(ann.revision);
    let anna = scene.update(UpdatePerson { expect, ..rename(ann.id, "Anna") }).await.unwrap();

    let update = scene.update(UpdatePerson { expect, ..rename(ann.id, "Nan") }).await.unwrap_err();
    let delete = scene.delete(ann.id, expect).await.unwrap_err();
    for failure in [update, delete] {
        assert_eq!((failure.code, failure.retry), (Code::Aborted, Retry::Never));
        assert_eq!(failure.details["revision"], anna.revision.into());
    }
    assert_eq!(scene.get(ann.id).await.unwrap(), anna);
    assert!(scene.delete(ann.id, Some(anna.revision)).await.is_ok());
}

#[tokio::test]
async fn updates_at_once_that_expect_nothing_are_all_made() {
    let scene = scene();
    let ann = scene.create(named("Ann")).await;
    let title = UpdatePerson {
        title: Some(TitleChange::To("Boss".parse().unwrap())),
        name: None,
        ..rename(ann.id, "x")
    };
    let (renamed, promoted) =
        tokio::join!(scene.update(rename(ann.id, "Anna")), scene.update(title));
    assert_ne!(renamed.unwrap().revision, promoted.unwrap().revision);
    let both = scene.get(ann.id).await.unwrap();
    assert_eq!((both.name.as_str(), title_of(&both)), ("Anna", Some("Boss")));
}

#[tokio::test]
async fn who_is_deleted_is_gone_and_can_be_deleted_once() {
    let scene = scene();
    let id = scene.create(named("Ann")).await.id;
    let deleted = scene.delete(id, None).await.unwrap();
    assert_eq!(deleted, DeletedPerson { id, revision: 2 });
    assert_eq!(scene.get(id).await.unwrap_err().code, Code::NotFound);
    assert_eq!(scene.delete(id, None).await.unwrap_err().code, Code::NotFound);
    let page = scene.people.list(plain(), ListPeople::default()).await.unwrap();
    assert_eq!(page.people, []);
}

#[tokio::test]
async fn people_are_listed_in_pages_in_the_order_of_their_creation() {
    let scene = scene();
    let mut created = Vec::new();
    for n in 0..120 {
        created.push(scene.create(named(&format!("person {n}"))).await);
    }
    for (limit, pages) in [(None, 3), (Some(1), 120), (Some(40), 3), (Some(100), 2)] {
        let mut found = Vec::new();
        let mut asked = 0;
        let mut params = ListPeople { after: None, limit };
        loop {
            let page = scene.people.list(plain(), params.clone()).await.unwrap();
            assert_eq!(page.revision, 120);
            found.extend(page.people);
            asked += 1;
            params.after = page.next;
            if params.after.is_none() {
                break;
            }
        }
        assert_eq!((found == created, asked), (true, pages), "in pages of {limit:?}");
    }
}

#[tokio::test]
async fn a_page_is_of_one_to_a_hundred() {
    let scene = scene();
    for limit in [0, 101, u16::MAX] {
        let params = ListPeople { after: None, limit: Some(limit) };
        let failure = scene.people.list(plain(), params).await.unwrap_err();
        assert_eq!(failure.code, Code::InvalidArgument);
        assert_eq!(failure.text("field"), Some("limit"));
    }
}

#[tokio::test]
async fn who_stands_throughout_is_on_one_page_while_others_come_and_go() {
    let scene = scene();
    let mut standing = BTreeSet::new();
    let mut passing = Vec::new();
    for n in 0..60 {
        standing.insert(scene.create(named(&format!("stands {n}"))).await.id);
        passing.push(scene.create(named(&format!("passes {n}"))).await.id);
    }
    let people = scene.people.clone();
    let writing = tokio::spawn(async move {
        for id in passing {
            people.delete(plain(), DeletePerson { id, expect: None }).await.unwrap();
            people.create(plain(), named("comes")).await.unwrap();
        }
    });
    let mut rounds = 0;
    while rounds < 3 || !writing.is_finished() {
        let mut found = Vec::new();
        let mut params = ListPeople { after: None, limit: Some(7) };
        loop {
            let page = scene.people.list(plain(), params.clone()).await.unwrap();
            found.extend(page.people.into_iter().map(|person| person.id));
            tokio::task::yield_now().await;
            params.after = page.next;
            if params.after.is_none() {
                break;
            }
        }
        let each: BTreeSet<_> = found.iter().copied().collect();
        assert_eq!(each.len(), found.len(), "somebody was listed twice");
        assert!(standing.is_subset(&each), "somebody was missing");
        rounds += 1;
    }
    writing.await.unwrap();
}

#[tokio::test]
async fn a_page_of_the_longest_people_fits_its_message() {
    let scene = scene();
    // Four bytes for each of 64 characters, and the longest node name.
    let long = "𐍈".repeat(64);
    let params = titled(&long, &long);
    for number in 0..u128::from(PAGE_MAX) {
        let mut context = keyed(number, &params);
        if let Some(once) = context.once().cloned() {
            let caller = "n".repeat(63).parse().unwrap();
            context = Context::of(Some(Once { caller, ..once }));
        }
        scene.people.create(context, params.clone()).await.unwrap();
    }
    let params = ListPeople { after: None, limit: Some(PAGE_MAX) };
    let page = scene.people.list(plain(), params).await.unwrap();
    assert_eq!(page.people.len(), usize::from(PAGE_MAX));
    let bytes = cbor(&page).len();
    assert!(bytes + 1024 < ListPeople::MESSAGE_BYTES, "{bytes} bytes");
}

#[tokio::test]
async fn people_and_repeated_answers_outlive_a_restart() {
    let folder = tempfile::TempDir::new().unwrap();
    let open = || {
        let store = Embedded::open(folder.path(), &StoreBounds::default()).unwrap();
        let store: Arc<dyn Store> = Arc::new(store);
        Scene { people: People::new(Arc::clone(&store)), store }
    };
    let scene = open();
    let params = titled("Ann", "Engineer");
    let ann = scene.people.create(keyed(1, &params), params.clone()).await.unwrap();
    let anna = scene.update(rename(ann.id, "Anna")).await.unwrap();
    scene.store.close().await.unwrap();

    let scene = open();
    assert_eq!(scene.get(ann.id).await.unwrap(), anna);
    assert_eq!(scene.people.create(keyed(1, &params), params).await.unwrap(), ann);
    assert!(scene.update(rename(ann.id, "Nan")).await.unwrap().revision > anna.revision);
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_data_loss_and_spares_the_others() {
    let scene = scene();
    let ann = scene.create(named("Ann")).await;
    let id = PersonId::draw();
    for damaged in [&b"\xff"[..], b"", &cbor(&Value::Map(vec![("2".into(), Value::Null)]))] {
        let value = Bytes::copy_from_slice(damaged);
        scene.store.put(id.key(), Expect::Any, value, None).await.unwrap();
        assert_eq!(scene.get(id).await.unwrap_err().code, Code::DataLoss);
        assert_eq!(scene.update(rename(id, "Bob")).await.unwrap_err().code, Code::DataLoss);
    }
    assert_eq!(scene.get(ann.id).await.unwrap(), ann);
}

#[tokio::test]
async fn a_closed_store_makes_the_directory_unavailable() {
    let scene = scene();
    let ann = scene.create(named("Ann")).await;
    scene.store.close().await.unwrap();
    assert_eq!(scene.get(ann.id).await.unwrap_err().code, Code::Unavailable);
    let write = scene.update(rename(ann.id, "Anna")).await.unwrap_err();
    assert_eq!((write.code, write.retry), (Code::Unavailable, Retry::Elsewhere));
}

#[test]
fn methods_can_be_awaited_on_any_thread() {
    fn sends(_: &(impl Future + Send)) {}
    let people = scene().people;
    let id = PersonId::draw();
    sends(&people.create(plain(), named("Ann")));
    sends(&people.get(plain(), GetPerson { id }));
    sends(&people.update(plain(), rename(id, "Ann")));
    sends(&people.delete(plain(), DeletePerson { id, expect: None }));
    sends(&people.list(plain(), ListPeople::default()));
}
