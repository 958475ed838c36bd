//! What stands between redb and its file, so that a failing disk stops the writing and nothing
//! else.
//!
//! redb stops reading, too, once any write of its has failed. So it is not told: from the first
//! failure on nothing more reaches the file, and what redb still writes is kept in memory, where
//! it reads it again. The writer asks [`Fault::check`] before it acknowledges anything.
//! The file stays as a crash at that moment would leave it, which the next start repairs.

use std::collections::BTreeMap;
use std::io;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use redb::{BackendError, StorageBackend};

/// The size of what is kept in memory at a time, in bytes.
const BLOCK: usize = 4096;

/// The first failure of a disk, if it had one.
#[derive(Debug, Default)]
pub(super) struct Fault(OnceLock<String>);

impl Fault {
    /// Whether all that was written so far has reached the file.
    pub(super) fn check(&self) -> Result<(), String> {
        self.0.get().map_or(Ok(()), |what| Err(what.clone()))
    }

    fn has_come(&self) -> bool {
        self.0.get().is_some()
    }

    fn note(&self, doing: &str, error: &io::Error) {
        // Only the first is noted: what follows has it for its cause.
        let _ = self.0.set(format!("{doing} failed: {error}"));
    }
}

/// A file that takes no more writes once one has failed.
#[derive(Debug)]
pub(super) struct Disk<B> {
    file: B,
    fault: Arc<Fault>,
    kept: Mutex<Kept>,
}

impl<B: StorageBackend> Disk<B> {
    pub(super) fn over(file: B) -> (Self, Arc<Fault>) {
        let fault = Arc::new(Fault::default());
        (Self { file, fault: Arc::clone(&fault), kept: Mutex::default() }, fault)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does one act on the file, or notes why it failed; false where it has not reached the file.
    fn reaches(&self, doing: &str, act: impl FnOnce(&B) -> io::Result<()>) -> bool {
        if self.fault.has_come() {
            return false;
        }
        let done = act(&self.file);
        if let Err(error) = &done {
            self.fault.note(doing, error);
        }
        done.is_ok()
    }
}

impl<B: StorageBackend> StorageBackend for Disk<B> {
    fn len(&self) -> io::Result<u64> {
        match self.kept().len {
            Some(len) => Ok(len),
            None => self.file.len(),
        }
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        if self.fault.has_come() {
            self.kept().read(&self.file, offset, out)
        } else {
            self.file.read(offset, out)
        }
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        if self.reaches("resizing the store", |file| file.set_len(len)) {
            return Ok(());
        }
        self.kept().set_len(len);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.reaches("fsync of the store", StorageBackend::sync_data);
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        if self.reaches("writing the store", |file| file.write(offset, data)) {
            return Ok(());
        }
        self.kept().write(&self.file, offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.query_lock_range(start, end)
    }
}

/// What did not reach the file: at most what one transaction and the closing write.
#[derive(Debug, Default)]
struct Kept {
    /// The length that redb believes in, where it has changed it.
    len: Option<u64>,
    blocks: BTreeMap<u64, Box<[u8; BLOCK]>>,
}

impl Kept {
    fn set_len(&mut self, len: u64) {
        self.blocks.retain(|start, _| *start < len);
        self.len = Some(len);
    }

    fn write(&mut self, file: &impl StorageBackend, offset: u64, data: &[u8]) -> io::Result<()> {
        for part in parts(offset, data.len()) {
            let mut block = self.block(file, part.start)?;
            block[part.in_block].copy_from_slice(&data[part.in_whole]);
            self.blocks.insert(part.start, block);
        }
        Ok(())
    }

    fn read(&self, file: &impl StorageBackend, offset: u64, out: &mut [u8]) -> io::Result<()> {
        for part in parts(offset, out.len()) {
            let block = self.block(file, part.start)?;
            out[part.in_whole].copy_from_slice(&block[part.in_block]);
        }
        Ok(())
    }

