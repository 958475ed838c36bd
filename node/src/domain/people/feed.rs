//! What the directory tells of its changes.

use std::sync::Arc;

use bothways_protocol::{Encoded, ParamsError};

use super::{DeletedPerson, People, Person, PersonId, StoredPerson};
use crate::domain::stored::record_of;
use crate::service::{Audience, Feed, Told};
use crate::store::{Change, ChangeKind, Prefix, Store, StoreError};

const CREATED: &str = "people.created";
const UPDATED: &str = "people.updated";
const DELETED: &str = "people.deleted";

impl Feed for People {
    const SERVICE: &'static str = "people";
    const TOPICS: &'static [&'static str] = &[CREATED, UPDATED, DELETED];
    const ABOUT: &'static str = "Tells of people who are created, updated or deleted.";

    fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    fn prefix(&self) -> Prefix {
        Prefix::below(&PersonId::folder())
    }

    fn tell(&self, change: &Change) -> Result<Option<Told>, StoreError> {
        let unfit = |error: ParamsError| StoreError::Corrupt {
            what: change.key.to_string(),
            why: error.to_string(),
        };
        let (topic, body) = match &change.kind {
            ChangeKind::Delete => {
                let id = PersonId::of_key(&change.key)?;
                (DELETED, Encoded::of(&DeletedPerson { id, revision: change.revision.0 }))
            }
            ChangeKind::Put(_) => {
                let record = record_of(change.clone())?;
                let created = StoredPerson::of_record(&record)?.is_new();
                let topic = if created { CREATED } else { UPDATED };
                (topic, Encoded::of(&Person::of_record(&record)?))
            }
        };
        Ok(Some(Told { topic, body: body.map_err(unfit)?, audience: Audience::All }))
    }
}
