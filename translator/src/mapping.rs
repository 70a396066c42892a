//! A file's bytes as a slice that need not be in memory: a mapping of the file.

#![allow(unsafe_code)]

use anyhow::{Context, Result};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use std::ffi::c_void;
use std::fs::File;
use std::ops::Deref;
use std::ptr::NonNull;

/// The bytes of a file, which stays open as long.
#[derive(Debug)]
pub struct Mapping {
    start: NonNull<c_void>,
    length: usize,
}

impl Mapping {
    /// Maps all of a file that this process made, has under no other name than a temporary one, and is done with writing.
    ///
    /// # Errors
    /// If it is empty, or the system does not map it.
    pub(crate) fn of(file: &File) -> Result<Mapping> {
        let length = usize::try_from(file.metadata().context("size of a file to map")?.len())?;
        // SAFETY: a new mapping, which is in nobody's way.
        let start = unsafe { mmap(std::ptr::null_mut(), length, ProtFlags::READ, MapFlags::SHARED, file, 0) };
        let start = start.with_context(|| format!("map a file of {length} bytes"))?;
        Ok(Mapping { start: NonNull::new(start).context("a mapping's address")?, length })
    }
}

impl Deref for Mapping {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: `length` bytes are mapped, for reading, as long as `self` lives; nobody writes to the file.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr().cast(), self.length) }
    }
}

impl AsRef<[u8]> for Mapping {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: it is this mapping's, and no slice of it outlives `self`. What cannot be unmapped stays mapped.
        let _ = unsafe { munmap(self.start.as_ptr(), self.length) };
    }
}
