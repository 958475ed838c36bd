//! How a person stands in the store.

use bothways_protocol::NodeName;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::messages::{PersonId, PersonName, Title, TitleChange, UpdatePerson};
use crate::domain::stored;
use crate::store::{Record, StoreError};

/// A person without what the record says anyway (id, revision).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredPerson {
    pub(super) name: PersonName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) title: Option<Title>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) created_by: Option<NodeName>,
    /// How often the person was changed; those who watch are told of the first write by this.
    /// People of before there was anything to watch have 0 until their next change.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) updates: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_zero(updates: &u64) -> bool {
    *updates == 0
}

impl StoredPerson {
    pub(super) fn of_record(record: &Record) -> Result<Self, StoreError> {
        stored::read(record)
    }

    pub(super) fn to_bytes(&self) -> Result<Bytes, StoreError> {
        stored::to_bytes(&PersonId::folder(), self)
    }

    /// The person after an update.
    pub(super) fn changed(self, params: &UpdatePerson) -> Self {
        let title = match &params.title {
            None => self.title,
            Some(TitleChange::Clear) => None,
            Some(TitleChange::To(title)) => Some(title.clone()),
        };
        let name = params.name.clone().unwrap_or(self.name);
        Self { name, title, updates: self.updates.saturating_add(1), ..self }
    }

    /// Whether no write came before this one.
    pub(super) fn is_new(&self) -> bool {
        self.updates == 0
    }
}
