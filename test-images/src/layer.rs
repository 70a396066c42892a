//! Builds one layer: a tar archive whose members all belong to root and have one fixed time, unless told otherwise.

use std::io::Write;

use anyhow::{Context, Result};
use tar::{EntryType, Header};

/// Time of all members: 2023-11-14 22:13:20 UTC.
pub const MTIME: u64 = 1_700_000_000;

/// Collects members in the order of the calls.
///
/// ```
/// let mut layer = test_images::layer::LayerBuilder::new();
/// layer.directory("bin", 0o755)?.file("bin/hello", 0o755, b"#!/bin/sh\necho hello\n")?.symlink("bin/hi", "hello")?;
/// assert_eq!(layer.finish()?.len() % 512, 0);
/// # anyhow::Ok(())
/// ```
#[derive(Default)]
pub struct LayerBuilder {
    archive: Vec<u8>,
    /// PAX records for the next member.
    records: Vec<u8>,
}

impl LayerBuilder {
    /// A layer without members.
    pub fn new() -> LayerBuilder {
        LayerBuilder::default()
    }

    /// Adds a PAX record to the next member, for example `SCHILY.xattr.user.a`, `mtime` or `uid`.
    pub fn pax(&mut self, key: &str, value: &[u8]) -> &mut LayerBuilder {
        let rest = 3 + key.len() + value.len();
        // The length counts its own digits.
        let length = (1..).map(|digits| rest + digits).find(|length| rest + length.to_string().len() == *length);
        self.records.extend(format!("{} {key}=", length.unwrap_or_default()).bytes());
        self.records.extend(value);
        self.records.push(b'\n');
        self
    }

    /// Adds a regular file.
    pub fn file(&mut self, path: &str, mode: u32, bytes: &[u8]) -> Result<&mut LayerBuilder> {
        self.member(path, EntryType::Regular, mode, "", bytes)
    }

    /// Adds a directory.
    pub fn directory(&mut self, path: &str, mode: u32) -> Result<&mut LayerBuilder> {
        self.member(&format!("{path}/"), EntryType::Directory, mode, "", b"")
    }

    /// Adds a symbolic link.
    pub fn symlink(&mut self, path: &str, target: &str) -> Result<&mut LayerBuilder> {
        self.member(path, EntryType::Symlink, 0o777, target, b"")
    }

    /// Adds another name of the member `target`.
    pub fn hard_link(&mut self, path: &str, target: &str) -> Result<&mut LayerBuilder> {
        self.member(path, EntryType::Link, 0o644, target, b"")
    }

    /// Adds a named pipe.
    pub fn fifo(&mut self, path: &str, mode: u32) -> Result<&mut LayerBuilder> {
        self.member(path, EntryType::Fifo, mode, "", b"")
    }

    /// Adds a device; `kind` is [`EntryType::Char`] or [`EntryType::Block`].
    pub fn device(&mut self, path: &str, kind: EntryType, major: u32, minor: u32) -> Result<&mut LayerBuilder> {
        let mut header = self.header(path, kind, 0o600, "", 0)?;
        header.set_device_major(major)?;
        header.set_device_minor(minor)?;
        self.raw(header, b"")
    }

    /// Adds a member of any type, as it is.
    pub fn member(
        &mut self,
        path: &str,
        kind: EntryType,
        mode: u32,
        link: &str,
        bytes: &[u8],
    ) -> Result<&mut LayerBuilder> {
        let header = self.header(path, kind, mode, link, bytes.len() as u64)?;
        self.raw(header, bytes)
    }

    /// The archive with its end.
    pub fn finish(&mut self) -> Result<Vec<u8>> {
        let mut archive = std::mem::take(&mut self.archive);
        archive.write_all(&[0; 1024]).context("cannot end the archive")?;
        Ok(archive)
    }

    /// A header whose names, where they are too long for it, go into the member's PAX records.
    fn header(&mut self, path: &str, kind: EntryType, mode: u32, link: &str, size: u64) -> Result<Header> {
        let mut header = Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(MTIME);
        header.set_size(size);
        set_bytes(&mut header.as_old_mut().name, path.as_bytes());
        set_bytes(&mut header.as_old_mut().linkname, link.as_bytes());
        if path.len() > 100 {
            self.pax("path", path.as_bytes());
        }
        if link.len() > 100 {
            self.pax("linkpath", link.as_bytes());
        }
        Ok(header)
    }

    fn raw(&mut self, mut header: Header, bytes: &[u8]) -> Result<&mut LayerBuilder> {
        let records = std::mem::take(&mut self.records);
        if !records.is_empty() {
            let extended = self.header("PaxHeaders/next", EntryType::XHeader, 0o644, "", records.len() as u64)?;
            self.raw(extended, &records)?;
        }
        header.set_cksum();
        self.archive.extend(header.as_bytes());
        self.archive.extend(bytes);
        self.archive.resize(self.archive.len().next_multiple_of(512), 0);
        Ok(self)
    }
}

fn set_bytes(field: &mut [u8; 100], bytes: &[u8]) {
    let len = bytes.len().min(field.len());
    field[..len].copy_from_slice(&bytes[..len]);
}

/// Bytes that cannot be compressed, and that no two seeds have in common (xorshift64*, S. Vigna): whole words.
pub fn random_bytes(seed: u64, size: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let words = (0..size / 8).map(|_| {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes()
    });
    words.flatten().collect()
}
