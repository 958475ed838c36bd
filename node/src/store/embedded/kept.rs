//! What has not reached the file since the disk failed, where redb reads it again.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use redb::StorageBackend;

/// The size of what is kept at a time, in bytes; redb's header is in the first.
pub(super) const BLOCK: usize = 4096;

/// What did not reach the file: at most what one transaction and the closing write.
#[derive(Debug, Clone, Default)]
pub(super) struct Kept {
    /// The length that redb believes in, where it has changed it.
    len: Option<u64>,
    blocks: BTreeMap<u64, Arc<[u8; BLOCK]>>,
}

impl Kept {
    /// The length that redb believes in, where it has changed it.
    pub(super) fn len(&self) -> Option<u64> {
        self.len
    }

    /// What redb calls the header, up to the end of the file.
    pub(super) fn header(&self, len: u64) -> Option<&[u8]> {
        self.blocks.get(&0).map(|block| up_to(len, 0, block))
    }

    /// Where each other block starts, and what it is, up to the end of the file.
    pub(super) fn blocks_behind_header(&self, len: u64) -> impl Iterator<Item = (u64, &[u8])> {
        self.blocks.range(1..).map(move |(start, block)| (*start, up_to(len, *start, block)))
    }

    pub(super) fn set_len(&mut self, len: u64) {
        self.blocks.retain(|start, _| *start < len);
        self.len = Some(len);
    }

    pub(super) fn write(
        &mut self,
        file: &impl StorageBackend,
        offset: u64,
        data: &[u8],
    ) -> io::Result<()> {
        for part in parts(offset, data.len()) {
            let mut block = self.block(file, part.start)?;
            block[part.in_block].copy_from_slice(&data[part.in_whole]);
            self.blocks.insert(part.start, Arc::from(block));
        }
        Ok(())
    }

    pub(super) fn read(
        &self,
        file: &impl StorageBackend,
        offset: u64,
        out: &mut [u8],
    ) -> io::Result<()> {
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
            return Ok(Box::new(**kept));
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

fn up_to(len: u64, start: u64, block: &[u8; BLOCK]) -> &[u8] {
    let there = usize::try_from(len.saturating_sub(start)).unwrap_or(BLOCK);
    &block[..there.min(BLOCK)]
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
