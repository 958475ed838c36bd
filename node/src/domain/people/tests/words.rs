//! The messages as they are written, and what is refused when they are read.

use super::*;

#[test]
fn params_come_from_a_command_line_and_bad_ones_say_why() {
    let create = from_line::<CreatePerson>(&[("name", "Ann"), ("title", "Engineer")]);
    assert_eq!(create, Ok(titled("Ann", "Engineer")));
    let why = |fields| from_line::<CreatePerson>(fields).unwrap_err();
    assert!(why(&[("title", "Engineer")]).contains("missing field `name`"));
    assert!(why(&[("name", "Ann"), ("tilte", "x")]).contains("unknown field `tilte`"));
    assert!(why(&[("name", "")]).contains("a name needs at least one character"));
    assert!(why(&[("name", "Ann"), ("title", "")]).contains("a title needs at least one"));
    assert!(why(&[("name", "Ann"), ("title", "a\nb")]).contains("is no title"));

    let id = PersonId::draw();
    let get = from_line::<GetPerson>(&[("id", &id.to_string())]);
    assert_eq!(get, Ok(GetPerson { id }));
    let version_4 = "6f2c1c1e-6d1e-4c62-9d5b-0f7d3f5f8a11";
    for bad in ["", "1", version_4, "people.x"] {
        let why = from_line::<GetPerson>(&[("id", bad)]).unwrap_err();
        assert!(why.contains("no person's id"), "{why}");
    }
}

#[test]
fn messages_read_back_as_they_were_written() {
    fn round_trip<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T) {
        let read: T = ciborium::from_reader(&cbor(value)[..]).unwrap();
        assert_eq!(&read, value);
        let read: T = serde_json::from_str(&serde_json::to_string(value).unwrap()).unwrap();
        assert_eq!(&read, value);
    }
    let id = PersonId::draw();
    round_trip(&titled("Ann", "Engineer"));
    round_trip(&named("Ann"));
    round_trip(&GetPerson { id });
    for title in [None, Some(TitleChange::Clear), Some(TitleChange::To("x".parse().unwrap()))] {
        round_trip(&UpdatePerson { title, expect: Some(u64::MAX), ..rename(id, "Anna") });
    }
    round_trip(&DeletePerson { id, expect: None });
    round_trip(&ListPeople { after: Some(id), limit: Some(3) });
    let person = Person {
        id,
        name: "Ann".parse().unwrap(),
        title: None,
        revision: 3,
        created_by: Some("hub".parse().unwrap()),
    };
    let cursor = "AQ".parse().unwrap();
    round_trip(&PeoplePage { people: vec![person], next: Some(id), revision: 7, cursor });
}

#[test]
fn a_later_id_sorts_behind_an_earlier_one() {
    let drawn: Vec<_> = (0..1000).map(|_| PersonId::draw()).collect();
    assert!(drawn.is_sorted());
    assert!(drawn.iter().map(|id| id.key()).is_sorted());
}
