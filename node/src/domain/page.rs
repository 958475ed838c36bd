//! Pages of records: how long one may be, and how one is filled where some records are left out.

use bothways_protocol::{Code, Failure};

use crate::store::{Key, Page, Prefix, Record, Store, StoreError};

/// How often the store is read for one page: where nearly all records are left out, a page has
/// fewer than asked for, and says where to read on.
const READS_MAX: usize = 8;

/// How long a page may be, and is where nothing is said.
pub(super) struct PageSize {
    pub(super) default: u16,
    pub(super) max: u16,
    /// What it has, in the plural.
    pub(super) of: &'static str,
}

impl PageSize {
    /// How many records a page may have, as it was asked for.
    ///
    /// # Errors
    /// `invalid_argument` (field `limit`) where that is not 1 to the maximum.
    pub(super) fn limit(&self, asked: Option<u16>) -> Result<usize, Failure> {
        let limit = asked.unwrap_or(self.default);
        if (1..=self.max).contains(&limit) {
            return Ok(limit.into());
        }
        let message = format!("a page has 1 to {} {}, not {limit}", self.max, self.of);
        Err(Failure::new(Code::InvalidArgument, message).field("limit"))
    }
}

/// Records as a service's list answers them.
pub(super) struct Listed<T> {
    pub(super) items: Vec<T>,
    /// Where to read on, where there may be more.
    pub(super) next: Option<Key>,
    /// The store's newest revision when the first of them was read.
    pub(super) revision: u64,
}

/// Where a list reads.
pub(super) enum Source {
    /// Records below a key, in the order of their keys.
    Records(Key),
    /// Records that are found below another key, which ends as their own does.
    Index(Key),
}

impl Source {
    /// Up to `limit` things that `pick` makes of the records behind `after`.
    pub(super) async fn list<T>(
        &self,
        store: &dyn Store,
        mut after: Option<Key>,
        limit: usize,
        pick: impl Fn(&Record) -> Result<Option<T>, StoreError>,
    ) -> Result<Listed<T>, StoreError> {
        let mut listed = Listed { items: Vec::new(), next: None, revision: 0 };
        for read in 0..READS_MAX {
            let page = self.page(store, after.as_ref(), limit).await?;
            if read == 0 {
                listed.revision = page.revision.0;
            }
            let last = page.records.len().saturating_sub(1);
            for (at, record) in page.records.iter().enumerate() {
                listed.items.extend(pick(record)?);
                if listed.items.len() == limit && at < last {
                    listed.next = Some(self.key_of(record));
                    return Ok(listed);
                }
            }
            listed.next.clone_from(&page.next);
            after = page.next;
            if after.is_none() || listed.items.len() == limit {
                break;
            }
        }
        Ok(listed)
    }

    async fn page(
        &self,
        store: &dyn Store,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Page, StoreError> {
        match self {
            Self::Records(folder) => store.list(&Prefix::below(folder), after, limit).await,
            Self::Index(folder) => store.list_index(&Prefix::below(folder), after, limit).await,
        }
    }

    /// The key by which a record is found here.
    fn key_of(&self, record: &Record) -> Key {
        match self {
            Self::Records(_) => record.key.clone(),
            Self::Index(folder) => {
                let word = record.key.as_str().rsplit('.').next().unwrap_or_default();
                format!("{folder}.{word}").parse().expect("words of keys are a key")
            }
        }
    }
}
