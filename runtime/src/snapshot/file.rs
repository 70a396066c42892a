//! The snapshot file.
//!
//! ```text
//! file := "prelift snapshot", section "snapshot" { section "header", section "state", section "ram" }, checksum
//! ```
//!
//! The checksum is the SHA-256 of all before it. It finds damage, not malice: what passes it is still checked field by
//! field. Sections are those of [`codec`](super::codec); offsets in errors are offsets in the file.

use super::codec::{CodecError, Reader, Writer};
use super::{Header, PageRun, Snapshot};
use crate::memory::MemoryError;
use sha2::{Digest as _, Sha256};
use std::io::{self, Read, Write};

const MAGIC: &[u8; 16] = b"prelift snapshot";
const CHECKSUM: usize = 32;
/// Version of the file as a whole; the sections have their own.
const VERSION: u16 = 2;

/// Why a snapshot cannot be read or restored.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The stream failed.
    #[error("snapshot: {0}")]
    Io(#[from] io::Error),
    /// The file begins with something else.
    #[error("snapshot, offset 0: expected \"prelift snapshot\": this is no snapshot")]
    Magic,
    /// The bytes are not those that were written.
    #[error("snapshot, offset {offset}: the checksum does not match the {offset} bytes before it: the file is damaged")]
    Checksum {
        /// Where the checksum stands.
        offset: usize,
    },
    /// A section is damaged.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// Sizes that cannot be.
    #[error("snapshot section \"header\": {0}")]
    Memory(#[from] MemoryError),
    /// A page outside of RAM.
    #[error("snapshot section \"ram\": expected pages below {ram_size:#x}, found {} at {}", run.count, run.gpa())]
    OutsideRam {
        /// The run that holds it.
        run: PageRun,
        /// Bytes of RAM.
        ram_size: u64,
    },
    /// Another size of RAM.
    #[error("snapshot: expected the {expected} bytes of RAM that it was taken with, found {found}")]
    Ram {
        /// The snapshot's.
        expected: u64,
        /// The machine's.
        found: u64,
    },
    /// Another image than the snapshot was taken with.
    #[error("snapshot: expected the image of {expected} bytes that it was taken with, found another of {found} bytes")]
    Image {
        /// Size of the snapshot's image.
        expected: u64,
        /// Size of what was given.
        found: u64,
    },
}

impl Snapshot {
    /// Writes the file.
    ///
    /// # Errors
    /// Those of `to`.
    pub fn write(&self, to: &mut impl Write) -> io::Result<()> {
        let mut writer = Writer::new();
        writer.raw(MAGIC);
        writer.section("snapshot", VERSION, |writer| {
            writer.section("header", 1, |writer| writer.field(&self.header));
            writer.section("state", 1, |writer| writer.raw(&self.state));
            writer.section("ram", 1, |writer| writer.field(&self.ram));
        });
        let bytes = writer.into_bytes();
        to.write_all(&bytes)?;
        to.write_all(&Sha256::digest(&bytes))
    }

    /// Reads a file to its end.
    ///
    /// # Errors
    /// If it is not one that [`Snapshot::write`] wrote, or is of another version.
    pub fn read(from: &mut impl Read) -> Result<Snapshot, SnapshotError> {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes)?;
        if !bytes.starts_with(MAGIC) {
            return Err(SnapshotError::Magic);
        }
        // The version comes first, so that a file of another one is told from a damaged one.
        let offset = bytes.len().saturating_sub(CHECKSUM);
        let (body, checksum) = bytes.split_at(offset);
        let read = parse(body);
        match read {
            Err(error @ CodecError::Version { section: "snapshot", .. }) => Err(error.into()),
            _ if Sha256::digest(body).as_slice() != checksum => Err(SnapshotError::Checksum { offset }),
            read => Ok(read?),
        }
    }
}

/// What the snapshot is of that a file has; nothing else is looked at.
///
/// # Errors
/// If it begins with no snapshot of this version.
pub fn header(file: &[u8]) -> Result<Header, SnapshotError> {
    if !file.starts_with(MAGIC) {
        return Err(SnapshotError::Magic);
    }
    let mut reader = Reader::new(file);
    reader.raw(MAGIC.len() as u64)?;
    Ok(reader.section("snapshot", VERSION, |reader| {
        let header = reader.section("header", 1, |reader| reader.field())?;
        reader.rest();
        Ok(header)
    })?)
}

fn parse(body: &[u8]) -> Result<Snapshot, CodecError> {
    let mut reader = Reader::new(body);
    reader.raw(MAGIC.len() as u64)?;
    let snapshot = reader.section("snapshot", VERSION, |reader| {
        Ok(Snapshot {
            header: reader.section("header", 1, |reader| reader.field())?,
            state: reader.section("state", 1, |reader| Ok(reader.rest().to_vec()))?,
            ram: reader.section("ram", 1, |reader| reader.field())?,
        })
    })?;
    reader.finish()?;
    Ok(snapshot)
}
