//! What is asked of the directory, and what it answers.

use std::str::FromStr;

use bothways_protocol::{Cursor, DisplayName, Effect, Method, NAME_MAX_CHARS, NameError, NodeName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::id::id;

/// How many people a page has where no limit is given.
pub const PAGE_DEFAULT: u16 = 50;

/// The most people that a page has.
pub const PAGE_MAX: u16 = 100;

/// What a page of [`PAGE_MAX`] people takes, where all their names and titles are as long as they
/// may be: 100 people of up to 700 bytes.
const PAGE_BYTES: usize = 128 * 1024;

/// Creates one person in the directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreatePerson {
    /// What the person is called.
    pub name: PersonName,
    /// What the person does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Title>,
}

impl Method for CreatePerson {
    const NAME: &'static str = "people.create";
    const EFFECT: Effect = Effect::Writes;
    const ABOUT: &'static str = "Creates one person in the directory.";
    type Result = Person;

    fn example() -> Self {
        Self { name: PersonName::example(), title: Some(Title::example()) }
    }
}

/// Reads one person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetPerson {
    /// Whom to read.
    pub id: PersonId,
}

impl Method for GetPerson {
    const NAME: &'static str = "people.get";
    const EFFECT: Effect = Effect::Reads;
    const ABOUT: &'static str = "Reads one person of the directory.";
    type Result = Person;

    fn example() -> Self {
        Self { id: PersonId::example() }
    }
}

/// Changes one person: what is not given stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdatePerson {
    /// Whom to change.
    pub id: PersonId,
    /// The new name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<PersonName>,
    /// The new title; an empty text takes the title away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<TitleChange>,
    /// The revision that the caller has seen: the change is refused where there is a newer one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<u64>,
}

impl Method for UpdatePerson {
    const NAME: &'static str = "people.update";
    const EFFECT: Effect = Effect::Writes;
    const ABOUT: &'static str = "Changes the name or title of one person.";
    type Result = Person;

    fn example() -> Self {
        let title = Some(TitleChange::To(Title::example()));
        Self { id: PersonId::example(), name: None, title, expect: None }
    }
}

/// Deletes one person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeletePerson {
    /// Whom to delete.
    pub id: PersonId,
    /// The revision that the caller has seen: the delete is refused where there is a newer one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<u64>,
}

impl Method for DeletePerson {
    const NAME: &'static str = "people.delete";
    const EFFECT: Effect = Effect::Writes;
    const ABOUT: &'static str = "Deletes one person from the directory.";
    type Result = DeletedPerson;

    fn example() -> Self {
        Self { id: PersonId::example(), expect: None }
    }
}

/// Reads people in the order in which they were created, a page at a time.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListPeople {
    /// Where to read on: the last page's `next`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<PersonId>,
    /// How many people at the most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = PAGE_MAX), extend("default" = PAGE_DEFAULT))]
    pub limit: Option<u16>,
}

impl Method for ListPeople {
    const NAME: &'static str = "people.list";
    const EFFECT: Effect = Effect::Reads;
    const ABOUT: &'static str = "Lists the people of the directory, a page at a time.";
    const MESSAGE_BYTES: usize = PAGE_BYTES;
    type Result = PeoplePage;

    fn example() -> Self {
        Self { after: None, limit: Some(10) }
    }
}

/// One person, as the directory has it at a revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Person {
    /// The id, given when the person was created.
    pub id: PersonId,
    /// What the person is called.
    pub name: PersonName,
    /// What the person does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Title>,
    /// The change that made it so: what `expect` of an update or delete is compared with.
    pub revision: u64,
    /// The node that created the person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<NodeName>,
}

/// What is left of a person that was deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeletedPerson {
    /// Who it was.
    pub id: PersonId,
    /// The change that deleted it.
    pub revision: u64,
}

/// Some people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PeoplePage {
    /// The people.
    pub people: Vec<Person>,
    /// What to give as `after` for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<PersonId>,
    /// The store's revision when this page was read: who follows the changes behind that of the
    /// first page misses none.
    pub revision: u64,
    /// Where to watch on from: `people.watch` from the first page's cursor tells of every change
    /// that the pages do not show yet.
    pub cursor: Cursor,
}

id! {
    /// The id of a person.
    PersonId, PersonIdError, "people", "The id of a person",
    "this is no person's id: use one that people.create or people.list gave"
}

/// What a person is called: written as every [`DisplayName`] is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(description = "What a person is called: visible characters, no white space at the ends")]
pub struct PersonName(DisplayName);

impl PersonName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    fn example() -> Self {
        "Ann".parse().expect("a name")
    }
}

impl FromStr for PersonName {
    type Err = NameError;

    fn from_str(name: &str) -> Result<Self, NameError> {
        name.parse().map(Self)
    }
}

/// What a person does: written by the rules of a [`DisplayName`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(description = "What a person does: visible characters, no white space at the ends")]
#[schemars(extend("minLength" = 1, "maxLength" = NAME_MAX_CHARS, "pattern" = r"^\S(.*\S)?$"))]
pub struct Title(DisplayName);

impl Title {
    /// The title as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    fn example() -> Self {
        "Engineer".parse().expect("a title")
    }
}

impl FromStr for Title {
    type Err = NameError;

    fn from_str(title: &str) -> Result<Self, NameError> {
        title.parse().map(Self).map_err(|error| match error {
            NameError::Empty { .. } => NameError::Empty { kind: "title" },
            NameError::TooLong { max, chars, .. } => {
                NameError::TooLong { kind: "title", max, chars }
            }
            NameError::Form { name, rule, .. } => NameError::Form { kind: "title", name, rule },
        })
    }
}

impl TryFrom<String> for Title {
    type Error = NameError;

    fn try_from(title: String) -> Result<Self, NameError> {
        title.parse()
    }
}

impl From<Title> for String {
    fn from(title: Title) -> Self {
        title.0.into()
    }
}

/// What becomes of a title. On the wire and on a command line it is the new title, or an empty
/// text: no title is empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(description = "The new title; an empty text takes the title away")]
#[schemars(extend("maxLength" = NAME_MAX_CHARS, "pattern" = r"^(\S(.*\S)?)?$"))]
pub enum TitleChange {
    /// The person has no title from now on.
    Clear,
    /// The person has this title from now on.
    To(Title),
}

impl TryFrom<String> for TitleChange {
    type Error = NameError;

    fn try_from(title: String) -> Result<Self, NameError> {
        if title.is_empty() { Ok(Self::Clear) } else { title.parse().map(Self::To) }
    }
}

impl From<TitleChange> for String {
    fn from(change: TitleChange) -> Self {
        match change {
            TitleChange::Clear => Self::new(),
            TitleChange::To(title) => title.into(),
        }
    }
}
