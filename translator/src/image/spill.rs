//! File contents kept in one unlinked temporary file, so that memory stays bounded whatever the image's size.
//!
//! A content is the list of its extents that are not zero, in blocks of 4 KiB: blocks of zeros are dropped whether the
//! source called them a hole or wrote them out, so equal contents have equal extents and equal digests.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;

use anyhow::{Context, Result, ensure};
use sha2::{Digest as _, Sha256};

/// Granularity of holes, the block of the file system to be written.
const BLOCK: usize = 4096;
/// Bytes gathered before they are looked at and written.
const BATCH: usize = 64 * BLOCK;
/// Most bytes that all files of an image may have, holes included.
const MAX_TOTAL: u64 = 64 << 30;

/// A run of stored bytes: `len` bytes at `file` of the file are at `spill` of the temporary file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Extent {
    file: u64,
    spill: u64,
    len: u64,
}

/// Where the bytes of one regular file are, and what they are.
#[derive(Clone, Debug)]
pub struct Content {
    len: u64,
    extents: Vec<Extent>,
    sha256: [u8; 32],
}

impl Content {
    /// Length in bytes, holes included.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the file has no byte at all.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// SHA-256 over length and extents (place, length, bytes): equal for equal contents.
    pub(crate) fn sha256(&self) -> &[u8; 32] {
        &self.sha256
    }
}

/// The temporary file and how much of it is used.
#[derive(Debug)]
pub(crate) struct Spill {
    file: File,
    used: u64,
    total: u64,
}

impl Spill {
    pub(crate) fn new() -> Result<Spill> {
        let file = tempfile::tempfile().context("cannot create a temporary file for file contents")?;
        Ok(Spill { file, used: 0, total: 0 })
    }

    /// Starts a new content.
    pub(crate) fn writer(&mut self) -> ContentWriter<'_> {
        ContentWriter { spill: self, extents: Vec::new(), flushed: 0, batch: Vec::new(), hash: Sha256::new() }
    }

    /// Counts `len` bytes more against the limit of all files.
    fn reserve(&mut self, len: u64) -> Result<()> {
        let total = self.total.checked_add(len).filter(|&total| total <= MAX_TOTAL);
        self.total = total.with_context(|| format!("the image's files exceed {} GiB in all", MAX_TOTAL >> 30))?;
        Ok(())
    }

    /// Hands each stored run of `content` to `sink` as (offset in the file, bytes), in order, in pieces of at most 256 KiB.
    pub(crate) fn for_each_run(
        &self,
        content: &Content,
        mut sink: impl FnMut(u64, &[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut buffer = vec![0; BATCH];
        for extent in &content.extents {
            let mut done = 0;
            while done < extent.len {
                let piece = &mut buffer[..(extent.len - done).min(BATCH as u64) as usize];
                self.file.read_exact_at(piece, extent.spill + done)?;
                sink(extent.file + done, piece)?;
                done += piece.len() as u64;
            }
        }
        Ok(())
    }
}

/// Takes one file's bytes in order; [`ContentWriter::finish`] gives the content.
pub(crate) struct ContentWriter<'a> {
    spill: &'a mut Spill,
    extents: Vec<Extent>,
    /// Bytes of the file before the batch, a multiple of [`BLOCK`].
    flushed: u64,
    batch: Vec<u8>,
    hash: Sha256,
}

