//! What stands between redb and its file, so that a failing disk stops the writing and nothing
//! else.
//!
//! redb stops reading, too, once any write of its has failed. So it is not told: from the first
//! failure on nothing more reaches the file, and what redb still writes is kept in memory, where
//! it reads it again. The writer asks [`Disk::check`] before it acknowledges anything.
//! The file stays as a crash at that moment would leave it, which the next start repairs; or what
//! is kept is written after all ([`Disk::mend`]), where nothing but a write has failed.

use std::io;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use redb::{BackendError, StorageBackend};

use super::fault::{Failed, Fault};
use super::kept::Kept;

/// A file that takes no more writes once one has failed. What is cloned is the way to it.
#[derive(Debug)]
pub(super) struct Disk<B> {
    file: Arc<B>,
    fault: Arc<Fault>,
    kept: Arc<Mutex<Kept>>,
}

impl<B> Clone for Disk<B> {
    fn clone(&self) -> Self {
        let (file, fault, kept) = (Arc::clone(&self.file), self.fault.clone(), self.kept.clone());
        Self { file, fault, kept }
    }
}

impl<B: StorageBackend> Disk<B> {
    pub(super) fn over(file: B) -> Self {
        Self { file: Arc::new(file), fault: Arc::default(), kept: Arc::default() }
    }

    /// The file, for as long as the disk is held.
    pub(super) fn file(&self) -> Weak<dyn StorageBackend> {
        let file: Weak<B> = Arc::downgrade(&self.file);
        file
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does one act on the file, or notes why it failed; false where it has not reached the file.
    fn reaches(
        &self,
        act: impl FnOnce(&B) -> io::Result<()>,
        failed: impl FnOnce(&io::Error) -> Failed,
    ) -> bool {
        if self.fault.has_come() {
            return false;
        }
        let done = act(&self.file);
        if let Err(error) = &done {
            self.fault.note(failed(error));
        }
        done.is_ok()
    }

    /// Writes what was kept, the header last: what it refers to is durable before it is. A crash
    /// in between leaves what one in the midst of a commit does.
    fn write_kept(&self, kept: &Kept) -> Result<(), Failed> {
        let (file, writing) = (&*self.file, |error| Failed::write(&error));
        let sync = || file.sync_data().map_err(|error| Failed::sync(&error));
        let before = file.len().map_err(writing)?;
        let len = kept.len().unwrap_or(before);
        if len > before {
            file.set_len(len).map_err(writing)?;
        }
        for (start, block) in kept.blocks_behind_header(len) {
            file.write(start, block).map_err(writing)?;
        }
        sync()?;
        if let Some(header) = kept.header(len) {
            file.write(0, header).map_err(writing)?;
        }
        if len < before {
            file.set_len(len).map_err(writing)?;
        }
        sync()
    }
}

/// What the writer has to know of a disk, whatever file there is.
pub(super) trait Health: Send {
    /// Whether all that was written so far has reached the file.
    fn check(&self) -> Result<(), Failed>;

    /// Writes what has not reached the file, and makes it durable. Readers read on meanwhile; a
    /// disk that has failed at an fsync is not mended.
    fn mend(&self) -> Result<(), Failed>;
}

impl<B: StorageBackend> Health for Disk<B> {
    fn check(&self) -> Result<(), Failed> {
        self.fault.check()
    }

    fn mend(&self) -> Result<(), Failed> {
        if let Err(failed @ Failed::Sync(_)) = self.fault.check() {
            return Err(failed);
        }
        let kept = self.kept().clone();
        if let Err(failed) = self.write_kept(&kept) {
            self.fault.note(failed.clone());
            return Err(failed);
        }
        // The writer's thread alone writes, and is here: nothing was kept in the meantime.
        let mut kept = self.kept();
        *kept = Kept::default();
        self.fault.mended();
        Ok(())
    }
}

impl<B: StorageBackend> StorageBackend for Disk<B> {
    fn len(&self) -> io::Result<u64> {
        let kept = self.kept().len();
        kept.map_or_else(|| self.file.len(), Ok)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        if self.fault.has_come() {
            self.kept().read(&*self.file, offset, out)
        } else {
            self.file.read(offset, out)
        }
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        if self.reaches(|file| file.set_len(len), Failed::write) {
            return Ok(());
        }
        self.kept().set_len(len);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.reaches(StorageBackend::sync_data, Failed::sync);
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        if self.reaches(|file| file.write(offset, data), Failed::write) {
            return Ok(());
        }
        self.kept().write(&*self.file, offset, data)
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use redb::backends::InMemoryBackend;

    use super::*;
    use crate::store::embedded::kept::BLOCK;

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
        let disk = Disk::over(Failing::default());
        disk.set_len(3 * BLOCK as u64).unwrap();
        disk.write(0, &[1; 3 * BLOCK]).unwrap();
        assert_eq!(disk.check(), Ok(()));

        disk.file.fails.store(true, Ordering::SeqCst);
        disk.write(BLOCK as u64 - 2, &[2; 4]).unwrap();
        disk.file.fails.store(false, Ordering::SeqCst);
        disk.write(5, &[3; 2]).unwrap();
        disk.set_len(5 * BLOCK as u64).unwrap();
        disk.write(4 * BLOCK as u64, &[4; 8]).unwrap();

        assert!(matches!(disk.check(), Err(Failed::Write(_))));
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
        let disk = Disk::over(Failing::default());
        disk.file.fails.store(true, Ordering::SeqCst);
        disk.sync_data().unwrap();
        disk.write(0, &[1]).unwrap();
        assert!(matches!(disk.check(), Err(Failed::Sync(_))));
    }

    #[test]
    fn what_did_not_reach_the_file_is_written_when_it_works_again() {
        let disk = Disk::over(Failing::default());
        disk.set_len(2 * BLOCK as u64).unwrap();
        disk.file.fails.store(true, Ordering::SeqCst);
        disk.write(0, &[1; 8]).unwrap();
        disk.set_len(4 * BLOCK as u64).unwrap();
        disk.write(3 * BLOCK as u64, &[2; 8]).unwrap();
        assert!(matches!(disk.mend(), Err(Failed::Write(_))));
        assert!(disk.check().is_err());

        disk.file.fails.store(false, Ordering::SeqCst);
        disk.mend().unwrap();
        assert_eq!(disk.check(), Ok(()));
        let mut file = vec![0; 8];
        disk.file.file.read(0, &mut file).unwrap();
        assert_eq!((file.as_slice(), disk.file.len().unwrap()), (&[1; 8][..], 4 * BLOCK as u64));
        disk.write(0, &[3; 8]).unwrap();
        assert_eq!(read(&disk, 0, 9), [3, 3, 3, 3, 3, 3, 3, 3, 0]);
        assert_eq!(read(&disk, 3 * BLOCK as u64, 2), [2, 2]);
    }

    #[test]
    fn a_disk_that_has_failed_at_an_fsync_is_not_mended() {
        let disk = Disk::over(Failing::default());
        disk.file.fails.store(true, Ordering::SeqCst);
        disk.sync_data().unwrap();
        disk.file.fails.store(false, Ordering::SeqCst);
        assert!(matches!(disk.mend(), Err(Failed::Sync(_))));
        assert!(matches!(disk.check(), Err(Failed::Sync(_))));
    }
}
