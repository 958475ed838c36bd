//! The records that the nodes of this process leave, read back from their log.

use std::io::{self, Write};
use std::sync::{LazyLock, Mutex, PoisonError};

use bothways::exchange::{Log, Record, TARGET};
use tokio::sync::watch;
use tracing_subscriber::filter::LevelFilter;

use crate::soon;

/// Begins to collect; a test that looks at records calls it first.
static COLLECTED: LazyLock<Collected> = LazyLock::new(|| {
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_max_level(LevelFilter::INFO)
        .with_writer(|| Sink)
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    Collected { lines: Mutex::default(), grown: watch::Sender::new(0) }
});

struct Collected {
    lines: Mutex<Vec<u8>>,
    grown: watch::Sender<usize>,
}

struct Sink;

impl Write for Sink {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let target = format!("\"target\":\"{TARGET}\"");
        if line.windows(target.len()).any(|part| part == target.as_bytes()) {
            COLLECTED.lines.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(line);
            COLLECTED.grown.send_modify(|lines| *lines += 1);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The records that a node of this name has left since records are collected.
pub fn records_of(node: &str) -> Vec<Record> {
    let lines = COLLECTED.lines.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let log = Log::read(lines.as_slice()).unwrap();
    assert_eq!(log.broken, 0, "{:?}", log.named);
    log.records.into_iter().filter(|record| record.node.as_str() == node).collect()
}

/// Waits until a node of this name has left so many records. Other tests run beside this one, so
/// it needs a name of its own.
pub async fn until_records(node: &str, count: usize) -> Vec<Record> {
    let mut grown = COLLECTED.grown.subscribe();
    let there = async {
        while records_of(node).len() < count {
            grown.changed().await.unwrap();
        }
    };
    soon(&format!("{count} records of {node}"), there).await;
    records_of(node)
}
