//! The directory of people, asked over the network.

use bothways::domain::people::{
    CreatePerson, DeletePerson, GetPerson, ListPeople, Person, UpdatePerson,
};
use bothways::protocol::Code;
use bothways::{Node, RequestError, Services};
use bothways_tests::{Network, soon};

use crate::support::{Hub, ask};

async fn create(node: &Node, name: &str, title: Option<&str>) -> Person {
    let title = title.map(|title| title.parse().unwrap());
    ask(node, "hub", CreatePerson { name: name.parse().unwrap(), title }).await.unwrap()
}

fn update(person: &Person) -> UpdatePerson {
    UpdatePerson { id: person.id, name: None, title: None, expect: None }
}

fn code(refused: Result<impl std::fmt::Debug, RequestError>) -> Code {
    refused.unwrap_err().code()
}

#[tokio::test]
async fn a_person_is_created_read_changed_listed_and_deleted() {
    let network = Network::new();
    let hub = Hub::new(&network).await;
    let desk = network.node("desk").dialing(&hub.node).start().await;

    let ann = create(&desk, "Ann", Some("Engineer")).await;
    assert_eq!(ann.created_by.as_ref().unwrap().as_str(), "desk");
    assert_eq!(ask(&desk, "hub", GetPerson { id: ann.id }).await.unwrap(), ann);

    let change = UpdatePerson { name: Some("Anna".parse().unwrap()), ..update(&ann) };
    let anna = ask(&desk, "hub", change).await.unwrap();
    assert_eq!((anna.name.as_str(), &anna.title), ("Anna", &ann.title));
    assert!(anna.revision > ann.revision);

    let listed = ask(&desk, "hub", ListPeople::default()).await.unwrap();
    assert_eq!((listed.people, listed.next), (vec![anna], None));

    ask(&desk, "hub", DeletePerson { id: ann.id, expect: None }).await.unwrap();
    assert_eq!(code(ask(&desk, "hub", GetPerson { id: ann.id }).await), Code::NotFound);
    let again = DeletePerson { id: ann.id, expect: None };
    assert_eq!(code(ask(&desk, "hub", again).await), Code::NotFound);
}

#[tokio::test]
async fn the_directory_survives_a_restart_of_its_node() {
    let (network, data) = (Network::new(), tempfile::tempdir().unwrap());
    let hub = Hub::on(&network, data.path()).await;
    let desk = network.node("desk").dialing(&hub.node).start().await;
    let ann = create(&desk, "Ann", None).await;
    hub.stop().await;

    let hub = Hub::on(&network, data.path()).await;
    let desk = network.node("desk").dialing(&hub.node).start().await;

    assert_eq!(ask(&desk, "hub", GetPerson { id: ann.id }).await.unwrap(), ann);
    let ben = create(&desk, "Ben", None).await;
    assert!(ben.revision > ann.revision);
    hub.stop().await;
}

#[tokio::test]
async fn a_change_that_expects_an_older_revision_is_aborted_and_changes_nothing() {
    let network = Network::new();
    let hub = Hub::new(&network).await;
    let desk = network.node("desk").dialing(&hub.node).start().await;
    let ann = create(&desk, "Ann", None).await;
    let rename = |name: &str, expect| UpdatePerson {
        name: Some(name.parse().unwrap()),
        expect,
        ..update(&ann)
    };
    let anna = ask(&desk, "hub", rename("Anna", Some(ann.revision))).await.unwrap();

    let late = ask(&desk, "hub", rename("Annie", Some(ann.revision))).await.unwrap_err();
    let late_delete = DeletePerson { id: ann.id, expect: Some(ann.revision) };

    assert_eq!(late.code(), Code::Aborted);
    let found = &late.failure().unwrap().details["revision"];
    assert_eq!(found.as_integer().unwrap(), anna.revision.into());
    assert_eq!(code(ask(&desk, "hub", late_delete).await), Code::Aborted);
    assert_eq!(ask(&desk, "hub", GetPerson { id: ann.id }).await.unwrap(), anna);
}

#[tokio::test]
async fn of_many_who_change_the_same_revision_at_once_one_succeeds() {
    let network = Network::new();
    let hub = Hub::new(&network).await;
    let desk = network.node("desk").dialing(&hub.node).start().await;
    let ann = create(&desk, "Ann", None).await;

    let changes: Vec<_> = (0..20)
        .map(|number| {
            let (desk, expect) = (desk.clone(), Some(ann.revision));
            let name = Some(format!("Ann {number}").parse().unwrap());
            let change = UpdatePerson { name, expect, ..update(&ann) };
            tokio::spawn(async move { ask(&desk, "hub", change).await })
        })
        .collect();

    let mut succeeded = 0;
    for change in changes {
        match change.await.unwrap() {
            Ok(_) => succeeded += 1,
            Err(refused) => assert_eq!(refused.code(), Code::Aborted),
        }
    }
    assert_eq!(succeeded, 1);
}

#[tokio::test]
async fn people_are_listed_in_pages_in_the_order_in_which_they_came() {
    let network = Network::new();
    let hub = Hub::new(&network).await;
    let desk = network.node("desk").dialing(&hub.node).start().await;
    let mut created = Vec::new();
    for number in 0..7 {
        created.push(create(&desk, &format!("Person {number}"), None).await);
    }

    let (mut listed, mut after) = (Vec::new(), None);
    loop {
        let page = ask(&desk, "hub", ListPeople { after, limit: Some(3) }).await.unwrap();
        listed.extend(page.people);
        after = page.next;
        if after.is_none() {
            break;
        }
    }

    assert_eq!(listed, created);
}

#[tokio::test]
async fn what_is_no_name_is_refused_with_its_field() {
    let network = Network::new();
    let hub = Hub::new(&network).await;
    let desk = network.node("desk").dialing(&hub.node).start().await;
    let hub = desk.peer("hub");
    let long = "x".repeat(65);
    for name in ["", " Ann", "Ann\n", "\u{202e}nnA", &long] {
        let params =
            bothways::protocol::Encoded::of(&std::collections::BTreeMap::from([("name", name)]));
        let refused = soon("an answer", hub.call("people.create", params.unwrap())).await;
        let refused = refused.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{name:?}");
        assert_eq!(refused.failure().unwrap().text("field"), Some("name"), "{name:?}");
    }
    let none = ask(&desk, "hub", ListPeople::default()).await.unwrap();
    assert!(none.people.is_empty());
}

#[tokio::test]
async fn a_data_folder_belongs_to_one_node_at_a_time() {
    let (network, data) = (Network::new(), tempfile::tempdir().unwrap());
    let hub = Hub::on(&network, data.path()).await;
    let twin = network.node("twin").listening().data(data.path()).plan();

    let refused = Services::open(&twin).unwrap_err().to_string();

    assert!(refused.contains(&data.path().display().to_string()), "{refused}");
    hub.stop().await;
    let services = Services::open(&twin).unwrap();
    services.close().await.unwrap();
}
