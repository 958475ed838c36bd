//! A write that is sent again acts once and gives the same answer.

use super::*;

#[tokio::test]
async fn a_create_that_is_sent_again_gives_the_same_person() {
    let scene = scene();
    let params = titled("Ann", "Engineer");
    let send = || scene.people.create(keyed(1, &params), params.clone());
    let first = send().await.unwrap();
    scene.update(rename(first.id, "Anna")).await.unwrap();
    assert_eq!(send().await.unwrap(), first);
    scene.delete(first.id, None).await.unwrap();
    assert_eq!(send().await.unwrap(), first);
    assert_eq!(scene.newest(), 3);
}

#[tokio::test]
async fn an_update_that_is_sent_again_gives_the_same_person() {
    let scene = scene();
    let ann = scene.create(named("Ann")).await;
    for (number, expect) in [(1, Some(ann.revision)), (2, None)] {
        let params = UpdatePerson { expect, ..rename(ann.id, "Anna") };
        let send = || scene.people.update(keyed(number, &params), params.clone());
        let first = send().await.unwrap();
        scene.update(rename(ann.id, "Nan")).await.unwrap();
        assert_eq!(send().await.unwrap(), first, "expecting {expect:?}");
    }
    let params = rename(ann.id, "Ann");
    let send = || scene.people.update(keyed(3, &params), params.clone());
    let last = send().await.unwrap();
    scene.delete(ann.id, None).await.unwrap();
    assert_eq!(send().await.unwrap(), last);
}

#[tokio::test]
async fn a_delete_that_is_sent_again_gives_the_same() {
    let scene = scene();
    let ann = scene.create(named("Ann")).await;
    let params = DeletePerson { id: ann.id, expect: Some(ann.revision) };
    let send = || scene.people.delete(keyed(1, &params), params.clone());
    let first = send().await.unwrap();
    assert_eq!(send().await.unwrap(), first);
    assert_eq!(scene.newest(), 2);
}

#[tokio::test]
async fn a_key_that_comes_with_other_params_is_refused() {
    let scene = scene();
    let ann = named("Ann");
    let id = scene.people.create(keyed(1, &ann), ann).await.unwrap().id;
    let (one, two) = (rename(id, "Anna"), rename(id, "Nan"));
    scene.people.update(keyed(2, &one), one).await.unwrap();
    let bob = named("Bob");
    let create = scene.people.create(keyed(1, &bob), bob).await.unwrap_err();
    let update = scene.people.update(keyed(2, &two), two).await.unwrap_err();
    for failure in [create, update] {
        assert_eq!(failure.code, Code::AlreadyExists);
        assert_eq!(failure.text("reason"), Some("key_reused"));
    }
    assert_eq!(scene.get(id).await.unwrap().name.as_str(), "Anna");
    assert_eq!(scene.newest(), 2);
}

#[tokio::test]
async fn two_at_once_with_the_same_key_act_once_and_answer_the_same() {
    let scene = scene();
    for number in 0..30 {
        let create = titled("Ann", "Engineer");
        let send = || scene.people.create(keyed(number, &create), create.clone());
        let (one, two) = tokio::join!(send(), send());
        let ann = one.unwrap();
        assert_eq!(two.unwrap(), ann);

        let expect = (number % 2 == 0).then_some(ann.revision);
        let update = UpdatePerson { expect, ..rename(ann.id, "Anna") };
        let send = || scene.people.update(keyed(number, &update), update.clone());
        let (one, two) = tokio::join!(send(), send());
        assert_eq!(one.unwrap(), two.unwrap());

        let delete = DeletePerson { id: ann.id, expect: None };
        let send = || scene.people.delete(keyed(number, &delete), delete.clone());
        let (one, two) = tokio::join!(send(), send());
        assert_eq!(one.unwrap(), two.unwrap());
    }
    assert_eq!(scene.newest(), 90);
}
