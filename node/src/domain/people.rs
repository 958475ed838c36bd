//! The directory: people with a name and, perhaps, a title.

mod feed;
mod messages;
mod stored;

use std::sync::Arc;

use bothways_protocol::{Code, Failure};

use super::revise::{Revised, Target};
use super::stored::record_of;
use crate::service::{Context, Feed};
use crate::store::{Change, Expect, Prefix, Record, Revision, Store, StoreError};

pub use messages::{
    CreatePerson, DeletePerson, DeletedPerson, GetPerson, ListPeople, PAGE_DEFAULT, PAGE_MAX,
    PeoplePage, Person, PersonId, PersonIdError, PersonName, Title, TitleChange, UpdatePerson,
};
use stored::StoredPerson;

/// The service `people`: its records stand in the store below `people`.
#[derive(Debug, Clone)]
pub struct People {
    store: Arc<dyn Store>,
}

impl People {
    /// The directory in a store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// Creates a person under a new id. `people.create`
    ///
    /// # Errors
    /// `already_exists` (reason `key_reused`); `unavailable` where the store takes no writes.
    pub async fn create(&self, context: Context, params: CreatePerson) -> Result<Person, Failure> {
        let person = StoredPerson {
            name: params.name,
            title: params.title,
            created_by: context.once().map(|once| once.caller.clone()),
            updates: 0,
        };
        let (id, once) = (PersonId::draw(), context.once().cloned());
        let written = self.store.put(id.key(), Expect::Absent, person.to_bytes()?, once).await?;
        Ok(Person::of_change(written)?)
    }

    /// The person under an id. `people.get`
    ///
    /// # Errors
    /// `not_found`; `data_loss` where the record is damaged.
    pub async fn get(&self, _context: Context, params: GetPerson) -> Result<Person, Failure> {
        let record = self.store.get(&params.id.key()).await?;
        Ok(Person::of_record(&record.ok_or_else(|| not_found(params.id))?)?)
    }

    /// Changes what is given of a person. `people.update`
    ///
    /// Without an expected revision the change is made to whatever stands there.
    ///
    /// # Errors
    /// - `invalid_argument` where nothing is given to change.
    /// - `not_found`.
    /// - `aborted` where the person is at another revision than expected (detail `revision`: the
    ///   one found), or others changed it faster than this could, time and again.
    /// - `already_exists` (reason `key_reused`); `unavailable` where the store takes no writes.
    pub async fn update(&self, context: Context, params: UpdatePerson) -> Result<Person, Failure> {
        if params.name.is_none() && params.title.is_none() {
            let message = "there is nothing to change: give a name or a title";
            return Err(Failure::new(Code::InvalidArgument, message).reason("nothing_to_change"));
        }
        let (id, expect, once) = (params.id, params.expect, context.once());
        let target = Target { store: &*self.store, key: id.key(), expect, once };
        let rule = |found: Option<&Record>| {
            let person = StoredPerson::of_record(found.ok_or_else(|| not_found(id))?)?;
            let (index, unindex) = (Vec::new(), Vec::new());
            Ok(Revised::To { value: person.changed(&params).to_bytes()?, index, unindex })
        };
        Ok(Person::of_record(&target.revise(rule).await?.record)?)
    }

    /// Deletes a person. `people.delete`
    ///
    /// # Errors
    /// `not_found`; `aborted` where the person is at another revision than expected (detail
    /// `revision`: the one found); `already_exists` (reason `key_reused`); `unavailable` where
    /// the store takes no writes.
    pub async fn delete(
        &self,
        context: Context,
        params: DeletePerson,
    ) -> Result<DeletedPerson, Failure> {
        let expect = params.expect.map_or(Expect::Any, |seen| Expect::Revision(Revision(seen)));
        let deleted = self.store.delete(params.id.key(), expect, context.once().cloned()).await;
        let deleted = deleted.map_err(|refused| refusal(params.id, refused))?;
        Ok(DeletedPerson { id: PersonId::of_key(&deleted.key)?, revision: deleted.revision.0 })
    }

    /// People in the order in which they were created, in pages. `people.list`
    ///
    /// Who stands in the directory throughout is on exactly one page, whoever else comes and goes
    /// between them.
    ///
    /// # Errors
    /// `invalid_argument` (field `limit`) where the limit is not 1 to [`PAGE_MAX`].
    pub async fn list(&self, context: Context, params: ListPeople) -> Result<PeoplePage, Failure> {
        let limit = params.limit.unwrap_or(PAGE_DEFAULT);
        if !(1..=PAGE_MAX).contains(&limit) {
            let message = format!("a page has 1 to {PAGE_MAX} people, not {limit}");
            return Err(Failure::new(Code::InvalidArgument, message).field("limit"));
        }
        let after = params.after.map(PersonId::key);
        let page = self
            .store
            .list(&Prefix::below(&PersonId::folder()), after.as_ref(), limit.into())
            .await?;
        Ok(PeoplePage {
            people: page.records.iter().map(Person::of_record).collect::<Result<_, _>>()?,
            next: page.next.as_ref().map(PersonId::of_key).transpose()?,
            revision: page.revision.0,
            cursor: self.cursor(context.peer(), page.revision),
        })
    }
}

impl Person {
    fn of_record(record: &Record) -> Result<Self, StoreError> {
        let id = PersonId::of_key(&record.key)?;
        let StoredPerson { name, title, created_by, .. } = StoredPerson::of_record(record)?;
        Ok(Self { id, name, title, revision: record.revision.0, created_by })
    }

    /// The person as a write left it, then: what a repeated write answers, too.
    fn of_change(change: Change) -> Result<Self, StoreError> {
        Self::of_record(&record_of(change)?)
    }
}

fn refusal(id: PersonId, refused: StoreError) -> Failure {
    match refused {
        StoreError::Missing { .. } => not_found(id),
        other => other.into(),
    }
}

fn not_found(id: PersonId) -> Failure {
    Failure::new(Code::NotFound, format!("there is no person {id}"))
}

#[cfg(test)]
mod tests;
