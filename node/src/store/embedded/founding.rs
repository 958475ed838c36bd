//! The first look at a file: a new one gets its tables, an older one is brought to today's format.

use redb::{Database, ReadableDatabase, ReadableTable};

use super::fault::Failed;
use super::layout::{
    AGE_MS, CHANGES, CHANGES_BYTES, FORMAT, FORMAT_OURS, FORMAT_WITHOUT_INDEX, ID, LoggedChange,
    META, NEWEST, OLDEST, value_bytes,
};
use super::tables::Tables;
use crate::store::StoreId;

/// Why a writer cannot begin over a database that opened.
#[derive(Debug, thiserror::Error)]
pub(super) enum BeginError {
    /// There are tables, and they are not ours.
    #[error("{0}")]
    Foreign(String),
    /// redb fails.
    #[error(transparent)]
    Database(#[from] redb::Error),
    /// The disk failed while the tables were made.
    #[error("{0}")]
    Fault(Failed),
}

/// What a store that is open says of itself.
pub(super) struct Founded {
    pub(super) id: StoreId,
    /// How long it has been open in its life, in milliseconds.
    pub(super) age_ms: u64,
}

impl Founded {
    /// Reads what the file says, makes the tables of a new store, or brings an older one to
    /// today's format, in one transaction.
    pub(super) fn of(database: &Database) -> Result<Self, BeginError> {
        match format_of(database)? {
            Some(FORMAT_OURS) => {}
            Some(FORMAT_WITHOUT_INDEX) | None => found(database)?,
            Some(format) => {
                return Err(BeginError::Foreign(format!(
                    "its format is {format} and this program reads {FORMAT_OURS}: use the newer program"
                )));
            }
        }
        Ok(Self::read(database)?)
    }

    fn read(database: &Database) -> Result<Self, redb::Error> {
        let meta = database.begin_read()?.open_table(META)?;
        let number = |name| Ok::<_, redb::Error>(meta.get(name)?.map_or(0, |found| found.value()));
        Ok(Self { id: StoreId(number(ID)?.to_be_bytes()), age_ms: number(AGE_MS)? })
    }
}

/// The format of the tables; `None` where the file has no tables yet.
fn format_of(database: &Database) -> Result<Option<u64>, BeginError> {
    let another = || BeginError::Foreign("a redb file of another program".to_owned());
    let transaction = database.begin_read().map_err(redb::Error::from)?;
    let meta = match transaction.open_table(META) {
        Ok(meta) => meta,
        Err(redb::TableError::TableDoesNotExist(_)) => {
            let tables = transaction.list_tables().map_err(redb::Error::from)?.count();
            return if tables == 0 { Ok(None) } else { Err(another()) };
        }
        Err(redb::TableError::Storage(error)) => return Err(redb::Error::from(error).into()),
        Err(other) => return Err(BeginError::Foreign(other.to_string())),
    };
    let format = meta.get(FORMAT).map_err(redb::Error::from)?;
    format.map(|format| Some(format.value())).ok_or_else(another)
}

/// Makes what is missing of our tables and numbers, and keeps what is there.
fn found(database: &Database) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    // This makes the tables.
    drop(Tables::open(&transaction, 0)?);
    let changes_bytes = logged_bytes(&transaction.open_table(CHANGES)?)?;
    let mut meta = transaction.open_table(META)?;
    for counter in [NEWEST, OLDEST, AGE_MS] {
        if meta.get(counter)?.is_none() {
            meta.insert(counter, 0)?;
        }
    }
    meta.insert(CHANGES_BYTES, changes_bytes)?;
    meta.insert(ID, rand::random::<u64>())?;
    meta.insert(FORMAT, FORMAT_OURS)?;
    drop(meta);
    transaction.commit()?;
    Ok(())
}

fn logged_bytes(
    changes: &impl ReadableTable<u64, LoggedChange<'static>>,
) -> Result<u64, redb::Error> {
    let mut bytes = 0;
    for entry in changes.iter()? {
        bytes += value_bytes(entry?.1.value());
    }
    Ok(bytes)
}