    /// A block as redb believes it to be: what was kept, else what the file has, else zeros.
    /// (What the file has behind an end that redb has drawn in may come back: redb lengthens its
    /// file for a transaction, and none is begun after a fault.)
    fn block(&self, file: &impl StorageBackend, start: u64) -> io::Result<Box<[u8; BLOCK]>> {
        if let Some(kept) = self.blocks.get(&start) {
            return Ok(kept.clone());
        }
        let mut block = Box::new([0; BLOCK]);
        let there = file.len()?.saturating_sub(start);
        let there = usize::try_from(there).unwrap_or(BLOCK).min(BLOCK);
        if there > 0 {
            file.read(start, &mut block[..there])?;
        }
        Ok(block)
    }
}

/// A stretch of bytes within one block.
struct Part {
    /// Where the block starts in the file.
    start: u64,
    in_block: std::ops::Range<usize>,
    in_whole: std::ops::Range<usize>,
}

fn parts(offset: u64, len: usize) -> impl Iterator<Item = Part> {
    let mut done = 0;
    std::iter::from_fn(move || {
        if done == len {
            return None;
        }
        let at = offset + done as u64;
        let within = usize::try_from(at % BLOCK as u64).unwrap_or(0);
        let take = (BLOCK - within).min(len - done);
        let part = Part {
            start: at - within as u64,
            in_block: within..within + take,
            in_whole: done..done + take,
        };
        done += take;
        Some(part)
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use redb::backends::InMemoryBackend;

    use super::*;

    /// A file that fails from a moment on.
    #[derive(Debug, Default)]
    struct Failing {
        file: InMemoryBackend,
        fails: AtomicBool,
    }

    impl Failing {
        fn works(&self) -> io::Result<()> {
            match self.fails.load(Ordering::SeqCst) {
                true => Err(io::Error::from(io::ErrorKind::StorageFull)),
                false => Ok(()),
            }
        }
    }

    impl StorageBackend for Failing {
        fn len(&self) -> io::Result<u64> {
            self.file.len()
        }
        fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
            self.file.read(offset, out)
        }
        fn set_len(&self, len: u64) -> io::Result<()> {
            self.works().and_then(|()| self.file.set_len(len))
        }
        fn sync_data(&self) -> io::Result<()> {
            self.works()
        }
        fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
            self.works().and_then(|()| self.file.write(offset, data))
        }
    }

    fn read(disk: &Disk<Failing>, offset: u64, len: usize) -> Vec<u8> {
        let mut out = vec![0xff; len];
        disk.read(offset, &mut out).unwrap();
        out
    }

    #[test]
    fn after_a_failed_write_the_file_stays_as_it_was_and_reads_see_what_was_written() {
        let (disk, fault) = Disk::over(Failing::default());
        disk.set_len(3 * BLOCK as u64).unwrap();
        disk.write(0, &[1; 3 * BLOCK]).unwrap();
        assert_eq!(fault.check(), Ok(()));

        disk.file.fails.store(true, Ordering::SeqCst);
        disk.write(BLOCK as u64 - 2, &[2; 4]).unwrap();
        disk.file.fails.store(false, Ordering::SeqCst);
        disk.write(5, &[3; 2]).unwrap();
        disk.set_len(5 * BLOCK as u64).unwrap();
        disk.write(4 * BLOCK as u64, &[4; 8]).unwrap();

        assert!(fault.check().unwrap_err().starts_with("writing the store failed"));
        assert_eq!(read(&disk, BLOCK as u64 - 3, 6), [1, 2, 2, 2, 2, 1]);
        assert_eq!(read(&disk, 4, 4), [1, 3, 3, 1]);
        assert_eq!(read(&disk, 3 * BLOCK as u64 - 1, 3), [1, 0, 0]);
        assert_eq!(read(&disk, 4 * BLOCK as u64 + 6, 4), [4, 4, 0, 0]);
        assert_eq!(disk.len().unwrap(), 5 * BLOCK as u64);
        let mut file = vec![0; 3 * BLOCK];
        disk.file.file.read(0, &mut file).unwrap();
        assert!(file.iter().all(|byte| *byte == 1), "the file was written after its failure");
        assert_eq!(disk.file.len().unwrap(), 3 * BLOCK as u64);
    }

    #[test]
    fn the_first_fault_is_the_one_that_is_told() {
        let (disk, fault) = Disk::over(Failing::default());
        disk.file.fails.store(true, Ordering::SeqCst);
        disk.sync_data().unwrap();
        disk.write(0, &[1]).unwrap();
        assert!(fault.check().unwrap_err().starts_with("fsync of the store failed"));
    }
}
