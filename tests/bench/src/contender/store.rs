//! bothways' store and nothing around it: tasks of one process write records on disk, as many at a
//! time as there are requests in flight, each under an idempotency key, as `people.create` does.

use std::net::UdpSocket;
use std::sync::Arc;

use anyhow::{Result, bail};
use bothways::domain::people::CreatePerson;
use bothways::protocol::{IdempotencyKey, Method, MethodName, NodeName};
use bothways::store::{ChangeKind, Embedded, Expect, Once, Store, StoreBounds, Write};
use bytes::Bytes;

use super::Listening;
use crate::case::Work;
use crate::end::{DRIVER, DriverJob};
use crate::load::{Ask, Reading};

/// How many bytes a person has in the store: its name, and who created it.
const VALUE_BYTES: usize = 39;

/// Nobody listens: what is measured is within the driver.
pub(super) fn listen() -> Result<Listening> {
    let nobody = UdpSocket::bind(("127.0.0.1", 0))?;
    Ok(Listening::new(nobody.local_addr()?, nobody))
}

pub(super) async fn drive(job: &DriverJob) -> Result<Reading> {
    let Work::Requests(requests) = job.work else { bail!("it writes and nothing else") };
    let store = Arc::new(Embedded::open(&job.folder().data(), &StoreBounds::default())?);
    let writer = Writer {
        store,
        caller: DRIVER.parse()?,
        method: CreatePerson::NAME.parse()?,
        value: vec![b'x'; VALUE_BYTES].into(),
    };
    job.load(requests).run([writer]).await
}

#[derive(Clone)]
struct Writer {
    store: Arc<Embedded>,
    caller: NodeName,
    method: MethodName,
    value: Bytes,
}

impl Ask for Writer {
    async fn ask(&self) -> Result<()> {
        let key = IdempotencyKey(std::array::from_fn(|_| fastrand::u8(..)));
        let once = Once {
            caller: self.caller.clone(),
            method: self.method.clone(),
            key,
            params: std::array::from_fn(|_| fastrand::u8(..)),
        };
        let id = format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..));
        self.store
            .write(Write {
                key: format!("people.{id}").parse()?,
                expect: Expect::Absent,
                kind: ChangeKind::Put(self.value.clone()),
                index: Vec::new(),
                unindex: Vec::new(),
                once: Some(once),
            })
            .await?;
        Ok(())
    }
}