impl ContentWriter<'_> {
    /// Copies exactly `len` bytes from `input`; errors if it ends before.
    pub(crate) fn copy(&mut self, input: &mut dyn Read, len: u64) -> Result<()> {
        self.spill.reserve(len)?;
        let mut left = len;
        while left > 0 {
            let start = self.batch.len();
            self.batch.resize(start + left.min((BATCH - start) as u64) as usize, 0);
            let got = read_some(input, &mut self.batch[start..])?;
            self.batch.truncate(start + got);
            ensure!(got > 0, "ends {left} bytes before the end of the file's contents");
            left -= got as u64;
            if self.batch.len() == BATCH {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// Adds `len` zeros, of which whole blocks take no time.
    pub(crate) fn skip(&mut self, len: u64) -> Result<()> {
        let to_boundary = ((BLOCK - self.batch.len() % BLOCK) % BLOCK) as u64;
        let head = len.min(to_boundary);
        self.copy(&mut io::repeat(0), head)?;
        let tail = (len - head) % BLOCK as u64;
        let whole = len - head - tail;
        if whole > 0 {
            self.spill.reserve(whole)?;
            self.flush()?;
            self.flushed += whole;
        }
        self.copy(&mut io::repeat(0), tail)
    }

    /// Length so far.
    pub(crate) fn len(&self) -> u64 {
        self.flushed + self.batch.len() as u64
    }

    /// Stores what is still in memory.
    pub(crate) fn finish(mut self) -> Result<Content> {
        let len = self.len();
        self.flush()?;
        let mut hash = Sha256::new_with_prefix(len.to_le_bytes());
        for extent in &self.extents {
            hash.update(extent.file.to_le_bytes());
            hash.update(extent.len.to_le_bytes());
        }
        hash.update(self.hash.finalize());
        Ok(Content { len, extents: self.extents, sha256: hash.finalize().into() })
    }

    /// Stores the runs of blocks in the batch that are not zero.
    fn flush(&mut self) -> Result<()> {
        let batch = std::mem::take(&mut self.batch);
        let mut run = None;
        for (index, block) in batch.chunks(BLOCK).enumerate() {
            let at = index * BLOCK;
            if !is_zero(block) {
                run.get_or_insert(at);
            } else if let Some(start) = run.take() {
                self.store(start, &batch[start..at])?;
            }
        }
        if let Some(start) = run {
            self.store(start, &batch[start..])?;
        }
        self.flushed += batch.len() as u64;
        self.batch = batch;
        self.batch.clear();
        Ok(())
    }

    /// Stores `bytes`, which stand at `at` of the batch.
    fn store(&mut self, at: usize, bytes: &[u8]) -> Result<()> {
        let (file, spill, len) = (self.flushed + at as u64, self.spill.used, bytes.len() as u64);
        self.spill.file.write_all_at(bytes, spill).context("cannot write to the temporary file")?;
        self.spill.used += len;
        self.hash.update(bytes);
        match self.extents.last_mut() {
            Some(last) if last.file + last.len == file => last.len += len,
            _ => self.extents.push(Extent { file, spill, len }),
        }
        Ok(())
    }
}

fn read_some(input: &mut dyn Read, buffer: &mut [u8]) -> Result<usize> {
    loop {
        match input.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return Ok(result?),
        }
    }
}

fn is_zero(block: &[u8]) -> bool {
    block.iter().fold(0, |seen, &byte| seen | byte) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(spill: &Spill, content: &Content) -> Vec<u8> {
        let mut bytes = vec![0; content.len() as usize];
        let copy = |at: u64, run: &[u8]| {
            bytes[at as usize..at as usize + run.len()].copy_from_slice(run);
            Ok(())
        };
        spill.for_each_run(content, copy).unwrap();
        bytes
    }

    #[test]
    fn holes_and_written_zeros_are_the_same_content() {
        let mut expected = vec![0u8; 3 * BATCH + 100];
        expected[5..10].fill(7);
        let late = 2 * BATCH + 17;
        expected[late..].fill(9);

        let mut spill = Spill::new().unwrap();
        let mut dense = spill.writer();
        dense.copy(&mut &expected[..], expected.len() as u64).unwrap();
        let dense = dense.finish().unwrap();
        let mut sparse = spill.writer();
        sparse.skip(5).unwrap();
        sparse.copy(&mut &expected[5..10], 5).unwrap();
        sparse.skip((late - 10) as u64).unwrap();
        sparse.copy(&mut &expected[late..], (expected.len() - late) as u64).unwrap();
        let sparse = sparse.finish().unwrap();

        assert_eq!(read(&spill, &dense), expected);
        assert_eq!(read(&spill, &sparse), expected);
        assert_eq!(dense.sha256(), sparse.sha256());
        assert_eq!(dense.extents.len(), 2);
    }

    #[test]
    fn absurd_lengths_are_refused() {
        let mut spill = Spill::new().unwrap();
        assert!(spill.writer().skip(u64::MAX).unwrap_err().to_string().contains("64 GiB"));
        let mut writer = spill.writer();
        assert!(writer.copy(&mut &b"abc"[..], 5).unwrap_err().to_string().contains("ends 2 bytes before"));
    }
}
